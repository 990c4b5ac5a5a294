"""Every unit has its test: X.c has X_test.c, a public module has test_X.py or a contract suite.

A module whose behaviour a shared suite covers is a line of tests/contract/modules.txt:
    pykv.engine.bitcask  tests/contract/test_mapping.py
"""

import re
from collections.abc import Iterator
from pathlib import Path

import house_files
import house_python

CONTRACT_LIST = Path("tests/contract/modules.txt")
# cpython/ needs a running interpreter: its tests are those of the Python types.
C_FOLDERS_TESTED_BY_PYTHON = {"cpython"}
CHECKS_SOMETHING = re.compile(r"\bCHECK(_\w+)?\(")
ASSERTS_SOMETHING = re.compile(r"\bassert\b|\bpytest\.(raises|warns)\(")


def c_test_of(source: Path) -> Path:
    """Return the path of the C test that a source of the core must have."""
    inner = source.relative_to(house_files.NATIVE)
    return Path("tests/c") / inner.with_name(f"{inner.stem}_test.c")


def python_test_of(module: Path) -> Path:
    """Return the path of the test that a public module must have."""
    inner = module.relative_to("src/pykv")
    return Path("tests") / inner.with_name(f"test_{inner.stem}.py")


def is_public(module: Path) -> bool:
    """Tell whether users may import the module by its own name."""
    inner = module.relative_to("src/pykv")
    return not any(part.startswith("_") for part in inner.parts)


def contract_suites() -> dict[str, list[str]]:
    """Return the suites of each module in the contract list."""
    suites: dict[str, list[str]] = {}
    if house_files.exists(str(CONTRACT_LIST)):
        for line in house_files.read(CONTRACT_LIST).splitlines():
            module, *paths = line.split("#")[0].split() or [""]
            suites.setdefault(module, []).extend(paths)
    suites.pop("", None)
    return suites


def test_every_c_source_has_a_test_that_checks_something() -> None:
    sources = house_files.matching("src/pykv/_native/*/*.c")
    house_files.fail_on(_c_violations(sources), "Every X.c has tests/c/<layer>/X_test.c.")


def _c_violations(sources: list[Path]) -> Iterator[str]:
    for source in sources:
        test = c_test_of(source)
        if source.parts[3] in C_FOLDERS_TESTED_BY_PYTHON:
            continue
        if not house_files.exists(str(test)):
            yield f"{source}: there is no {test}"
        elif not CHECKS_SOMETHING.search(house_files.read(test)):
            yield f"{test}: it checks nothing"


def test_every_public_module_has_a_test_that_asserts_something() -> None:
    modules = [p for p in house_files.matching("src/pykv/**/*.py") if is_public(p)]
    house_files.fail_on(
        _python_violations(modules),
        f"Every public module has test_X.py, or a line in {CONTRACT_LIST}.",
    )


def _python_violations(modules: list[Path]) -> Iterator[str]:
    suites = contract_suites()
    for module in modules:
        name = house_python.module_name(module)
        tests = [str(python_test_of(module)), *suites.get(name, [])]
        found = [test for test in tests if house_files.exists(test)]
        if not found:
            yield f"{module}: there is no {tests[0]}"
        elif not any(ASSERTS_SOMETHING.search(house_files.read(Path(test))) for test in found):
            yield f"{module}: its test asserts nothing: {found}"


def test_the_contract_list_names_what_exists() -> None:
    for module, paths in contract_suites().items():
        source = "src/" + module.replace(".", "/")
        assert house_files.exists(f"{source}.py") or house_files.exists(f"{source}/__init__.py"), (
            f"{CONTRACT_LIST}: there is no module {module}"
        )
        missing = [path for path in paths if not house_files.exists(path)]
        assert paths, f"{CONTRACT_LIST}: {module} names no suite"
        assert not missing, f"{CONTRACT_LIST}: {module} names {missing}"


def test_a_unit_without_a_test_is_found() -> None:
    assert list(_c_violations([house_files.NATIVE / "base/unheard_of.c"]))
    assert list(_python_violations([Path("src/pykv/unheard_of.py")]))
    assert not is_public(Path("src/pykv/_native/handle.py"))
    assert is_public(Path("src/pykv/cli/get.py"))
