"""Which engines the contract is tried on."""

import importlib.util

import pytest

from tests.contract.conftest import ADAPTERS, SUBJECTS


@pytest.mark.parametrize(("name", "package"), [(name, package) for name, package, _ in ADAPTERS])
def test_an_adapter_is_tried_where_its_package_is(name: str, package: str) -> None:
    if importlib.util.find_spec(package) is None:
        pytest.skip(f"{package} is not here: the contract of {name} is not tried")
    assert name in {subject.name for subject in SUBJECTS}
