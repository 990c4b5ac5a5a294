"""The rules for arguments that every store shares, so that all of them refuse the same things with
the same words.

Keys and values are bytes-like: bytes, bytearray, memoryview, numpy uint8 arrays, or any other
C-contiguous buffer of unsigned bytes. All functions are pure.
"""

from __future__ import annotations

import difflib
import os
from collections.abc import Iterable
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeAlias

from pykv.errors import KeyTooLargeError, ValueTooLargeError

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

    BytesLike: TypeAlias = ReadableBuffer
else:
    BytesLike = bytes | bytearray | memoryview

# A place in a history: a sequence number alone, or behind the epoch that it is of.
Position: TypeAlias = int | tuple[int, int]
StrPath: TypeAlias = str | bytes | os.PathLike[str] | os.PathLike[bytes]

KEY_BYTES_MAX: Final = 65_535
VALUE_BYTES_MAX: Final = 1 << 30
# Of a buffer of unsigned bytes; ctypes leads with a byte order, of which a byte has none.
BYTE_FORMATS: Final = frozenset(order + kind for order in ("", *"@=<>!") for kind in "Bc")
TTL_SECONDS_MAX: Final = 1_000 * 366 * 86_400
NAME_BYTES_MAX: Final = 255


def as_bytes(data: BytesLike, what: str) -> bytes:
    """The bytes of data, copied unless it is exactly bytes.

    what: the name of the argument for messages; "key" and "value" are held to their limits, before
    anything is copied.  Raises TypeError, KeyTooLargeError, ValueTooLargeError.
    """
    if type(data) is bytes:
        check_length(len(data), what)
        return data
    if isinstance(data, str):
        raise TypeError(f"{what} must be bytes-like, not str: encode it first, as in text.encode()")
    try:
        view = memoryview(data)
    except TypeError:
        raise TypeError(
            f"{what} must be bytes-like (bytes, bytearray, memoryview, numpy uint8 array), "
            f"not {type(data).__name__}"
        ) from None
    with view:
        if view.format not in BYTE_FORMATS or view.ndim == 0:
            raise TypeError(
                f"{what} must hold unsigned bytes, not {type(data).__name__} items of format "
                f"{view.format!r}: convert it first, as in array.tobytes()"
            )
        if not view.c_contiguous:
            raise TypeError(f"{what} must be contiguous: copy it first, as in bytes(view)")
        check_length(view.nbytes, what)
        return view.tobytes()


def check_length(length: int, what: str) -> None:
    """KeyTooLargeError, ValueTooLargeError for more bytes than a "key" or a "value" may have."""
    if what == "key" and length > KEY_BYTES_MAX:
        raise KeyTooLargeError(f"a key has at most {KEY_BYTES_MAX:,} bytes, this one {length:,}")
    if what == "value" and length > VALUE_BYTES_MAX:
        raise ValueTooLargeError(
            f"a value has at most {VALUE_BYTES_MAX:,} bytes, this one {length:,}"
        )


def key_range(
    start: BytesLike | None, stop: BytesLike | None, prefix: BytesLike | None = None
) -> tuple[bytes, bytes | None]:
    """The range [start, stop) cut to the keys with prefix; b"" and None where it is open.

    Bounds may be longer than a key.
    """
    low = b"" if start is None else as_bytes(start, "start")
    high = None if stop is None else as_bytes(stop, "stop")
    if prefix is not None:
        wanted = as_bytes(prefix, "prefix")
        low = max(low, wanted)
        stem = wanted.rstrip(b"\xff")
        if stem:
            after = stem[:-1] + bytes([stem[-1] + 1])
            high = after if high is None else min(high, after)
    return low, high


def ttl_us_of(ttl: float | timedelta, what: str = "ttl") -> int:
    """A time to live in whole microseconds, at least 1.

    ttl: seconds above 0 and up to TTL_SECONDS_MAX (a thousand years), or a timedelta of so much.
    what: its name in messages.  Raises TypeError, ValueError.
    """
    seconds = ttl.total_seconds() if isinstance(ttl, timedelta) else ttl
    if isinstance(seconds, bool) or not isinstance(seconds, int | float):
        raise TypeError(
            f"{what} must be seconds (int or float) or a timedelta, not {type(ttl).__name__}"
        )
    if not 0 < seconds <= TTL_SECONDS_MAX:
        raise ValueError(f"{what} must be above 0 and at most a thousand years, got {ttl!r}")
    return max(int(seconds * 1_000_000), 1)


def key_bound(bound: bytes) -> bytes | None:
    """The lowest key that is not below bound; None if all keys are. Bounds may be longer than keys.

    A range from or up to bound holds the same keys as one from or up to it.
    """
    if len(bound) <= KEY_BYTES_MAX:
        return bound
    stem = bound[:KEY_BYTES_MAX].rstrip(b"\xff")
    return stem[:-1] + bytes([stem[-1] + 1]) if stem else None


def check_limit(limit: int | None) -> None:
    """Raises TypeError or ValueError unless limit is None or a count."""
    if limit is None:
        return
    if not isinstance(limit, int) or isinstance(limit, bool):
        raise TypeError(f"limit must be an int or None, not {type(limit).__name__}")
    if limit < 0:
        raise ValueError(f"limit must not be negative, got {limit}")


def as_position(since: Position) -> tuple[int, int | None]:
    """The sequence number of a position, and its epoch, None without one. TypeError, ValueError."""
    if not isinstance(since, tuple):
        return as_sequence(since), None
    if len(since) != 2:
        raise TypeError(f"since must be a sequence number or (epoch, seq), got {since!r}")
    epoch, sequence = since
    if not isinstance(epoch, int) or isinstance(epoch, bool):
        raise TypeError(f"the epoch of since must be an int, not {type(epoch).__name__}")
    if not 0 <= epoch < 1 << 64:
        raise ValueError(f"the epoch of since must be 0 to 2**64 - 1, got {epoch}")
    return as_sequence(sequence), epoch


def as_sequence(since: int) -> int:
    """A sequence number, or 0. Raises TypeError, ValueError."""
    if not isinstance(since, int) or isinstance(since, bool):
        raise TypeError(f"since must be a sequence number, not {type(since).__name__}")
    if not 0 <= since < 1 << 63:
        raise ValueError(f"since must be 0 or a sequence number, got {since}")
    return since


def timeout_us_of(timeout: float | None) -> int:
    """Seconds in whole microseconds, -1 for None: for ever. Raises TypeError, ValueError."""
    if timeout is None:
        return -1
    if isinstance(timeout, bool) or not isinstance(timeout, int | float):
        raise TypeError(f"timeout must be seconds or None, not {type(timeout).__name__}")
    if not 0 <= timeout <= TTL_SECONDS_MAX:
        raise ValueError(f"timeout must not be negative, nor above a thousand years, got {timeout}")
    return int(timeout * 1_000_000)


def as_version(version: int | None) -> int | None:
    """The number of a version of a backup, or None. Raises TypeError."""
    if version is None or (isinstance(version, int) and not isinstance(version, bool)):
        return version
    raise TypeError(f"version must be an int or None, not {type(version).__name__}")


def near_miss(name: str, known: Iterable[str]) -> str:
    """The end of a message about an unknown name: the closest known one, or all of them."""
    names = sorted(known)
    close = difflib.get_close_matches(name, names, n=1, cutoff=0.6)
    if close:
        return f": did you mean {close[0]!r}?"
    return f": it knows {', '.join(names)}"


def as_path(path: StrPath) -> Path:
    """The path of a file or directory; ValueError for an empty one, or one with a null byte."""
    text = os.fsdecode(path)
    if not text:
        raise ValueError("a path is empty: name the directory, '.' for the current one")
    if "\0" in text:
        raise ValueError("a path has no null byte")
    return Path(text)


def name_bytes(name: str) -> bytes:
    """The name of a namespace as UTF-8. TypeError, ValueError."""
    if not isinstance(name, str):
        raise TypeError(f"the name of a namespace must be str, not {type(name).__name__}")
    encoded = name.encode()
    if not 0 < len(encoded) <= NAME_BYTES_MAX:
        raise ValueError(
            f"the name of a namespace has 1 to {NAME_BYTES_MAX} bytes of UTF-8, "
            f"this one {len(encoded)}"
        )
    return encoded
