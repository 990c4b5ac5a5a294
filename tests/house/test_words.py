"""The tree speaks about pykv and nothing else: not about who or what wrote it, nor about where."""

import re
from collections.abc import Iterator
from pathlib import Path

import house_files
import pytest

# One letter of each word stands in brackets, so that this file does not break its own rule.
WORDS = (
    "help[e]rs?",
    "(sub)?ag[e]nts?",
    "cl[a]ude",
    "cop[i]lot",
    "open[a]i",
    "anthr[o]pic",
    "(chat)?g[p]t",
    "l[l]ms?",
    "session [i]ds?",
    "language [m]odels?",
)
PLACES = (r"(?<![\w.])/w[o]rk\b", "/tmp/br[i]ef", r"pyp[i]\.org", "python[h]osted")
PATTERN = re.compile(rf"\b(?:{'|'.join(WORDS)})\b|{'|'.join(PLACES)}", re.IGNORECASE)
# Inputs of fuzzers are bytes, not words.
LEFT_OUT = "tests/fuzz/corpus/"


def violations(path: Path, text: str) -> Iterator[str]:
    """Yield the lines that hold one of the words; line 0 is the path itself."""
    for number, line in enumerate([str(path), *text.split("\n")]):
        for found in PATTERN.finditer(line):
            yield f"{path}:{number}: {found[0]!r}"


def test_no_word_of_the_workplace() -> None:
    paths = [p for p in house_files.files() if not p.as_posix().startswith(LEFT_OUT)]
    texts = ((p, (house_files.ROOT / p).read_text("utf-8", errors="replace")) for p in paths)
    found = [v for path, text in texts for v in violations(path, text)]
    house_files.fail_on(found, "Write about pykv, not about its making.")


@pytest.mark.parametrize("line", ["a help-er of", "see /wo-rk/x", "the Ag-ents", "an LL-M"])
def test_such_a_word_is_found(line: str) -> None:
    assert list(violations(Path("x.md"), line.replace("-", "")))


@pytest.mark.parametrize("line", ["benches/workloads.py", "a session of a replica", "agenda"])
def test_an_innocent_word_is_left_alone(line: str) -> None:
    assert not list(violations(Path("x.md"), line))
