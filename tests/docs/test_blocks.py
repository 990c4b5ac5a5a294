"""Examples are found, and one that says something wrong is noticed."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.docs import blocks
from tests.docs.blocks import Block, blocks_of, checked, commands, program

PAGE = """# A page

```python
x = 1
x + 1  # 2
x + 1  # two, in words
if x:
    x + 2   # 3
```

```python needs no_such_module
y = 2
```

```sh
make quickstart
pykv get data key
```
"""


@pytest.fixture
def page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    (tmp_path / "page.md").write_text(PAGE, encoding="ascii")
    monkeypatch.setattr(blocks, "ROOT", tmp_path)
    return "page.md"


def run(source: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", source], capture_output=True, text=True, check=False
    )


def test_blocks_have_a_place_a_language_and_a_need(page: str) -> None:
    first, second, third = blocks_of(page)
    assert (first.name, first.language, first.needs) == ("page.md:4", "python", "")
    assert (second.language, second.needs) == ("python", "no_such_module")
    assert commands(third) == "pykv get data key"


def test_literal_comments_are_compared_and_words_are_not(page: str) -> None:
    source = checked(blocks_of(page)[0])
    assert "_compare(x + 1, 2, 'page.md:5')" in source
    assert "    _compare(x + 2, 3, 'page.md:8')" in source
    assert "two, in words" in source
    assert run(program(blocks_of(page)[:1])).returncode == 0


def test_a_wrong_value_and_an_error_name_their_line() -> None:
    wrong = run(program([Block("page.md", 10, "python", "", "x = 1\nx  # 2\n")]))
    assert wrong.returncode == 1
    assert "page.md:11: 1 is not 2" in wrong.stderr
    broken = run(program([Block("page.md", 10, "python", "", "x = 1\n1 / 0\n")]))
    assert 'File "page.md", line 11' in broken.stderr
