"""Hooks and fixtures of all tests: a random order with a printed seed, and Hypothesis profiles.

The order of modules, and of the tests inside each, is shuffled. `--order-seed N` gives an order
back; `rng` is a generator that depends on that seed and the name of the test alone.
`--hypothesis-profile full` runs the model tests with many more examples.
"""

import random
import signal
import sys
import time
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

settings.register_profile(
    "quick",
    max_examples=50,
    stateful_step_count=40,
    deadline=None,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.register_profile(
    "full", settings.get_profile("quick"), max_examples=1_000, stateful_step_count=80
)
settings.load_profile("quick")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--order-seed", type=int, default=None, help="seed of the order of the tests")


def pytest_configure(config: pytest.Config) -> None:
    # A shell starts what it runs in the background with interrupts ignored.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    if config.option.order_seed is None:
        config.option.order_seed = time.time_ns() % 1_000_000


def pytest_report_header(config: pytest.Config) -> str:
    return f"order: random, give it back with --order-seed {config.option.order_seed}"


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    generator = random.Random(config.option.order_seed)
    modules: dict[str, list[pytest.Item]] = {}
    for item in items:
        modules.setdefault(item.nodeid.split("::")[0], []).append(item)
    groups = list(modules.values())
    generator.shuffle(groups)
    for group in groups:
        generator.shuffle(group)
    items[:] = [item for group in groups for item in group]


@pytest.fixture
def rng(request: pytest.FixtureRequest) -> random.Random:
    """A generator seeded by --order-seed and the name of the test."""
    return random.Random(f"{request.config.option.order_seed} {request.node.nodeid}")


@pytest.fixture
def frequent_switches() -> Iterator[None]:
    """Threads of Python take turns a thousand times as often."""
    interval = sys.getswitchinterval()
    sys.setswitchinterval(interval / 1000)
    yield
    sys.setswitchinterval(interval)
