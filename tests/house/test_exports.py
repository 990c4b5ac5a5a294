"""What pykv exports is what docs/api.md documents.

A public name is documented when docs/api.md writes it as `pykv.name` at least once; what the page
writes so, and is no module, must be exported.
"""

import ast
import re
from pathlib import Path

import house_files
import pytest

PACKAGE = Path("src/pykv/__init__.py")
DOCUMENT = Path("docs/api.md")
DOCUMENTED_NAME = re.compile(r"\bpykv\.([A-Za-z_]\w*)")


def exported(text: str) -> list[str]:
    """Return the literal value of __all__, or an empty list if there is none."""
    for node in ast.parse(text).body:
        targets = node.targets if isinstance(node, ast.Assign) else []
        if isinstance(node, ast.AnnAssign):
            targets = [node.target]
        if any(isinstance(target, ast.Name) and target.id == "__all__" for target in targets):
            value = node.value if isinstance(node, ast.Assign | ast.AnnAssign) else None
            return list(ast.literal_eval(value)) if value is not None else []
    return []


def documented(text: str) -> set[str]:
    """Return the names of pykv that a document writes, without modules and file suffixes."""
    return {name for name in DOCUMENTED_NAME.findall(text) if not _is_module(name)}


def _is_module(name: str) -> bool:
    in_tree = any(house_files.exists(f"src/pykv/{name}{end}") for end in (".py", "/__init__.py"))
    return in_tree or name in {"h", "engines"}


def order(name: str) -> tuple[int, str]:
    """Return the sort key of __all__: constants, then classes, then the rest."""
    if name.isupper():
        return 0, name
    return (1 if name[0].isupper() else 2), name


@pytest.fixture
def names() -> list[str]:
    """The names that pykv exports."""
    if not house_files.exists(str(PACKAGE)):
        pytest.skip("there is no Python package yet")
    return exported(house_files.read(PACKAGE))


def test_all_is_sorted_and_without_repetition(names: list[str]) -> None:
    assert names, f"{PACKAGE} has no literal __all__"
    assert names == sorted(set(names), key=order)


def test_every_name_of_all_is_there(names: list[str]) -> None:
    pykv = pytest.importorskip("pykv", reason="pykv is not built here: make build")
    missing = [name for name in names if not hasattr(pykv, name)]
    assert not missing, f"in __all__, but not in pykv: {missing}"


def test_the_documented_api_is_what_is_exported(names: list[str]) -> None:
    assert house_files.exists(str(DOCUMENT)), f"{DOCUMENT} is missing: it documents pykv's names"
    written = documented(house_files.read(DOCUMENT))
    public = {name for name in names if not name.startswith("__")}
    assert sorted(public - written) == [], f"exported, but not in {DOCUMENT}"
    assert sorted(written - public) == [], f"in {DOCUMENT}, but not exported"


def test_all_is_read_from_the_source() -> None:
    assert exported("from x import A\n__all__ = ['A', 'b']\n") == ["A", "b"]
    assert exported("x = 1\n") == []
    assert documented("`pykv.open(path)` and pykv.h") == {"open"}
    assert sorted(["open", "Store", "LIMIT"], key=order) == ["LIMIT", "Store", "open"]
