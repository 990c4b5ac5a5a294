"""A session of one engine on few rows, for tests of what is measured in it."""

from pathlib import Path

from benches.child import Session, Specification
from benches.stores import PykvStore


def session_of(directory: Path, engine: str, rows: frozenset[str]) -> Session:
    """A session that wants these rows of Section.FEATURES."""
    specification = Specification(
        engine="pykv",
        pykv_engine=engine,
        sections=("features",),
        rows=tuple(rows),
        key_count=500,
        seed=1,
        budget_bytes=16 << 20,
        directory=str(directory),
    )
    return Session(specification, PykvStore(16 << 20, engine))
