"""Describes the extension module `pykv._native._core` to cffi; setup.py names it in cffi_modules.

The declarations for cffi are cut out of pykv.h, so that each is written once. The region between
the two marker comments holds declarations only: a preprocessor line in it is refused.

Environment: PYKV_SANITIZE, a list such as "address,undefined", builds with those sanitizers and
with the costly invariants on; the program then needs their libraries loaded first.
"""

from __future__ import annotations

import os
import shlex
import subprocess
import sysconfig
from pathlib import Path
from typing import Any

from cffi import FFI

NATIVE = Path(__file__).parent
HEADER = NATIVE / "pykv.h"
MARK_BEGIN = "/* pykv: declarations begin */"
MARK_END = "/* pykv: declarations end */"
LAYERS = ("base", "env", "log", "codec", "table", "bitcask", "lsm", "api", "cpython")
LIMITED_API = "0x030B0000"
# What the core may call in Python: pykv._native.lending, when it opens a store, and
# pykv._native.codec, where libzstd cannot be called directly.
CALLBACKS = """
extern "Python" int32_t pykv_python_lend_threads(void *, pykv_work *, int32_t);
extern "Python" pykv_status pykv_python_compress(
    void *, int, const uint8_t *, size_t, uint8_t *, size_t *);
extern "Python" pykv_status pykv_python_decompress(
    void *, const uint8_t *, size_t, uint8_t *, size_t);
extern "Python" pykv_status pykv_python_decompress_with(
    void *, const uint8_t *, size_t, const uint8_t *, size_t, uint8_t *, size_t);
"""


def cut_declarations(header: str) -> str:
    """The declarations between the markers of header, as cffi reads them.

    Raises ValueError where a marker is missing or twice there, and for a preprocessor line.
    """
    if header.count(MARK_BEGIN) != 1 or header.count(MARK_END) != 1:
        raise ValueError(f"pykv.h needs each of these lines once: {MARK_BEGIN!r}, {MARK_END!r}")
    before, _, rest = header.partition(MARK_BEGIN)
    region, end, _ = rest.partition(MARK_END)
    if not end:
        raise ValueError(f"{MARK_END!r} stands before {MARK_BEGIN!r}")
    for number, line in enumerate(region.split("\n"), before.count("\n") + 1):
        if line.lstrip().startswith("#"):
            raise ValueError(f"pykv.h:{number}: only declarations may stand here: {line.strip()}")
    return region.replace("PYKV_API ", "")


def has_limited_api() -> bool:
    """Whether one build serves every later CPython: not where there is no GIL."""
    return not sysconfig.get_config_var("Py_GIL_DISABLED")


def is_gcc(compiler: str) -> bool:
    """Whether the command compiler runs gcc. Its name does not tell: cc is clang on macOS."""
    try:
        answer = subprocess.run(
            [*shlex.split(compiler), "--version"],
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            check=False,
        )
    except OSError:
        return False
    return "Free Software Foundation" in answer.stdout


def build_arguments(sanitize: str) -> dict[str, Any]:
    """What set_source passes on to the Extension. sanitize: names of sanitizers, or empty."""
    macros: list[tuple[str, str | None]] = [("_GNU_SOURCE", None)]
    if has_limited_api():
        macros.append(("Py_LIMITED_API", LIMITED_API))
    compile_flags = ["-std=c11", "-O2", "-UNDEBUG", "-fvisibility=hidden", "-pthread"]
    link_flags = ["-pthread", "-ldl"]
    # A put passes a dozen small functions in as many files. Clang needs a linker of its own for it.
    compiler = str(os.environ.get("CC") or sysconfig.get_config_var("CC"))
    flags = ["-flto=auto"] if is_gcc(compiler) else []
    if sanitize:
        flags = [f"-fsanitize={sanitize}", "-fno-omit-frame-pointer", "-g", "-O1"]
        compile_flags.append("-DPYKV_CHECK")
    compile_flags += flags
    link_flags += flags
    return {
        "sources": sorted(str(path) for layer in LAYERS for path in (NATIVE / layer).glob("*.c")),
        "depends": sorted(str(path) for path in NATIVE.rglob("*.h")),
        "include_dirs": [str(NATIVE)],
        "define_macros": macros,
        "extra_compile_args": compile_flags,
        "extra_link_args": link_flags,
        "py_limited_api": has_limited_api(),
    }


ffibuilder = FFI()
ffibuilder.cdef(cut_declarations(HEADER.read_text(encoding="ascii")))
ffibuilder.cdef(CALLBACKS)
ffibuilder.set_source(
    "pykv._native._core",
    '#include "pykv.h"',
    **build_arguments(os.environ.get("PYKV_SANITIZE", "")),
)
