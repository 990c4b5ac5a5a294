"""What cffi is told: declarations cut out of the header, sources, flags; and what is refused."""

import importlib.util
import subprocess
import sys
import sysconfig
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[2]
NATIVE = ROOT / "src" / "pykv" / "_native"


@pytest.fixture(scope="module")
def build_core() -> ModuleType:
    """The build script, run as setup.py runs it: by its path."""
    spec = importlib.util.spec_from_file_location("build_core", NATIVE / "build_core.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def header(*lines: str) -> str:
    begin, end = "/* pykv: declarations begin */", "/* pykv: declarations end */"
    return "\n".join(["#define BEFORE", begin, *lines, end, "#endif", ""])


def test_the_region_between_the_marks_is_cut_out(build_core: ModuleType) -> None:
    text = header("int a(void);", "PYKV_API int b(void); /* # */")
    assert build_core.cut_declarations(text) == "\nint a(void);\nint b(void); /* # */\n"


def test_the_declarations_of_the_real_header_are_all_there(build_core: ModuleType) -> None:
    text = build_core.cut_declarations((NATIVE / "pykv.h").read_text(encoding="ascii"))
    assert "pykv_status pykv_open(const char *path" in text
    assert "pykv_maintain_step" in text
    assert "PYKV_API" not in text
    assert "#" not in text


@pytest.mark.parametrize("line", ["#define LIMIT 5", "  # ifdef X", "#endif"])
def test_a_preprocessor_line_is_refused_with_its_place(build_core: ModuleType, line: str) -> None:
    with pytest.raises(ValueError, match=r"pykv\.h:4: only declarations.*" + line.strip()):
        build_core.cut_declarations(header("int a(void);", line))


@pytest.mark.parametrize(
    "text",
    [
        "int a(void);",
        header() + header(),
        header().replace("end */", ""),
        "/* pykv: declarations end */ /* pykv: declarations begin */",
    ],
)
def test_marks_that_are_not_a_pair_are_refused(build_core: ModuleType, text: str) -> None:
    with pytest.raises(ValueError, match="declarations"):
        build_core.cut_declarations(text)


def test_every_source_of_the_core_is_built(build_core: ModuleType) -> None:
    built = {Path(each).resolve() for each in build_core.build_arguments("")["sources"]}
    assert built == set(NATIVE.glob("*/*.c"))
    assert len(built) > 50


def test_asserts_stay_on_and_symbols_hidden(build_core: ModuleType) -> None:
    flags = build_core.build_arguments("")["extra_compile_args"]
    assert {"-UNDEBUG", "-fvisibility=hidden", "-std=c11"} <= set(flags)
    assert not any(flag.startswith("-fsanitize") for flag in flags)


def test_sanitizers_reach_compiler_and_linker(build_core: ModuleType) -> None:
    arguments = build_core.build_arguments("address,undefined")
    for name in ("extra_compile_args", "extra_link_args"):
        assert "-fsanitize=address,undefined" in arguments[name]
    assert "-DPYKV_CHECK" in arguments["extra_compile_args"]


@pytest.mark.parametrize(
    ("answer", "flags"),
    [
        ("cc (Debian 12.2.0) 12.2.0\nCopyright (C) 2022 Free Software Foundation, Inc.", True),
        ("Apple clang version 15.0.0 (clang-1500.3.9.4)\nTarget: arm64-apple-darwin23.5.0", False),
        ("", False),
    ],
)
def test_only_gcc_optimises_at_link_time(
    build_core: ModuleType,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    answer: str,
    flags: bool,
) -> None:
    """The compiler of macOS is clang and goes by the name cc, as gcc does elsewhere."""
    compiler = tmp_path / "cc"
    compiler.write_text(f"#!/bin/sh\ncat <<'END'\n{answer}\nEND\n", encoding="ascii")
    compiler.chmod(0o755)
    monkeypatch.setenv("CC", f"{compiler} -pthread")
    arguments = build_core.build_arguments("")
    for name in ("extra_compile_args", "extra_link_args"):
        assert ("-flto=auto" in arguments[name]) is flags


def test_a_compiler_that_does_not_run_is_left_to_the_build(
    build_core: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("CC", str(tmp_path / "absent"))
    assert "-flto=auto" not in build_core.build_arguments("")["extra_compile_args"]


@pytest.mark.parametrize(("disabled", "limited"), [(0, True), (None, True), (1, False)])
def test_the_limited_api_is_for_builds_with_the_gil(
    build_core: ModuleType, monkeypatch: pytest.MonkeyPatch, disabled: int | None, limited: bool
) -> None:
    monkeypatch.setattr(sysconfig, "get_config_var", lambda name: disabled)
    arguments = build_core.build_arguments("")
    assert arguments["py_limited_api"] is limited
    assert (("Py_LIMITED_API", "0x030B0000") in arguments["define_macros"]) is limited


SETUP = """
import concurrent.futures.thread, runpy, setuptools.command.build_ext, sys, sysconfig
{change}
runpy.run_path("setup.py")
"""


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("sys.platform = 'win32'", "pykv needs Linux or macOS"),
        ("sys.maxsize = 2**31 - 1", "pykv needs a 64-bit Python"),
        (
            "sysconfig.get_config_var = lambda name: 1; sys.version_info = (3, 13, 0)",
            "3.13t is not supported",
        ),
    ],
)
def test_what_cannot_work_is_refused_with_a_message(change: str, message: str) -> None:
    answer = subprocess.run(
        [sys.executable, "-c", SETUP.format(change=change)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert answer.returncode == 1
    assert message in answer.stderr
    assert "Traceback" not in answer.stderr
