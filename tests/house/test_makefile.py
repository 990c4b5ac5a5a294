"""The targets of the Makefile: every one has its help text, and those promised are there."""

import re

import house_files

PROMISED = """
    help quickstart test check test-c test-py test-asan test-tsan test-crash test-model fuzz-replay
    test-plants soak fuzz bench bench-compare bench-scale dev build stubs lib wheel docs
    format lint type clean
"""
PHONY = re.compile(r"^\.PHONY:(.*)$", re.MULTILINE)
HELPED = re.compile(r"^([a-z][a-z0-9-]*):[^=\n]*## (\S.*)$", re.MULTILINE)


def _text() -> str:
    return "\n".join(house_files.read(p) for p in house_files.matching(*house_files.MAKEFILES))


def _phony(text: str) -> list[str]:
    return " ".join(PHONY.findall(text)).split()


def test_every_target_has_help_text() -> None:
    helped = [name for name, _ in HELPED.findall(_text())]
    assert sorted(_phony(_text())) == sorted(helped), "a target and its help differ"
    assert len(helped) == len(set(helped)), "a target is written twice"


def test_the_promised_targets_are_there() -> None:
    missing = set(PROMISED.split()) - set(_phony(_text()))
    assert not missing, f"no such target: {sorted(missing)}"


def test_recipes_name_scripts_that_exist() -> None:
    scripts = set(re.findall(r"\bmake/\w+\.(?:sh|py)\b", _text()))
    missing = [name for name in sorted(scripts) if not house_files.exists(name)]
    assert scripts
    assert not missing


def test_docs_runs_every_test_of_the_documentation() -> None:
    """The recipes of the guide were once left out."""
    recipe = re.search(r"^docs:.*\n((?:\t.*\n?)+)", _text(), re.MULTILINE)
    assert recipe
    for tests in ("tests/docs", "tests/format", "tests/house/test_docs.py"):
        assert f" {tests} " in recipe[1], f"make docs does not run {tests}"


def test_a_target_without_help_is_seen() -> None:
    text = ".PHONY: a b\na: x ## does a\nb: x\n"
    assert _phony(text) == ["a", "b"]
    assert HELPED.findall(text) == [("a", "does a")]
