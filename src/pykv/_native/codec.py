"""Finds a zstd for the core, which compresses blocks with it.

The core needs addresses of libzstd's functions and has no libzstd of its own. Probed in order, the
first that passes wins:

1. the cffi module inside the `zstandard` wheel: private, so every function's signature is checked;
2. the system's shared library, which the core loads itself;
3. the public API of `zstandard`, called back from the core: slow, and a warning says so.

A codec that the process set by itself, as a C program does with `pykv_set_codec`, is left alone.
All write the same format, so data written with one reads with every other.

A signal handler may raise in a callback, which cannot pass that on. What the core asked for is done
once more, and what was raised is raised again when the thread is back from the core. Handlers run
in the main thread alone: what strikes another is an exception that a thread was told to raise by
its type, and is raised by that.
"""

from __future__ import annotations

import threading
import warnings
from collections.abc import Callable
from functools import partial
from importlib import import_module
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final

from pykv._native._core import ffi, lib
from pykv._native.status import text_of

if TYPE_CHECKING:
    from _cffi_backend import FFI

PUBLIC_MODULE: Final = "zstandard"
PRIVATE_MODULE: Final = "zstandard._cffi"

# Field of pykv_zstd: name in libzstd, and what it returns and takes; "*" is any pointer.
FUNCTIONS: Final = {
    "version_number": ("ZSTD_versionNumber", "unsigned int()"),
    "is_error": ("ZSTD_isError", "unsigned int(size_t)"),
    "get_error_name": ("ZSTD_getErrorName", "*(size_t)"),
    "compress_bound": ("ZSTD_compressBound", "size_t(size_t)"),
    "create_cctx": ("ZSTD_createCCtx", "*()"),
    "free_cctx": ("ZSTD_freeCCtx", "size_t(*)"),
    "compress_cctx": ("ZSTD_compressCCtx", "size_t(*, *, size_t, *, size_t, int)"),
    "create_dctx": ("ZSTD_createDCtx", "*()"),
    "free_dctx": ("ZSTD_freeDCtx", "size_t(*)"),
    "decompress_dctx": ("ZSTD_decompressDCtx", "size_t(*, *, size_t, *, size_t)"),
    "get_frame_content_size": ("ZSTD_getFrameContentSize", "unsigned long long(*, size_t)"),
    "create_cdict": ("ZSTD_createCDict", "*(*, size_t, int)"),
    "free_cdict": ("ZSTD_freeCDict", "size_t(*)"),
    "compress_with_cdict": ("ZSTD_compress_usingCDict", "size_t(*, *, size_t, *, size_t, *)"),
    "create_ddict": ("ZSTD_createDDict", "*(*, size_t)"),
    "free_ddict": ("ZSTD_freeDDict", "size_t(*)"),
    "decompress_with_ddict": ("ZSTD_decompress_usingDDict", "size_t(*, *, size_t, *, size_t, *)"),
    "train": ("ZDICT_trainFromBuffer", "size_t(*, size_t, *, *, unsigned int)"),
}

_Callback = Callable[..., int]

LEVEL_DEFAULT: Final = 1
DECOMPRESSORS_MAX: Final = 16

_contexts = threading.local()


def provide_zstd() -> str | None:
    """Sets the best zstd that is here; returns its name, or None where there is none.

    Without one, stores that were written with zstd cannot be read, and new ones are not compressed.
    Any thread may call it, any number of times.
    """
    if _provider() is None:
        any(probe() for probe in (from_wheel, from_system, from_callbacks))
    return _provider()


def _provider() -> str | None:
    name = lib.pykv_codec_provider(lib.PYKV_CODEC_ZSTD)
    return text_of(name) if name else None


def from_wheel() -> bool:
    """Sets the libzstd inside the `zstandard` wheel; False where it is not as expected."""
    try:
        module = import_module(PRIVATE_MODULE)
        name = f"zstandard {_zstandard().__version__}".encode("ascii")
        addresses = {
            field: _address(module, symbol, signature)
            for field, (symbol, signature) in FUNCTIONS.items()
        }
    except (ImportError, AttributeError, TypeError, ValueError):
        return False
    functions = ffi.new("pykv_zstd *")
    for field, kind in ffi.typeof("pykv_zstd").fields:
        setattr(functions, field, ffi.cast(kind.type, addresses[field]))
    return bool(lib.pykv_set_zstd(functions, name) == lib.PYKV_OK)


def _zstandard() -> Any:
    """The public module; ImportError where it is not installed."""
    return import_module(PUBLIC_MODULE)


def _address(module: Any, symbol: str, signature: str) -> int:
    """The address of a function; raises where it is missing, and TypeError if it is another."""
    function = module.ffi.addressof(module.lib, symbol)
    found = _signature(module.ffi.typeof(function))
    if found != signature:
        raise TypeError(f"{symbol} is {found}, not {signature}")
    return int(module.ffi.cast("uintptr_t", function))


def _signature(kind: Any) -> str:
    """A function type in the words of FUNCTIONS."""
    words = ["*" if each.kind == "pointer" else each.cname for each in (kind.result, *kind.args)]
    return f"{words[0]}({', '.join(words[1:])})"


def from_system() -> bool:
    """Lets the core load the system's libzstd; False where there is none that it takes."""
    return bool(lib.pykv_load_zstd(ffi.NULL) == lib.PYKV_OK)


def from_callbacks() -> bool:
    """Sets codec functions that call `zstandard` in Python, and warns that this is slow."""
    try:
        version = _zstandard().__version__
    except ImportError:
        return False
    name = ffi.new("char[]", f"zstandard {version} callbacks".encode("ascii"))
    codec: Any = ffi.new("pykv_codec *")
    codec.id = lib.PYKV_CODEC_ZSTD
    codec.name = name
    codec.compress = lib.pykv_python_compress
    codec.decompress = lib.pykv_python_decompress
    codec.decompress_with = lib.pykv_python_decompress_with
    if lib.pykv_set_codec(codec) != lib.PYKV_OK:
        return False
    warnings.warn(
        "pykv found no libzstd that it can call directly: every block is compressed and restored "
        "in Python, which is slow. Reinstall zstandard, or install the system's libzstd.",
        RuntimeWarning,
        stacklevel=3,
    )
    return True


def _compressor(level: int) -> Any:
    """The thread's compressor for a level: one must not be used by two threads at once."""
    kept = _contexts.__dict__.setdefault("compressors", {})
    if level not in kept:
        kept[level] = _zstandard().ZstdCompressor(level=level)
    return kept[level]


def _decompressor(dictionary: bytes = b"") -> Any:
    """The thread's decompressor for a dictionary: one must not be used by two threads at once."""
    kept = _contexts.__dict__.setdefault("decompressors", {})
    if dictionary not in kept:
        if len(kept) >= DECOMPRESSORS_MAX:
            kept.clear()
        zstd = _zstandard()
        kept[dictionary] = (
            zstd.ZstdDecompressor(dict_data=zstd.ZstdCompressionDict(dictionary))
            if dictionary
            else zstd.ZstdDecompressor()
        )
    return kept[dictionary]


def _status_of(work: Callable[[], None]) -> int:
    """Does the work; an exception becomes the status that the core expects."""
    try:
        work()
    except MemoryError:
        return lib.PYKV_NO_MEMORY
    except (_zstandard().ZstdError, ValueError):
        return lib.PYKV_CORRUPTION
    return lib.PYKV_OK


class _Kept:
    """An error, which is raised when this is asked whether it is true."""

    def __init__(self, error: BaseException) -> None:
        self.error = error

    def __bool__(self) -> bool:
        _kept.discard(self)
        raise self.error


_kept: set[_Kept] = set()


def _raiser(error: BaseException) -> tuple[Callable[[Any], int], Any]:
    """What to call, and with what, for this thread to raise an error where it next looks for one.

    What it is called with has to live until then, and is in _kept if nothing else keeps it.
    """
    import ctypes

    number = threading.get_ident()
    if number == threading.main_thread().ident:
        add = ctypes.PYFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.py_object)
        ask = ctypes.cast(ctypes.pythonapi.PyObject_IsTrue, ctypes.c_void_p)
        kept = _Kept(error)
        _kept.add(kept)
        return partial(add(("Py_AddPendingCall", ctypes.pythonapi)), ask), kept
    tell = ctypes.PYFUNCTYPE(ctypes.c_int, ctypes.c_ulong, ctypes.py_object)
    return partial(tell(("PyThreadState_SetAsyncExc", ctypes.pythonapi)), number), type(error)


def _serves(name: str) -> Callable[[_Callback], _Callback]:
    """Lets the core call a function by name, whatever signal handlers raise meanwhile."""

    def register(function: _Callback) -> _Callback:
        names = function.__code__.co_varnames[: function.__code__.co_argcount]

        def do_again(_kind: Any, error: BaseException, trace: TracebackType) -> int:
            given = trace.tb_frame.f_locals
            raise_behind, told = _raiser(error)
            try:
                status = function(*[given[each] for each in names])
            except BaseException:
                _kept.discard(told)
                raise
            # Called from within map: from here to the return nothing looks for an exception.
            [_] = map(raise_behind, [told])
            return status

        ffi.def_extern(name=name, error=lib.PYKV_INTERNAL, onerror=do_again)(function)
        return function

    return register


@_serves("pykv_python_compress")
def compress_block(
    _context: FFI.CData, level: int, data: FFI.CData, size: int, out: FFI.CData, size_out: FFI.CData
) -> int:
    """The `compress` of pykv_codec. out has room for what zstd makes at most."""

    def work() -> None:
        made = _compressor(level or LEVEL_DEFAULT).compress(ffi.buffer(data, size))
        ffi.memmove(out, made, len(made))
        size_out[0] = len(made)

    return _status_of(work)


@_serves("pykv_python_decompress")
def decompress_block(
    _context: FFI.CData, data: FFI.CData, size: int, out: FFI.CData, raw_size: int
) -> int:
    """The `decompress` of pykv_codec. Nothing larger than raw_size is ever made."""
    return _restore(b"", data, size, out, raw_size)


@_serves("pykv_python_decompress_with")
def decompress_with_dictionary(
    _context: FFI.CData,
    dictionary: FFI.CData,
    dictionary_size: int,
    data: FFI.CData,
    size: int,
    out: FFI.CData,
    raw_size: int,
) -> int:
    """The `decompress_with` of pykv_codec: values that another provider compressed."""
    return _restore(bytes(ffi.buffer(dictionary, dictionary_size)), data, size, out, raw_size)


def _restore(dictionary: bytes, data: FFI.CData, size: int, out: FFI.CData, raw_size: int) -> int:
    def work() -> None:
        frame = ffi.buffer(data, size)
        if _zstandard().frame_content_size(frame) != raw_size:
            raise ValueError("the frame has another size")
        with_it = _decompressor(dictionary)
        raw = with_it.decompress(frame, allow_extra_data=False) if raw_size else b""
        if len(raw) != raw_size:
            raise ValueError("the frame has another size")
        ffi.memmove(out, raw, raw_size)

    return _status_of(work)
