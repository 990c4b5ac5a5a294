"""The seed of a run, and what its tests counted, told at its end."""

import os
import time
from collections.abc import Iterator

import pytest
from tests.engine.native_kinds import KINDS, Kind

_counts: list[str] = []


@pytest.fixture(params=KINDS, ids=lambda kind: kind.name)
def kind(request: pytest.FixtureRequest) -> Kind:
    """Each engine of the core."""
    found: Kind = request.param
    return found


@pytest.fixture
def seed() -> int:
    """PYKV_SEED, or a new one. A test that uses it says it when it fails."""
    return int(os.environ.get("PYKV_SEED") or time.time_ns() % 1_000_000_000)


@pytest.fixture
def told(request: pytest.FixtureRequest) -> Iterator[list[str]]:
    """A list whose entries are printed at the end of the run, with the name of the test."""
    told: list[str] = []
    yield told
    _counts.extend(f"{request.node.name}: {each}" for each in told)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    for each in _counts:
        terminalreporter.write_line(each)
