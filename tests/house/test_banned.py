"""Calls that the house does not make, each with what to use instead."""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import house_c
import house_files
import house_python
import pytest


@dataclass(frozen=True)
class Ban:
    """Names that the core may call only in files whose path below _native starts with `only_in`."""

    names: str
    only_in: tuple[str, ...]
    instead: str


HEAP = """malloc calloc realloc reallocarray free aligned_alloc posix_memalign memalign valloc
    strdup strndup asprintf vasprintf alloca"""
STRINGS = "strcpy strcat sprintf vsprintf stpcpy gets strtok atoi atol atoll sscanf scanf fscanf"
FILES = """open openat open64 creat close read pread pread64 pwrite pwrite64 readv writev
    preadv pwritev preadv2 pwritev2 lseek fsync fdatasync sync syncfs sync_file_range rename
    renameat renameat2 unlink unlinkat link linkat symlink symlinkat mkdir mkdirat rmdir remove
    truncate ftruncate fallocate posix_fallocate stat fstat lstat fstatat statfs fstatfs statvfs
    opendir fdopendir readdir closedir fopen fdopen freopen fclose fread fwrite fprintf vfprintf
    printf puts fputs fputc perror mremap msync mlock mprotect flock
    fcntl ioctl dup dup2 pipe posix_fadvise readahead copy_file_range sendfile mkstemp mkdtemp"""
MAPS = "mmap mmap64 munmap madvise"
CLOCKS = """time clock clock_gettime gettimeofday clock_nanosleep nanosleep usleep sleep localtime
    localtime_r gmtime gmtime_r mktime"""
CHANCE = "getrandom getentropy arc4random rand rand_r srand random srandom drand48 lrand48"
THREADS = "pthread_create thrd_create fork vfork clone system popen execve posix_spawn"
LOCKS = """pthread_mutex_init pthread_mutex_lock pthread_mutex_trylock pthread_mutex_unlock
    pthread_cond_init pthread_cond_wait pthread_cond_timedwait pthread_cond_signal
    pthread_cond_broadcast pthread_rwlock_rdlock pthread_rwlock_wrlock"""

PROCESS = "base/process"
INVARIANT = "base/invariant.c"
C_BANS = (
    Ban(HEAP, ("base/memory.c",), "mem_alloc and mem_free of base/memory.h"),
    Ban(STRINGS, (), "base/buffer.h, snprintf, or strtoull with its end checked"),
    Ban(FILES, ("env/", PROCESS), "env/env.h"),
    Ban(MAPS, ("env/", PROCESS, "base/memory.c"), "env/env.h, or mem_map of base/memory.h"),
    Ban("write dprintf", ("env/", PROCESS, INVARIANT), "env/env.h"),
    Ban(CLOCKS, ("env/", "base/mutex.c"), "env_monotonic_us or env_wall_us"),
    Ban(CHANCE, ("env/",), "env_random, or a seeded generator given by the caller"),
    Ban(THREADS, (), "threads that the user lends with pykv_maintain"),
    Ban(LOCKS, ("base/mutex.c",), "base/mutex.h, whose locks clang can check"),
    Ban("assert", (), "PYKV_ASSERT of base/invariant.h"),
    Ban("abort exit _exit quick_exit raise kill", (INVARIANT, PROCESS), "a status"),
    Ban("sigaction signal sigprocmask pthread_sigmask", (PROCESS,), "base/process.h"),
)
BAN_OF = {name: ban for ban in C_BANS for name in ban.names.split()}
# errno is a fact of the operating system and goes no further up than these.
ERRNO_ALLOWED = ("env/", "base/")
TEST_BANS = {
    **dict.fromkeys(["strcpy", "strcat", "sprintf", "vsprintf", "gets"], "snprintf"),
    **dict.fromkeys(CHANCE.split(), "check_random with check_seed of harness/check.h"),
    "assert": "CHECK",
}

# What opens, makes or removes what a path leads to. A path that is cut leads to something else.
TAKES_PATH = re.compile(r"env_(?!fail)\w+|\w+_(open|destroy|repair|begin)")

PRINTING_ALLOWED = ("src/pykv/cli/", "src/pykv/_native/stubgen.py")
CHANCE_MODULES = ("random.", "numpy.random.")
SEEDED = {"random.Random", "numpy.random.default_rng"}


def c_violations(path: Path, text: str) -> Iterator[str]:
    """Yield banned calls of a file of the core."""
    inner = path.relative_to(house_files.NATIVE).as_posix()
    for line, name in house_c.calls(text):
        ban = BAN_OF.get(name)
        if ban is not None and not inner.startswith(ban.only_in):
            yield f"{path}:{line}: {name}() is not called here: use {ban.instead}"
    if not inner.startswith(ERRNO_ALLOWED):
        for found in re.finditer(r"\berrno\b", house_c.blank(text)):
            yield f"{path}:{house_c.line_of(text, found.start())}: errno stays in env/ and base/"


def cut_path_violations(path: Path, text: str) -> Iterator[str]:
    """Yield buffers with the room of a message that are given to a call as the path of a thing."""
    lines = house_c.blank(text).split("\n")
    for function in house_c.functions(text):
        code = "\n".join(lines[function.line - 1 : function.line - 1 + function.length])
        for name in re.findall(r"\bchar (\w+)\[PYKV_ERROR_PATH_BYTES\]", code):
            for call, given in re.findall(r"\b(\w+)\s*\(([^;{}]*)", code):
                if TAKES_PATH.fullmatch(call) and re.search(rf"\b{name}\b", given):
                    yield f"{path}:{function.line}: {call}() takes whole paths: use env/env_path.h"


def c_test_violations(path: Path, text: str) -> Iterator[str]:
    """Yield banned calls of a C test."""
    for line, name in house_c.calls(text):
        if name in TEST_BANS:
            yield f"{path}:{line}: {name}() is not called here: use {TEST_BANS[name]}"


def python_violations(path: Path, text: str) -> Iterator[str]:
    """Yield bare excepts, chance without a seed, and print where a library would speak."""
    in_package = path.parts[0] == "src" and not path.as_posix().startswith(PRINTING_ALLOWED)
    tree = ast.parse(text)
    names = house_python.imported_names(tree)
    for node in ast.walk(tree):
        if isinstance(node, ast.ExceptHandler) and node.type is None:
            yield f"{path}:{node.lineno}: a bare except catches KeyboardInterrupt: name the class"
        if not isinstance(node, ast.Call):
            continue
        name = house_python.called_name(node, names)
        if name == "print" and in_package:
            yield f"{path}:{node.lineno}: a library does not print: return it, log it or warn"
        is_seeded = name in SEEDED and bool(node.args or node.keywords)
        if name.startswith(CHANCE_MODULES) and not is_seeded:
            yield f"{path}:{node.lineno}: {name}() without a seed: use random.Random(seed)"


def comment_violations(path: Path, text: str) -> Iterator[str]:
    """Yield marks of unfinished work, and type or lint silencers that do not say which rule."""
    for number, line in enumerate(text.split("\n"), 1):
        if re.search(r"\b(TO[D]O|FI[X]ME|XX[X])\b", line):
            yield f"{path}:{number}: unfinished work is an issue, not a mark"
        if re.search(r"#\s*type:\s*ignore(?!\[[\w-]+)|#\s*noqa(?!: ?[A-Z]+\d+)", line):
            yield f"{path}:{number}: say which rule is silenced"


def skip_violations(path: Path, text: str) -> Iterator[str]:
    """Yield skips and expected failures of tests that give no reason."""
    for node in ast.walk(ast.parse(text)):
        target = node.func if isinstance(node, ast.Call) else node
        if not isinstance(target, ast.Attribute) or target.attr not in {"skip", "skipif", "xfail"}:
            continue
        owner = ast.unparse(target.value)
        if owner not in {"pytest", "pytest.mark"} or not isinstance(node, ast.Call):
            continue
        named = any(word.arg == "reason" for word in node.keywords)
        if not named and not (owner == "pytest" and node.args):
            yield f"{path}:{node.lineno}: {owner}.{target.attr} without a reason"


def test_the_core_makes_no_banned_call() -> None:
    paths = house_files.matching("src/pykv/_native/**/*.[ch]")
    found = [v for p in paths for v in c_violations(p, house_files.read(p))]
    house_files.fail_on(found, "Time, chance, memory and files come through base/ and env/.")


def test_no_path_is_cut_to_the_room_of_a_message() -> None:
    paths = house_files.matching("src/pykv/_native/**/*.[ch]")
    found = [v for p in paths for v in cut_path_violations(p, house_files.read(p))]
    house_files.fail_on(found, "PYKV_ERROR_PATH_BYTES is for messages, not for paths.")


def test_c_tests_make_no_banned_call() -> None:
    paths = house_files.matching("tests/**/*.[ch]")
    found = [v for p in paths for v in c_test_violations(p, house_files.read(p))]
    house_files.fail_on(found, "Tests draw from the seed that they print.")


def test_python_makes_no_banned_call() -> None:
    paths = house_files.matching("src/**/*.py", "tests/**/*.py", "benches/**/*.py")
    found = [v for p in paths for v in python_violations(p, house_files.read(p))]
    house_files.fail_on(found, "No print in the library, no bare except, no chance unseeded.")


def test_comments_leave_nothing_open() -> None:
    paths = house_files.matching("src/**/*", "tests/**/*.py", "tests/**/*.[ch]", "make/*")
    paths = [p for p in paths if p.suffix in {".c", ".h", ".py", ".pyi", ".mk", ".sh"}]
    found = [v for p in paths for v in comment_violations(p, house_files.read(p))]
    house_files.fail_on(found, "No marks of unfinished work, no silencer without its rule.")


def test_every_skip_has_a_reason() -> None:
    paths = house_files.matching("tests/**/*.py")
    found = [v for p in paths for v in skip_violations(p, house_files.read(p))]
    house_files.fail_on(found, "A skipped test says why.")


@pytest.mark.parametrize(
    ("file", "line"),
    [
        ("log/x.c", "p = malloc(n);"),
        ("base/buffer.c", "free(p);"),
        ("bitcask/x.c", "status = rename(a, b);"),
        ("log/x.c", "if (fsync(fd) != 0) {"),
        ("log/x.c", "t = time(NULL);"),
        ("base/hash.c", "getrandom(p, n, 0);"),
        ("env/x.c", "strcpy(a, b);"),
        ("env/x.c", "assert(a);"),
        ("api/x.c", "return errno;"),
    ],
)
def test_a_banned_c_call_is_found(file: str, line: str) -> None:
    assert list(c_violations(house_files.NATIVE / file, line))


@pytest.mark.parametrize(
    ("file", "line"),
    [
        ("base/memory.c", "free(p);"),
        ("env/env_posix.c", "fsync(fd);"),
        ("base/process_guard.c", "mmap(0, n, 0, 0, 0, 0);"),
        ("env/env.c", "return self->ops->rename(a, b);"),
        ("log/x.c", '/* never free(p) here */ puts_free(p); s = "malloc(1)";'),
        ("log/x.c", "static_assert(sizeof(int) == 4, x);"),
    ],
)
def test_a_rightful_c_call_is_left_alone(file: str, line: str) -> None:
    assert not list(c_violations(house_files.NATIVE / file, line))


@pytest.mark.parametrize(
    "text",
    [
        "print(1)",
        "try:\n    f()\nexcept:\n    pass",
        "import random\nrandom.shuffle(x)",
        "from random import choice\nchoice(x)",
        "import numpy as np\nnp.random.rand(3)",
        "import random\nr = random.Random()",
    ],
)
def test_a_banned_python_call_is_found(text: str) -> None:
    assert list(python_violations(Path("src/pykv/x.py"), text))


CUT_PATH = """static pykv_status f(env *e)
{{
    char path[PYKV_ERROR_PATH_BYTES];
    snprintf(path, sizeof path, "%s/%s", a, b);
    {call}
}}
"""


@pytest.mark.parametrize(
    ("call", "count"),
    [
        ("return env_remove_directory(e, path);", 1),
        ("return lsm_open(e, path, NULL, &target);", 1),
        ("return bitcask_destroy(\n        e, path);", 1),
        ("return env_fail(2, path, action);", 0),
        ("return error_set_corruption(path, 0, what, 1, 0);", 0),
        ("return env_remove_directory(e, path_of_it);", 0),
    ],
)
def test_a_cut_path_is_found(call: str, count: int) -> None:
    text = CUT_PATH.format(call=call)
    assert len(list(cut_path_violations(house_files.NATIVE / "log/x.c", text))) == count


def test_a_seeded_generator_and_a_printing_command_are_left_alone() -> None:
    assert not list(python_violations(Path("src/pykv/x.py"), "import random\nr = random.Random(7)"))
    assert not list(python_violations(Path("src/pykv/x.py"), "random = seeded()\nrandom.random()"))
    assert not list(python_violations(Path("src/pykv/cli/get.py"), "print(1)"))


@pytest.mark.parametrize("line", ["x  # TO-DO later", "x  # type: ig-nore", "x  # no-qa"])
def test_an_open_comment_is_found(line: str) -> None:
    assert list(comment_violations(Path("x.py"), line.replace("-", "")))


def test_a_skip_without_a_reason_is_found() -> None:
    assert list(skip_violations(Path("x.py"), "@pytest.mark.skipif(True)\ndef f(): pass"))
    assert not list(skip_violations(Path("x.py"), "pytest.skip('no root here')"))
