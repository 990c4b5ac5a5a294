"""What verify tells is good or not."""

from pykv.errors import Damage
from pykv.reports import Report


def test_a_report_is_good_without_damage() -> None:
    assert Report().ok
    assert Report(record_count=5, lost_record_count=1).ok
    bad = Report(damage_count=70, damages=(Damage(None, 0, "bad"),))
    assert not bad.ok
    assert len(bad.damages) == 1
