"""The list of planted bugs and the places where the core can grow them agree."""

import re
from pathlib import Path

import house_files
import pytest

LIST = Path("tests/plants.txt")
PLANTED = re.compile(r"\bPYKV_PLANTED\((\d+)\)")


def entries(text: str) -> list[list[str]]:
    """Return the fields of each line: number, command, what the bug is."""
    lines = (line for line in text.splitlines() if line.strip() and not line.startswith("#"))
    return [[part.strip() for part in line.split("|", 2)] for line in lines]


@pytest.fixture
def listed() -> list[list[str]]:
    """The entries of tests/plants.txt."""
    planted = _planted_numbers()
    if not planted and not house_files.exists(str(LIST)):
        pytest.skip("the core holds no planted bug yet")
    assert house_files.exists(str(LIST)), f"{LIST} is missing, but there are {sorted(planted)}"
    return entries(house_files.read(LIST))


def _planted_numbers() -> set[str]:
    paths = house_files.matching("src/pykv/_native/**/*.[ch]")
    return {number for path in paths for number in PLANTED.findall(house_files.read(path))}


def test_every_entry_has_a_number_a_command_and_a_story(listed: list[list[str]]) -> None:
    for entry in listed:
        assert len(entry) == 3, entry
        assert entry[0].isdigit(), entry
        assert all(entry), entry


def test_the_numbers_are_those_of_the_core(listed: list[list[str]]) -> None:
    numbers = [entry[0] for entry in listed]
    assert len(numbers) == len(set(numbers)), "a number is given twice"
    assert set(numbers) == _planted_numbers()


def test_a_line_is_split_into_its_fields() -> None:
    text = "# number | command | bug\n\n 3 | make test-c T=x | a | in the story\n"
    assert entries(text) == [["3", "make test-c T=x", "a | in the story"]]
