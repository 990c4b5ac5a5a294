"""Reports for people and for programs."""

import json
from pathlib import Path

from pykv.cli.reporting import counts_text, damage_lines, report_fields
from pykv.errors import Damage
from pykv.store import Report

DAMAGE = Damage(Path("/x/1.log"), 64, "a wrong check", 1, 2)


def test_fields_are_all_of_the_report_and_fit_json() -> None:
    report = Report(file_count=2, record_count=3, byte_count=4, damage_count=1, damages=(DAMAGE,))
    fields = json.loads(json.dumps(report_fields(report)))
    assert fields["ok"] is False
    assert fields["record_count"] == 3
    assert fields["damages"] == [
        {"path": "/x/1.log", "offset": 64, "text": "a wrong check", "expected": 1, "got": 2}
    ]
    assert report_fields(Report(damages=(Damage(None, 0, "x"),)))["damages"][0]["path"] is None


def test_damages_that_are_not_listed_are_counted() -> None:
    assert damage_lines([DAMAGE], 1) == [str(DAMAGE)]
    assert damage_lines([DAMAGE], 1_001) == [str(DAMAGE), "and 1,000 more"]
    assert damage_lines([], 0) == []


def test_counts_are_one_phrase() -> None:
    report = Report(file_count=1, record_count=1_234, byte_count=1_500)
    assert counts_text(report) == "1,234 records in 1 file, 1.5 kB"
