"""Names that one operating system alone has stand under a condition that knows them."""

import re
from collections.abc import Iterator
from pathlib import Path

import house_c
import house_files
import pytest

OF_ONE_SYSTEM = re.compile(
    r"""\b( MADV_(?!(NORMAL|RANDOM|SEQUENTIAL|WILLNEED|DONTNEED|FREE)\b)\w+
    | MAP_(?!(SHARED|PRIVATE|FIXED|FAILED|ANONYMOUS|NORESERVE)\b)\w+
    | O_(DIRECT|TMPFILE|NOATIME|PATH|LARGEFILE) | SYNC_FILE_RANGE_\w+ | POSIX_FADV_\w+ | FALLOC_\w+
    | AT_(HWCAP2?|EMPTY_PATH|NO_AUTOMOUNT) | HWCAP_\w+ | RENAME_\w+ | F_OFD_\w+ | F_FULLFSYNC
    | VM_INHERIT_\w+ | MNT_\w+ | RUSAGE_THREAD | CLOCK_BOOTTIME
    | (fdatasync|fallocate|posix_fallocate|posix_fadvise|sync_file_range|syncfs|copy_file_range
      |renameat2|getauxval|mremap|preadv2|pwritev2|pipe2|memrchr|strchrnul|gettid|getrandom
      |getentropy|minherit|posix_close|pthread_condattr_setclock)(?=\() )\b""",
    re.VERBOSE,
)
SYSTEM = re.compile(r"__linux__|__APPLE__|__GLIBC__")
CONDITION = re.compile(r"\s*#\s*(if|ifdef|ifndef|elif|else|endif)\b(.*)")


def conditions(lines: list[str]) -> Iterator[tuple[int, str, str]]:
    """Yield (number, line, all conditions around it) of each line that is no condition itself."""
    stack: list[str] = []
    for number, line in enumerate(lines, 1):
        found = CONDITION.match(line)
        if found is None:
            yield number, line, " ".join(stack)
        elif found[1].startswith("if"):
            stack.append(found[2])
        elif found[1] == "endif":
            stack.pop()
        else:
            stack[-1] += found[2]


def violations(path: Path, text: str) -> Iterator[str]:
    """Yield names of one system outside a condition over the system or the name itself."""
    for number, line, around in conditions(house_c.blank(text).split("\n")):
        for name in (found[0] for found in OF_ONE_SYSTEM.finditer(line)):
            if not SYSTEM.search(around) and not re.search(rf"\b{name}\b", around):
                yield f"{path}:{number}: {name} is not on every system: put it under #if"


def test_names_of_one_system_stand_under_a_condition() -> None:
    paths = house_files.matching("src/pykv/_native/**/*.[ch]")
    found = [v for p in paths for v in violations(p, house_files.read(p))]
    house_files.fail_on(found, "The core is compiled on Linux, with glibc or musl, and on macOS.")


@pytest.mark.parametrize(
    "text",
    [
        "(void)madvise(p, n, MADV_HUGEPAGE);",
        "#if defined(PYKV_CHECK)\nresult = fdatasync(fd);\n#endif",
        "#if defined(__linux__)\n#endif\nint flags = O_PATH;",
    ],
)
def test_a_name_without_its_condition_is_found(text: str) -> None:
    assert list(violations(Path("x.c"), text))


@pytest.mark.parametrize(
    "text",
    [
        "#if defined(MADV_HUGEPAGE)\n(void)madvise(p, n, MADV_HUGEPAGE);\n#endif",
        "#if defined(__APPLE__)\nfsync(fd);\n#else\nresult = fdatasync(fd);\n#endif",
        "/* fdatasync(fd) and MADV_HUGEPAGE */ self->ops->fallocated(fd);",
        "q = mmap(p, n, 0, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0); flags |= O_DIRECTORY;",
    ],
)
def test_a_name_that_is_known_or_guarded_is_left_alone(text: str) -> None:
    assert not list(violations(Path("x.c"), text))
