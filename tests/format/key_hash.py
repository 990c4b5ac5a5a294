"""The hash of keys, written from docs/format/manifest.md alone. Pure and thread-safe."""

from __future__ import annotations

_MASK = (1 << 64) - 1
_C1 = 0x87C37B91114253D5
_C2 = 0x4CF5AD432745937F


def _rotate(value: int, bits: int) -> int:
    return (value << bits | value >> (64 - bits)) & _MASK


def _mix_1(word: int) -> int:
    return _rotate(word * _C1 & _MASK, 31) * _C2 & _MASK


def _mix_2(word: int) -> int:
    return _rotate(word * _C2 & _MASK, 33) * _C1 & _MASK


def _finish(lane: int) -> int:
    lane = (lane ^ lane >> 33) * 0xFF51AFD7ED558CCD & _MASK
    lane = (lane ^ lane >> 33) * 0xC4CEB9FE1A85EC53 & _MASK
    return lane ^ lane >> 33


def key_hash(key: bytes, seed_low: int, seed_high: int) -> int:
    """The 64-bit hash of a key in a store with these seeds."""
    first, second = seed_low, seed_high
    whole = len(key) // 16 * 16
    for at in range(0, whole, 16):
        first ^= _mix_1(int.from_bytes(key[at : at + 8], "little"))
        first = ((_rotate(first, 27) + second) * 5 + 0x52DCE729) & _MASK
        second ^= _mix_2(int.from_bytes(key[at + 8 : at + 16], "little"))
        second = ((_rotate(second, 31) + first) * 5 + 0x38495AB5) & _MASK
    rest = key[whole:].ljust(16, b"\0")
    first ^= _mix_1(int.from_bytes(rest[:8], "little"))
    second ^= _mix_2(int.from_bytes(rest[8:], "little"))
    first, second = first ^ len(key), second ^ len(key)
    first = (first + second) & _MASK
    second = (second + first) & _MASK
    return (_finish(first) + _finish(second)) & _MASK
