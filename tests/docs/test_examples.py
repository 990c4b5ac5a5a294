"""The examples of README.md, of the guide and of the API page run as they stand."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.docs.blocks import Block, blocks_of, commands, program

PAGES = ["README.md", "docs/guide.md", "docs/index.md", "docs/api.md"]
SECONDS_MAX = 120


def blocks_with(language: str, needing: bool) -> list[Block]:
    found = [block for page in PAGES for block in blocks_of(page) if block.language == language]
    return [block for block in found if bool(block.needs) == needing]


def run(command: list[str], folder: Path) -> None:
    environment = os.environ | {"PYTHONWARNINGS": "error", "PYTHON": sys.executable}
    ended = subprocess.run(
        command,
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=SECONDS_MAX,
        check=False,
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr


@pytest.mark.parametrize("page", PAGES)
def test_the_python_of_a_page_runs_from_top_to_bottom(page: str, tmp_path: Path) -> None:
    """Also without a warning: what an example opens it closes."""
    blocks = [block for block in blocks_with("python", needing=False) if block.page == page]
    if page != "docs/index.md":
        assert blocks, f"{page} has no example"
    program_file = tmp_path / "program.py"
    program_file.write_text(program(blocks), encoding="utf-8")
    folder = tmp_path / "folder"
    folder.mkdir()
    run([sys.executable, str(program_file)], folder)


@pytest.mark.parametrize(
    "block", blocks_with("python", needing=True), ids=lambda block: f"{block.name}-{block.needs}"
)
def test_an_example_that_needs_another_library_runs(block: Block, tmp_path: Path) -> None:
    if importlib.util.find_spec(block.needs) is None:
        pytest.skip(reason=f"{block.needs} is not installed here: it comes with the extra bench")
    run([sys.executable, "-c", "import pykv\n" + program([block])], tmp_path)


@pytest.mark.parametrize("block", blocks_with("sh", needing=False), ids=lambda block: block.name)
def test_the_pykv_commands_of_a_page_run(block: Block, tmp_path: Path) -> None:
    lines = commands(block)
    if not lines:
        return
    (tmp_path / "rows.tsv").write_text("one\t1\ntwo\t2\n", encoding="ascii")
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "a.jpg").write_bytes(b"\xff\xd8")
    shell = 'set -euo pipefail; pykv() { "$PYTHON" -m pykv.cli "$@"; }\n'
    run(["bash", "-c", shell + lines], tmp_path)
