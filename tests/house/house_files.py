"""The files of the tree, as the house rules see them.

With git these are the tracked files and the new ones that no ignore rule covers; in an unpacked
archive without git, everything outside the folders that hold products.
"""

import functools
import shutil
import subprocess
from collections.abc import Iterable, Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
NATIVE = Path("src/pykv/_native")
GENERATED = {NATIVE / "_core.c"}
PRODUCT_FOLDERS = {".git", ".venv", "build", "dist", "__pycache__"}
PRODUCT_SUFFIXES = {".so", ".o", ".pyc"}
MAKEFILES = ("Makefile", "make/*.mk")


def _ask_git() -> list[str] | None:
    """Return git's list of files, or None outside a git work tree."""
    git = shutil.which("git")
    if git is None or not (ROOT / ".git").exists():
        return None
    command = [git, "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    answer = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    return answer.stdout.split("\0")[:-1] if answer.returncode == 0 else None


def _walk() -> Iterator[str]:
    """Yield every file that is not a product of a build."""
    for path in ROOT.rglob("*"):
        relative = path.relative_to(ROOT)
        hidden_cache = any(p.endswith(("_cache", ".egg-info")) for p in relative.parts)
        if path.is_file() and not hidden_cache and not PRODUCT_FOLDERS & set(relative.parts):
            yield str(relative)


@functools.cache
def files() -> tuple[Path, ...]:
    """Return the files of the tree, sorted, relative to ROOT."""
    names = _ask_git()
    paths = {Path(name) for name in (names if names is not None else _walk())}
    kept = (p for p in paths - GENERATED if p.suffix not in PRODUCT_SUFFIXES)
    return tuple(sorted(p for p in kept if (ROOT / p).is_file()))


def matching(*patterns: str) -> list[Path]:
    """Return the files whose whole path matches one of the patterns; `**/` spans folders."""
    return [p for p in files() if any(_matches(p, pattern) for pattern in patterns)]


def _matches(path: Path, pattern: str) -> bool:
    """Match like a shell, with `**/` in the middle standing for any number of folders."""
    head, deep, tail = pattern.partition("**/")
    if not deep:
        return len(path.parts) == len(Path(pattern).parts) and path.match(pattern)
    folders = Path(head).parts
    return path.parts[: len(folders)] == folders and path.match(tail)


def read(path: Path) -> str:
    """Return the text of a file of the tree."""
    return (ROOT / path).read_text(encoding="utf-8")


def exists(name: str) -> bool:
    """Tell whether the tree has this file."""
    return (ROOT / name).is_file()


def fail_on(violations: Iterable[str], rule: str) -> None:
    """Fail the test with one line for each violation, led by the rule they break."""
    found = list(violations)
    assert not found, "\n".join([rule, *found])
