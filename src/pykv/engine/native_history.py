"""Pins of the history of a native store: what goes into the calls of the core, and comes out."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from pykv._native import check, ffi, lib, now_us, text_of
from pykv.arguments import Position, as_position, ttl_us_of
from pykv.store import HistoryPin

if TYPE_CHECKING:
    from _cffi_backend import FFI

PINS_MAX: Final = 16
NAME_BYTES_MAX: Final = 64
BYTES_MAX: Final = (1 << 64) - 1


def _name_bytes(name: str) -> bytes:
    """The bytes of a name. Raises TypeError, ValueError."""
    if not isinstance(name, str):
        raise TypeError(f"the name of a pin is a str, not {type(name).__name__}")
    data = name.encode()
    if not 0 < len(data) <= NAME_BYTES_MAX or b"\0" in data:
        raise ValueError(
            f"a pin has a name of 1 to {NAME_BYTES_MAX} bytes, none of them null, got {name!r}"
        )
    return data


def pin_history(
    pointer: FFI.CData,
    name: str,
    since: Position,
    bytes_max: int | None,
    seconds_max: float | timedelta | None,
) -> None:
    """Sets a pin. bytes_max, seconds_max: its limits, None: no limit. Raises TypeError, ValueError,
    HistoryGoneError."""
    if bytes_max is not None and (not isinstance(bytes_max, int) or isinstance(bytes_max, bool)):
        raise TypeError(f"bytes_max must be an int or None, not {type(bytes_max).__name__}")
    if bytes_max is not None and not 0 < bytes_max <= BYTES_MAX:
        raise ValueError(f"bytes_max must be 1 to 2**64 - 1, got {bytes_max}")
    lives_us = None if seconds_max is None else ttl_us_of(seconds_max, "seconds_max")
    pin: Any = ffi.new("pykv_pin *")
    pin.name = _name_bytes(name)
    pin.sequence, epoch = as_position(since)
    pin.has_epoch = epoch is not None
    pin.epoch = epoch or 0
    pin.bytes_max = bytes_max or 0
    pin.until_us = 0 if lives_us is None else now_us(pointer) + lives_us
    check(lib.pykv_pin_history(pointer, pin))


def unpin_history(pointer: FFI.CData, name: str) -> None:
    """Removes a pin. KeyError where there is none."""
    status = lib.pykv_unpin_history(pointer, _name_bytes(name))
    if status == lib.PYKV_NOT_FOUND:
        raise KeyError(name)
    check(status)


def history_pins(pointer: FFI.CData) -> tuple[HistoryPin, ...]:
    """The pins that are set."""
    pins: Any = ffi.new("pykv_pin[]", PINS_MAX)
    count_out: Any = ffi.new("size_t *")
    check(lib.pykv_list_pins(pointer, pins, PINS_MAX, count_out))
    return tuple(
        HistoryPin(
            name=text_of(pin.name),
            since=pin.sequence,
            bytes_max=pin.bytes_max or None,
            expires_at=pin.until_us / 1e6 if pin.until_us else None,
            gone=bool(pin.gone),
        )
        for pin in pins[0 : count_out[0]]
    )
