"""Where a backup makes its checkpoint, and what is left of one that died."""

from pathlib import Path

from pykv.engine.backup_place import left_in, place_in, remove_left


def test_places_are_not_taken_twice_and_go_at_the_end(tmp_path: Path) -> None:
    with place_in(tmp_path) as one, place_in(tmp_path) as other:
        assert one != other
        for each in (one, other):
            each.mkdir()
            (each / "file").touch()
        remove_left(tmp_path)
        assert (other / "file").exists()
    assert not list(tmp_path.iterdir())


def test_what_is_left_goes_and_other_names_stay(tmp_path: Path) -> None:
    for name in (".backup-3", ".backup-2026-11", ".backup-", "backup-3", ".backup-of-mine"):
        (tmp_path / name).mkdir()
    assert left_in(tmp_path) == [tmp_path / ".backup-3"]
    remove_left(tmp_path)
    assert len(list(tmp_path.iterdir())) == 4
    assert left_in(tmp_path / "none") == []
