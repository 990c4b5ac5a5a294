"""Documents lead somewhere: relative links resolve, examples in Python are Python."""

import ast
import re
import textwrap
from collections.abc import Iterator
from pathlib import Path

import house_files

DOCUMENTS = ("*.md", "docs/**/*.md", "tests/*.md", "benches/**/*.md")
FENCED_BLOCK = re.compile(r"^( *)```(\w*)[^\n]*\n(.*?)^\1```", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\[[^\]\n]*\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#+ (.*)$", re.MULTILINE)


def without_code(text: str) -> str:
    """Return the text without fenced blocks and code spans."""
    return re.sub(r"`[^`\n]*`", "", FENCED_BLOCK.sub("", text))


def anchors(text: str) -> set[str]:
    """Return the anchors of the headings: lower case, words joined by hyphens."""
    titles = HEADING.findall(FENCED_BLOCK.sub("", text))
    return {re.sub(r"[^\w\- ]", "", title.lower()).strip().replace(" ", "-") for title in titles}


def link_violations(path: Path, text: str) -> Iterator[str]:
    """Yield relative links whose file or heading is not there."""
    for target in LINK.findall(without_code(text)):
        if re.match(r"[a-z]+:", target):
            continue
        name, _, anchor = target.partition("#")
        file = (house_files.ROOT / path.parent / name) if name else house_files.ROOT / path
        if not file.exists():
            yield f"{path}: {target} leads nowhere"
        elif anchor and file.is_file() and anchor not in anchors(file.read_text("utf-8")):
            yield f"{path}: {target}: no such heading"


def example_violations(path: Path, text: str) -> Iterator[str]:
    """Yield examples in Python that do not compile."""
    for _, language, block in FENCED_BLOCK.findall(text):
        if language not in {"python", "py"}:
            continue
        try:
            ast.parse(textwrap.dedent(block))
        except SyntaxError as error:
            yield f"{path}: an example is not Python: {error}"


def test_links_and_examples_hold() -> None:
    paths = house_files.matching(*DOCUMENTS)
    found = [v for p in paths for v in link_violations(p, house_files.read(p))]
    found += [v for p in paths for v in example_violations(p, house_files.read(p))]
    house_files.fail_on(found, "Links resolve and examples compile.")


def test_a_broken_link_or_example_is_found() -> None:
    assert list(link_violations(Path("x.md"), "[a](no/such/file.md)"))
    assert list(link_violations(Path("Makefile"), "[a](#no-such-heading)"))
    assert not list(link_violations(Path("x.md"), "`[a](b)` and [make](Makefile)"))
    assert list(example_violations(Path("x.md"), "```python\nx = = 1\n```\n"))
    assert anchors("# One `two`, three\n") == {"one-two-three"}
