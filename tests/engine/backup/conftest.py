"""An engine for each test of backups, and a place for its repository."""

from pathlib import Path

import pytest

from tests.engine.native_kinds import KINDS, Kind


@pytest.fixture(params=KINDS, ids=lambda kind: kind.name)
def kind(request: pytest.FixtureRequest) -> Kind:
    chosen: Kind = request.param
    return chosen


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    return tmp_path / "below" / "repository"
