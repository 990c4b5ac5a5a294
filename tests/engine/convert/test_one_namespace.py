"""A conversion of one namespace, for an engine that has none."""

from pathlib import Path

import pytest

import pykv
from pykv.engine.convert import mark
from tests.engine.convert.test_run import rows_of


def test_one_namespace_is_taken_by_its_name(tmp_path: Path) -> None:
    """The rows of the default one, of a store that has others, could not be taken at all."""
    with pykv.open(tmp_path / "source", engine="lsm") as db:
        db[b"k"] = b"default"
        db.namespace("users", create=True)[b"k"] = b"in users"
        with pytest.raises(KeyError, match="there is no namespace 'none'"):
            pykv.convert(db, tmp_path / "target", engine="sqlite", namespace="none")
    for name, value in (("", b"default"), ("users", b"in users")):
        for engine in ("sqlite", "lsm"):
            made = tmp_path / f"{name}-{engine}"
            found = pykv.convert(tmp_path / "source", made, engine=engine, namespace=name)
            assert found.row_count == 1
            assert rows_of(made) == [(b"k", value, 0, None)]
    with pykv.open(engine="memory") as db:
        db.namespace("users", create=True)[b"k"] = b"v"
        assert pykv.convert(db, tmp_path / "target", engine="sqlite", namespace="").row_count == 0


def test_a_conversion_of_one_namespace_does_not_go_on_with_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pykv.open(tmp_path / "source", engine="lsm") as db:
        db[b"k"] = b"default"
        db.namespace("users", create=True)[b"k"] = b"in users"
    monkeypatch.setattr(mark.Place, "finish", lambda *_arguments: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        pykv.convert(tmp_path / "source", tmp_path / "target", engine="lsm", namespace="")
    monkeypatch.undo()
    for other in (None, "users"):
        with pytest.raises(pykv.UnfinishedError, match=r"namespace '' of .* something else"):
            pykv.convert(tmp_path / "source", tmp_path / "target", engine="lsm", namespace=other)
    assert (
        pykv.convert(tmp_path / "source", tmp_path / "target", engine="lsm", namespace="").row_count
        == 1
    )
