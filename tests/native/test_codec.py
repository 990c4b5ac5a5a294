"""Providers of zstd: each alone, in their order, and each reads what any of them wrote."""

from __future__ import annotations

import importlib
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import zstandard

import pykv
from pykv._native import codec, ffi, lib
from tests.native.zstd_providers import PROVIDERS, give_back, provide, quiet_callbacks, take_away

ZSTD = lib.PYKV_CODEC_ZSTD
BLOCK = b"".join(b"key-%06d value of some length, %d;" % (i, i * i) for i in range(120))


@pytest.fixture(autouse=True)
def _fresh() -> Iterator[None]:
    """No provider before a test, and the usual one after it."""
    take_away()
    yield
    give_back()


def compress(data: bytes, level: int = 1) -> bytes:
    out = ffi.new("uint8_t[]", 2 * len(data) + 4096)
    size = ffi.new("size_t *")
    status = lib.pykv_compress(ZSTD, level, data, len(data), out, len(out), size)
    assert status == lib.PYKV_OK
    return bytes(ffi.buffer(out, size[0]))


def decompress(frame: bytes, raw_size: int) -> bytes | None:
    """What is restored, or None for corruption; never a byte too much."""
    guard = 64
    out = ffi.new("uint8_t[]", b"Z" * (raw_size + guard))
    status = lib.pykv_decompress(ZSTD, frame, len(frame), out, raw_size)
    assert bytes(ffi.buffer(out))[raw_size : raw_size + guard] == b"Z" * guard
    if status == lib.PYKV_CORRUPTION:
        return None
    assert status == lib.PYKV_OK
    return bytes(ffi.buffer(out, raw_size))


@pytest.mark.parametrize("writer", PROVIDERS)
@pytest.mark.parametrize("reader", PROVIDERS)
def test_what_one_provider_wrote_reads_with_every_other(writer: str, reader: str) -> None:
    texts = [b"", b"a", BLOCK, bytes(range(256)) * 8, b"\0" * 70000]
    provide(writer)
    frames = [compress(text, level) for level in (0, 1, 5) for text in texts]
    provide(reader)
    assert [decompress(frame, len(texts[i % 5])) for i, frame in enumerate(frames)] == texts * 3


@pytest.mark.parametrize("name", PROVIDERS)
def test_a_provider_makes_blocks_small(name: str) -> None:
    provide(name)
    assert len(compress(BLOCK)) < len(BLOCK) / 3


@pytest.mark.parametrize("name", PROVIDERS)
def test_damaged_frames_and_wrong_sizes_are_corruption(name: str) -> None:
    provide(name)
    frame = compress(BLOCK)
    assert decompress(frame, len(BLOCK) - 1) is None
    assert decompress(frame, len(BLOCK) + 1) is None
    assert decompress(b"", 10) is None
    assert decompress(b"no frame at all, but long enough", 10) is None
    assert decompress(frame + b"more", len(BLOCK)) is None
    for cut in range(0, len(frame), 7):
        assert decompress(frame[:cut], len(BLOCK)) is None
    for at in range(0, len(frame), 3):
        damaged = bytearray(frame)
        damaged[at] ^= 0x55
        restored = decompress(bytes(damaged), len(BLOCK))
        assert restored is None or len(restored) == len(BLOCK)


@pytest.mark.parametrize("name", PROVIDERS)
def test_threads_share_a_provider(name: str) -> None:
    provide(name)
    wrong: list[int] = []

    def work(number: int) -> None:
        for turn in range(50):
            text = BLOCK[number + turn :]
            if decompress(compress(text), len(text)) != text:
                wrong.append(number)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_the_wheel_comes_first() -> None:
    assert codec.provide_zstd() == f"zstandard {zstandard.__version__}"
    assert codec.provide_zstd() == f"zstandard {zstandard.__version__}"


def test_what_was_set_before_is_left_alone() -> None:
    quiet_callbacks()
    assert codec.provide_zstd() == f"zstandard {zstandard.__version__} callbacks"


def refuse() -> bool:
    return False


def without(monkeypatch: pytest.MonkeyPatch, *names: str) -> None:
    for name in names:
        monkeypatch.setattr(codec, f"from_{name}", refuse)


def test_without_the_wheel_the_system_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    if not codec.from_system():
        pytest.skip("the system has no libzstd.so.1")
    take_away()
    without(monkeypatch, "wheel")
    provider = codec.provide_zstd()
    assert provider is not None
    assert "libzstd" in provider or provider == "own"


def test_with_neither_blocks_go_through_python_and_a_warning_says_so(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    without(monkeypatch, "wheel", "system")
    with pytest.warns(RuntimeWarning, match="slow"):
        assert codec.provide_zstd() == f"zstandard {zstandard.__version__} callbacks"
    # With warnings as errors a second one would be seen.
    codec.provide_zstd()
    assert decompress(compress(BLOCK), len(BLOCK)) == BLOCK


def _interrupt() -> None:
    raise KeyboardInterrupt


class Struck:
    """Stands for a function of codec in which something strikes at some of its calls."""

    def __init__(
        self,
        monkeypatch: pytest.MonkeyPatch,
        name: str,
        turns: set[int],
        strike: Callable[[], object] = _interrupt,
    ) -> None:
        self.left = turns
        self.strike = strike
        self.calls = 0
        self.function = getattr(codec, name)
        monkeypatch.setattr(codec, name, self)

    def __call__(self, *arguments: Any) -> Any:
        self.calls += 1
        if self.calls in self.left:
            self.strike()
        return self.function(*arguments)


@pytest.fixture
def packed(tmp_path: Path) -> Iterator[Any]:
    """A Bitcask whose callbacks have compressed 50 values of BLOCK and a number."""
    quiet_callbacks()
    with pykv.open(tmp_path, engine="bitcask", compression="zstd", background_threads=0) as db:
        db.put_many((b"%d" % number, BLOCK + b"%d" % number) for number in range(50))
        yield db


def test_an_interrupt_that_strikes_a_read_is_raised_behind_it(
    packed: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The read raised InternalError, the store became degraded, and the interrupt was lost."""
    packed.compact()
    struck = Struck(monkeypatch, "_decompressor", {1})
    found: list[bytes] = []
    with pytest.raises(KeyboardInterrupt):
        found.extend(map(packed.get, [b"7"]))
    assert found == [BLOCK + b"7"]
    assert struck.calls == 2
    assert packed.state == "open"
    assert packed[b"8"] == BLOCK + b"8"


def test_an_interrupt_in_the_midst_of_a_call_is_raised_once_and_behind_it(
    packed: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    packed.compact()
    Struck(monkeypatch, "_decompressor", {3})
    found: list[list[bytes]] = []
    with pytest.raises(KeyboardInterrupt):
        found.extend(map(packed.get_many, [[b"%d" % number for number in range(50)]]))
    assert found == [[BLOCK + b"%d" % number for number in range(50)]]
    assert packed.state == "open"
    assert packed[b"8"] == BLOCK + b"8"


def test_an_interrupt_that_strikes_a_merge_is_raised_behind_it(
    packed: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    Struck(monkeypatch, "_compressor", {2})
    with pytest.raises(KeyboardInterrupt):
        packed.compact()
    assert packed.state == "open"
    assert dict(packed.items()) == {b"%d" % n: BLOCK + b"%d" % n for n in range(50)}
    assert not packed.verify().damages


class TimeIsUp(Exception):
    """What the handler of an alarm raises."""

    def __init__(self, after: float, task: str) -> None:
        super().__init__(after, task)
        self.task = task


@pytest.fixture
def _alarm() -> Iterator[None]:
    def ring(_number: int, _frame: Any) -> None:
        raise TimeIsUp(0.5, "reading") from LookupError("no time")

    before = signal.signal(signal.SIGALRM, ring)
    yield
    signal.signal(signal.SIGALRM, before)


@pytest.mark.usefixtures("_alarm")
def test_what_a_signal_handler_raises_comes_as_it_is(
    packed: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It came by its type alone, without its arguments and cause, or as a TypeError where the type
    cannot do without them."""
    packed.compact()
    Struck(monkeypatch, "_decompressor", {3}, lambda: signal.raise_signal(signal.SIGALRM))
    with pytest.raises(TimeIsUp) as struck:
        packed.get_many([b"%d" % number for number in range(50)])
    assert struck.value.args == (0.5, "reading")
    assert struck.value.task == "reading"
    assert isinstance(struck.value.__cause__, LookupError)
    assert not codec._kept
    assert packed.state == "open"
    assert packed[b"8"] == BLOCK + b"8"


def test_what_strikes_another_thread_is_raised_there(
    packed: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    packed.compact()
    Struck(monkeypatch, "_decompressor", {1})
    found: list[object] = []

    def read() -> None:
        try:
            found.extend(map(packed.get, [b"7"]))
        except KeyboardInterrupt:
            found.append("struck")

    thread = threading.Thread(target=read)
    thread.start()
    thread.join()
    assert found == [BLOCK + b"7", "struck"]


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_fault_of_a_callback_is_an_internal_error(
    packed: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_dictionary: bytes = b"") -> Any:
        raise LookupError("a fault")

    packed.compact()
    monkeypatch.setattr(codec, "_decompressor", fail)
    with pytest.raises(pykv.InternalError):
        packed.get(b"7")
    assert not codec._kept


def test_without_any_there_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    without(monkeypatch, "wheel", "system", "callbacks")
    assert codec.provide_zstd() is None
    out, size = ffi.new("uint8_t[100]"), ffi.new("size_t *")
    assert lib.pykv_compress(ZSTD, 1, b"a", 1, out, 100, size) == lib.PYKV_NOT_SUPPORTED
    assert lib.pykv_decompress(ZSTD, b"a", 1, out, 100) == lib.PYKV_NOT_SUPPORTED


def test_without_zstandard_only_the_system_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(name: str) -> Any:
        raise ImportError(name)

    monkeypatch.setattr(codec, "import_module", absent)
    assert not codec.from_wheel()
    assert not codec.from_callbacks()


def other_module(**changes: Any) -> Any:
    """The private module with some functions replaced, None for missing."""
    real: Any = importlib.import_module(codec.PRIVATE_MODULE)
    functions = {name: getattr(real.lib, name) for name, _ in codec.FUNCTIONS.values()}

    def addressof(_lib: Any, name: str) -> Any:
        if name not in changes:
            return real.ffi.addressof(real.lib, name)
        if changes[name] is None:
            raise AttributeError(name)
        return real.ffi.addressof(real.lib, changes[name])

    fake = SimpleNamespace(addressof=addressof, typeof=real.ffi.typeof, cast=real.ffi.cast)
    return SimpleNamespace(ffi=fake, lib=functions, __version__="9")


@pytest.mark.parametrize(
    "changes",
    [
        {"ZSTD_compressCCtx": None},
        {"ZSTD_compressCCtx": "ZSTD_compress2"},
        {"ZSTD_isError": "ZSTD_versionNumber"},
        {"ZSTD_decompressDCtx": "ZSTD_decompress_usingDict"},
        {"ZSTD_getFrameContentSize": "ZSTD_findFrameCompressedSize"},
    ],
)
def test_a_private_module_with_other_functions_is_not_used(
    monkeypatch: pytest.MonkeyPatch, changes: dict[str, str | None]
) -> None:
    monkeypatch.setattr(codec, "import_module", lambda _name: other_module(**changes))
    assert not codec.from_wheel()
    assert not lib.pykv_codec_provider(ZSTD)


def test_functions_of_the_right_type_that_do_other_things_fail_the_trial(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    changes = {"ZSTD_compressBound": "ZSTD_CStreamInSize"}
    monkeypatch.setattr(codec, "import_module", lambda _name: other_module(**changes))
    functions = {**codec.FUNCTIONS, "compress_bound": ("ZSTD_compressBound", "size_t()")}
    monkeypatch.setattr(codec, "FUNCTIONS", functions)
    assert not codec.from_wheel()
    assert not lib.pykv_codec_provider(ZSTD)


def test_the_table_of_functions_is_that_of_the_header() -> None:
    fields = [field for field, _ in ffi.typeof("pykv_zstd").fields]
    assert list(codec.FUNCTIONS) == fields


def test_a_callback_that_fails_is_an_error_of_the_call(monkeypatch: pytest.MonkeyPatch) -> None:
    class Broken:
        def compress(self, _data: object) -> bytes:
            raise MemoryError

    quiet_callbacks()
    monkeypatch.setattr(codec, "_compressor", lambda _level: Broken())
    out, size = ffi.new("uint8_t[1000]"), ffi.new("size_t *")
    assert lib.pykv_compress(ZSTD, 1, b"a", 1, out, 1000, size) == lib.PYKV_NO_MEMORY
    assert size[0] == 0


def test_the_core_alone_finds_the_library_of_the_system() -> None:
    script = (
        "from pykv._native import ffi, lib\n"
        "out, size = ffi.new('uint8_t[1000]'), ffi.new('size_t *')\n"
        "status = lib.pykv_compress(lib.PYKV_CODEC_ZSTD, 1, b'a', 1, out, 1000, size)\n"
        "found = bool(lib.pykv_codec_provider(lib.PYKV_CODEC_ZSTD))\n"
        "assert status == (lib.PYKV_OK if found else lib.PYKV_NOT_SUPPORTED)\n"
        "print(found)\n"
    )
    answer = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60
    )
    take_away()
    assert answer.stdout.strip() == str(codec.from_system())
