"""Many rows in a few arrays: what array calls take and give, without a Python object a key.

numpy is imported when the first array is looked at, not before. All functions are pure; a Rows is
as safe between threads as the arrays in it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise, product
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from pykv.arguments import KEY_BYTES_MAX, check_length
from pykv.errors import ArrayTooSmallError, KeyTooLargeError

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Bytes: TypeAlias = npt.NDArray[np.uint8]
    Offsets: TypeAlias = npt.NDArray[np.int64]
    Truths: TypeAlias = npt.NDArray[np.bool_]
    ItemsLike: TypeAlias = "npt.NDArray[Any] | tuple[Bytes, Offsets] | Rows"
else:
    ItemsLike = Any

CHUNK_ROWS: Final = 65_536
CHUNK_ROWS_MAX: Final = 1 << 20

_KINDS: Final = "V16 or another V, S, >u8, 2-D uint8, or a tuple (data: uint8, offsets: int64)"


class Rows:
    """Keys or values of many rows, as Arrow lays out large binaries.

    data: uint8, all of them one after the other.  offsets: int64, where each begins, and where the
    last one ends.  found: bool, False where a key was absent; its value is empty then.
    """

    __slots__ = ("data", "found", "offsets")

    def __init__(self, data: Bytes, offsets: Offsets, found: Truths) -> None:
        self.data = data
        self.offsets = offsets
        self.found = found

    @classmethod
    def empty(cls, row_count: int, data_bytes: int) -> Rows:
        """Room for row_count rows with data_bytes bytes together, to be passed as `out`."""
        import numpy as np

        return cls(
            np.empty(data_bytes, np.uint8),
            np.zeros(row_count + 1, np.int64),
            np.zeros(row_count, np.bool_),
        )

    def __len__(self) -> int:
        return len(self.found)

    def __getitem__(self, index: int, /) -> bytes | None:
        """The bytes of a row, None where the key was absent."""
        if not self.found[index]:
            return None
        at = range(len(self.found))[index]
        return self.data[self.offsets[at] : self.offsets[at + 1]].tobytes()

    def __iter__(self) -> Iterator[bytes | None]:
        return iter(self.to_list())

    def to_list(self) -> list[bytes | None]:
        """All rows as bytes, None where the key was absent."""
        data, ends = self.data.tobytes(), self.offsets.tolist()
        return [
            data[start:end] if there else None
            for start, end, there in zip(ends, ends[1:], self.found.tolist(), strict=False)
        ]

    def to_arrow(self) -> Any:
        """A `pyarrow.LargeBinaryArray` over data and offsets, which are not copied.

        Absent rows are null. ImportError without pyarrow.
        """
        import numpy as np

        arrow = _pyarrow("Rows.to_arrow")
        valid = None
        if not self.found.all():
            valid = arrow.py_buffer(np.packbits(self.found, bitorder="little"))
        buffers = [valid, arrow.py_buffer(self.offsets), arrow.py_buffer(self.data)]
        return arrow.LargeBinaryArray.from_buffers(arrow.large_binary(), len(self), buffers)

    def __repr__(self) -> str:
        return f"<pykv.Rows: {len(self):,} rows, {self.data.nbytes:,} bytes>"


class RowChunk:
    """Some rows of a scan: keys and values, of which number i belong together."""

    __slots__ = ("keys", "values")

    def __init__(self, keys: Rows, values: Rows) -> None:
        self.keys = keys
        self.values = values

    @classmethod
    def empty(cls, row_count: int, key_bytes: int, value_bytes: int) -> RowChunk:
        """Room for row_count rows with so many bytes of keys and of values, to pass as `out`."""
        return cls(Rows.empty(row_count, key_bytes), Rows.empty(row_count, value_bytes))

    def __len__(self) -> int:
        return len(self.keys)

    def to_list(self) -> list[tuple[bytes | None, bytes | None]]:
        """The rows as pairs of bytes."""
        return list(zip(self.keys.to_list(), self.values.to_list(), strict=True))

    def to_arrow(self) -> Any:
        """A `pyarrow.RecordBatch` with columns "key" and "value", which are not copied."""
        arrow = _pyarrow("RowChunk.to_arrow")
        columns = [self.keys.to_arrow(), self.values.to_arrow()]
        return arrow.RecordBatch.from_arrays(columns, names=["key", "value"])

    def __repr__(self) -> str:
        size = self.keys.data.nbytes + self.values.data.nbytes
        return f"<pykv.RowChunk: {len(self):,} rows, {size:,} bytes>"


def _pyarrow(what: str) -> Any:
    try:
        import pyarrow
    except ImportError:
        raise ImportError(f"{what} needs pyarrow: pip install 'pykv[arrow]'") from None
    return pyarrow


# ---- what comes in ----


@dataclass(frozen=True, slots=True)
class Items:
    """Keys or values that were given, in one of two layouts.

    data: a contiguous array.  offsets: as in Rows, or None: each item has width bytes.  trims: zero
    bytes at the end of an item are no part of it.
    """

    data: npt.NDArray[Any]
    offsets: Offsets | None
    width: int
    count: int
    name: str
    trims: bool = False

    def to_list(self) -> list[bytes]:
        """The items as bytes; ValueError where offsets do not fit the data.

        KeyTooLargeError, ValueTooLargeError.
        """
        data, what = self.data.tobytes(), self.name.removesuffix("s")
        if self.offsets is None:
            check_length(self.width, what)
            places = range(0, self.count * self.width, self.width or 1)
            items = [data[at : at + self.width] for at in places] or [b""] * self.count
            return [each.rstrip(b"\0") for each in items] if self.trims else items
        ends = self.offsets.tolist()
        for index, (start, end) in enumerate(pairwise(ends)):
            if not 0 <= start <= end <= len(data):
                raise ValueError(
                    f"{self.name}: item {index} goes from byte {start} to byte {end} of {len(data)}"
                )
            check_length(end - start, what)
        return [data[start:end] for start, end in pairwise(ends)]


def items_of(given: ItemsLike, what: str) -> Items:
    """The items in arrays of a user, which are not copied but for a native uint64.

    what: "keys" or "values", for messages.  Raises TypeError for what is no array and for dtypes
    that hold no bytes, ValueError for shapes and for arrays that are not contiguous.
    """
    import numpy as np

    if isinstance(given, Rows):
        if not given.found.all():
            raise ValueError(f"{what}: some of these rows were not found: leave them out")
        given = (given.data, given.offsets)
    if isinstance(given, tuple):
        return _ragged(given, what)
    if not isinstance(given, np.ndarray):
        raise TypeError(f"{what} must be a numpy array of {_KINDS}, not {type(given).__name__}")
    dtype = given.dtype
    if what == "keys" and dtype == np.uint64 and dtype.isnative:
        given = given.astype(">u8")
    elif dtype == np.uint8 and given.ndim == 2:
        return Items(_contiguous(given, what), None, given.shape[1], given.shape[0], what)
    elif not (_is_bytes(dtype) or dtype == np.dtype(">u8")):
        raise TypeError(
            f"{what} must be a numpy array of {_KINDS}, not of {dtype}{_hint(given, what)}"
        )
    if given.ndim != 1:
        raise ValueError(f"{what} of {dtype} must have one dimension, not {given.ndim}")
    if what == "keys" and dtype.itemsize > KEY_BYTES_MAX:
        raise KeyTooLargeError(
            f"a key has at most {KEY_BYTES_MAX:,} bytes, those of {dtype} {dtype.itemsize:,}"
        )
    return Items(
        _contiguous(given, what), None, dtype.itemsize, len(given), what, dtype.kind == "S"
    )


def _is_bytes(dtype: np.dtype[Any]) -> bool:
    """True for S, and for V that is not made of fields."""
    return dtype.kind == "S" or (dtype.kind == "V" and dtype.names is None and dtype.base == dtype)


def _hint(given: npt.NDArray[Any], what: str) -> str:
    if given.dtype.kind == "u" and given.dtype.itemsize == 1:
        return " with another number of dimensions than 2"
    if given.dtype.kind == "U":
        return ": encode it first, as in np.char.encode(array)"
    if what == "keys" and given.dtype.kind in "ui":
        return (
            ": take them as unsigned numbers of 8 bytes, whose order is that of their bytes, as in "
            "array.astype(np.uint64)"
        )
    return f": take its bytes, as in array.view('V{given.dtype.itemsize}')"


def _contiguous(array: npt.NDArray[Any], what: str) -> npt.NDArray[Any]:
    if not array.flags.c_contiguous:
        raise ValueError(f"{what} must be contiguous: copy it first, as in array.copy()")
    return array


def _ragged(given: tuple[Any, ...], what: str) -> Items:
    import numpy as np

    if len(given) != 2:
        raise TypeError(f"{what} as a tuple must be (data, offsets), not {len(given)} parts")
    data, offsets = given
    for name, array, dtype in (("data", data, np.uint8), ("offsets", offsets, np.int64)):
        if not isinstance(array, np.ndarray) or array.dtype != dtype or not array.dtype.isnative:
            kind = array.dtype if isinstance(array, np.ndarray) else type(array).__name__
            raise TypeError(
                f"{name} of {what} must be a numpy array of {np.dtype(dtype)}, not {kind}"
            )
        if array.ndim != 1:
            raise ValueError(f"{name} of {what} must have one dimension, not {array.ndim}")
        _contiguous(array, f"{name} of {what}")
    if len(offsets) == 0:
        raise ValueError(f"offsets of {what} must have one number more than there are {what}")
    return Items(data, offsets, 0, len(offsets) - 1, what)


# ---- what goes out ----


def check_room(out: object, what: str) -> Rows:
    """The room that a user gave, in a Rows of its own, which nobody changes while it is filled.

    TypeError, ValueError for what cannot be written to as a Rows.
    """
    import numpy as np

    if not isinstance(out, Rows):
        raise TypeError(f"{what} must be a Rows, as Rows.empty makes, not {type(out).__name__}")
    room = Rows(out.data, out.offsets, out.found)
    parts = (
        ("data", room.data, np.dtype(np.uint8)),
        ("offsets", room.offsets, np.dtype(np.int64)),
        ("found", room.found, np.dtype(np.bool_)),
    )
    for name, array, dtype in parts:
        if not isinstance(array, np.ndarray) or array.dtype != dtype or not array.dtype.isnative:
            kind = array.dtype if isinstance(array, np.ndarray) else type(array).__name__
            raise TypeError(f"{what}.{name} must be a numpy array of {dtype}, not {kind}")
        if array.ndim != 1:
            raise ValueError(f"{what}.{name} must have one dimension, not {array.ndim}")
        _contiguous(array, f"{what}.{name}")
        if not array.flags.writeable:
            raise ValueError(f"{what}.{name} is read-only: pass an array that may be written to")
    return room


def check_apart(room: Rows, what: str, *others: npt.NDArray[Any] | None) -> None:
    """ValueError where a room shares memory with other arrays of its call."""
    import numpy as np

    for part, array in product((room.data, room.offsets, room.found), others):
        if array is not None and np.may_share_memory(part, array):
            raise ValueError(f"{what} shares memory with another array of the call")


def room_rows(out: Rows) -> int:
    """How many rows a checked room takes."""
    return max(min(len(out.offsets) - 1, len(out.found)), 0)


def refuse_rows(what: str, row_count: int, wanted: int) -> ArrayTooSmallError:
    """The error for a room with too few rows."""
    return ArrayTooSmallError(f"{what} has room for {row_count:,} rows, not for {wanted:,}")


def refuse_bytes(what: str, data_bytes: int, needed: int) -> ArrayTooSmallError:
    """The error for a room with too few bytes."""
    return ArrayTooSmallError(
        f"{what}.data has {data_bytes:,} bytes, and its rows need {needed:,}",
        needed_bytes=needed,
    )
