"""The providers of zstd that a process may have, for tests that set one of them alone."""

from __future__ import annotations

import ctypes
import warnings
from collections.abc import Callable

import pytest

from pykv._native import codec, ffi, lib


def take_away() -> None:
    nothing = ffi.new("pykv_codec *", {"id": lib.PYKV_CODEC_ZSTD})
    assert lib.pykv_set_codec(nothing) == lib.PYKV_OK


def give_back() -> None:
    """Sets the usual provider."""
    take_away()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        codec.provide_zstd()


def from_ones_own() -> bool:
    """What a C program does that links a libzstd: it fills the table by itself."""
    try:
        library = ctypes.CDLL("libzstd.so.1")
    except OSError:
        return False
    functions = ffi.new("pykv_zstd *")
    for field, kind in ffi.typeof("pykv_zstd").fields:
        address = ctypes.cast(getattr(library, codec.FUNCTIONS[field][0]), ctypes.c_void_p).value
        assert address is not None
        setattr(functions, field, ffi.cast(kind.type, address))
    return bool(lib.pykv_set_zstd(functions, b"own") == lib.PYKV_OK)


def quiet_callbacks() -> bool:
    with pytest.warns(RuntimeWarning, match="slow"):
        return codec.from_callbacks()


PROVIDERS: dict[str, Callable[[], bool]] = {
    "wheel": codec.from_wheel,
    "system": codec.from_system,
    "own": from_ones_own,
    "callbacks": quiet_callbacks,
}
OFTEN_ABSENT = {"system", "own"}


def provide(name: str) -> None:
    """Sets the provider of that name alone."""
    take_away()
    if not PROVIDERS[name]():
        assert name in OFTEN_ABSENT
        pytest.skip("the system has no libzstd.so.1")
