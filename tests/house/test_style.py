"""Small pieces: the length of functions, files and lines, and text that every tool can read."""

from collections.abc import Iterator
from pathlib import Path

import house_c
import house_files
import house_python
import pytest

FUNCTION_LINES_MAX = 70
LINE_COLUMNS_MAX = 100
FILE_LINES_MAX = {".c": 500, ".h": 150, ".py": 400, ".pyi": 1000, ".mk": 150, ".sh": 120}
# The public header is one file by design: the whole C API, from which the binding is cut.
LONG_FILES = {Path("src/pykv/_native/pykv.h")}

CODE = (
    "src/**/*.[ch]",
    "tests/**/*.[ch]",
    "benches/**/*.[ch]",
    "src/**/*.py",
    "src/**/*.pyi",
    "tests/**/*.py",
    "benches/**/*.py",
    "make/*",
    "setup.py",
)
CONFIGURATION = ("Makefile", "*.toml", "*.in", ".ci/run", ".clang-*", ".pre-commit-config.yaml")
PROSE = ("*.md", "docs/**/*.md", "tests/**/*.md", "benches/**/*.md")
TABS_BELONG = {"Makefile", ".mk"}


def file_length_violations(path: Path, text: str) -> Iterator[str]:
    """Yield a violation if a file is longer than its kind may be."""
    count = len(text.splitlines())
    if path not in LONG_FILES and count > FILE_LINES_MAX.get(path.suffix, count):
        yield f"{path}:1: {count} lines, at most {FILE_LINES_MAX[path.suffix]}: split it"


def line_violations(path: Path, text: str) -> Iterator[str]:
    """Yield lines of code that are too long, not ASCII, or hold tabs."""
    tabs_belong = not TABS_BELONG.isdisjoint({path.name, path.suffix})
    for number, line in enumerate(text.split("\n"), 1):
        width = len(line.expandtabs(4))
        if width > LINE_COLUMNS_MAX and path.suffix != ".pyi":
            yield f"{path}:{number}: {width} columns, at most {LINE_COLUMNS_MAX}"
        if not line.isascii():
            yield f"{path}:{number}: not ASCII: {next(c for c in line if not c.isascii())!a}"
        if "\t" in line and not tabs_belong:
            yield f"{path}:{number}: a tab"


def ending_violations(path: Path, text: str) -> Iterator[str]:
    """Yield spaces at line ends, carriage returns, and a missing or doubled end of file."""
    for number, line in enumerate(text.split("\n"), 1):
        if line.endswith("\r"):
            yield f"{path}:{number}: a carriage return"
        elif line != line.rstrip():
            yield f"{path}:{number}: space at the end of the line"
    if text and (not text.endswith("\n") or text.endswith("\n\n")):
        yield f"{path}: must end with one newline"


def c_function_violations(path: Path, text: str) -> Iterator[str]:
    """Yield C functions that are too long, and bodies whose brace hides them from this count."""
    for function in house_c.functions(text):
        if function.length > FUNCTION_LINES_MAX:
            yield f"{path}:{function.line}: {function.name} has {function.length} lines"
    for line in house_c.misplaced_braces(text):
        yield f"{path}:{line}: the brace of a function stands on its own line"


def python_function_violations(path: Path, text: str) -> Iterator[str]:
    """Yield Python functions that are too long."""
    for name, line, length in house_python.functions(text):
        if length > FUNCTION_LINES_MAX:
            yield f"{path}:{line}: {name} has {length} lines"


def test_functions_are_short() -> None:
    c_files = house_files.matching("src/**/*.[ch]", "tests/**/*.[ch]", "benches/**/*.[ch]")
    python_files = [p for p in house_files.matching(*CODE) if p.suffix == ".py"]
    found = [v for p in c_files for v in c_function_violations(p, house_files.read(p))]
    found += [v for p in python_files for v in python_function_violations(p, house_files.read(p))]
    house_files.fail_on(found, f"A function has at most {FUNCTION_LINES_MAX} lines.")


def test_files_are_short() -> None:
    paths = house_files.matching(*CODE)
    found = [v for p in paths for v in file_length_violations(p, house_files.read(p))]
    house_files.fail_on(found, f"A file has a limit by its kind: {FILE_LINES_MAX}.")


def test_lines_are_short_and_plain() -> None:
    paths = house_files.matching(*CODE, *CONFIGURATION)
    found = [v for p in paths for v in line_violations(p, house_files.read(p))]
    house_files.fail_on(found, "Lines are short, ASCII, and indented by spaces.")


def test_line_and_file_ends_are_clean() -> None:
    paths = house_files.matching(*CODE, *CONFIGURATION, *PROSE)
    found = [v for p in paths for v in ending_violations(p, house_files.read(p))]
    house_files.fail_on(found, "No space before a line end; one newline at the end of a file.")


LONG_BODY = "    x();\n" * FUNCTION_LINES_MAX


@pytest.mark.parametrize(
    "text",
    [
        f"static int f(int a,\n             int b)\n{{\n{LONG_BODY}}}\n",
        f"TEST(a_case)\n{{\n{LONG_BODY}}}\n",
        "static int f(void) {\n    return 1;\n}\n",
    ],
)
def test_a_long_or_hidden_c_function_is_found(text: str) -> None:
    assert list(c_function_violations(Path("x.c"), text))


def test_a_c_function_is_measured_from_its_signature_to_its_brace() -> None:
    text = (
        'int a;\n/* {\n{\n */\nstatic int f(int a,\n             char *b)\n{\n    g("}\\"");\n}\n'
    )
    assert house_c.functions(text) == [house_c.Function("f", 5, 5)]


def test_structs_tables_and_macros_are_no_functions() -> None:
    text = "typedef struct s {\n    int a;\n} s;\nstatic const int t[] = {\n    1,\n};\n"
    text += "#define M(x) \\\n    do { \\\n    } while (0)\n"
    assert not house_c.functions(text)
    assert not house_c.misplaced_braces(text)


def test_a_long_python_function_is_found() -> None:
    text = "def f():\n" + "    x()\n" * FUNCTION_LINES_MAX
    assert list(python_function_violations(Path("x.py"), text))


@pytest.mark.parametrize("line", ["x" * 101, "5 \u00b5s", "\tx"])
def test_a_long_or_odd_line_is_found(line: str) -> None:
    assert list(line_violations(Path("x.py"), line))


@pytest.mark.parametrize("text", ["x", "x\n\n", "x \n", "x\r\n"])
def test_an_unclean_ending_is_found(text: str) -> None:
    assert list(ending_violations(Path("x.py"), text))


def test_a_long_file_is_found() -> None:
    assert list(file_length_violations(Path("x.h"), "\n" * 151))
