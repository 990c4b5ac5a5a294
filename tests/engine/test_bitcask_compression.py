"""A Bitcask that compresses values: every read gives what was put, and the disk holds less."""

from __future__ import annotations

import json
import random
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import pykv
from pykv._native import check, codec, ffi, lib
from pykv.engine.bitcask import Bitcask
from pykv.options import BitcaskOptions

PACKED = BitcaskOptions(compression="zstd", segment_bytes=65_536)


def rows(count: int) -> dict[bytes, bytes]:
    """Values that compress well, that compress badly, that are short, and that are empty."""
    rng = random.Random(count)
    made = {}
    for number in range(count):
        text = json.dumps({"id": number, "words": [rng.choice(["red", "blue"])] * 40}).encode()
        made[b"key-%d" % number] = [text, rng.randbytes(200), text[:9], b""][number % 4]
    return made


def test_what_was_put_comes_back_from_every_read(tmp_path: Path) -> None:
    wanted = rows(2_000)
    with Bitcask(tmp_path, PACKED) as db:
        db.put_many(wanted.items())
        plain = db.stats()["live_bytes"]
        db.compact()
        assert db.stats()["live_bytes"] < plain * 0.7
        assert dict(db.items()) == wanted
        assert set(db.keys()) == set(wanted)
        assert db.get_many(list(wanted)) == list(wanted.values())
        found = db.get_arrays(np.array(list(wanted))).to_list()
        assert found == list(wanted.values())
        with db.snapshot() as moment:
            db.clear()
            assert dict(moment.items()) == wanted
            assert all(moment[key] == value for key, value in wanted.items())


def test_a_view_of_a_packed_value_is_a_copy(tmp_path: Path) -> None:
    with Bitcask(tmp_path, PACKED) as db:
        db[b"key"] = b"value" * 100
        db.compact()
        view = db.get_view(b"key")
        assert view is not None
        assert bytes(view) == b"value" * 100
        assert db.stats()["view_copy_count"] == 1
        del view


def test_writes_that_look_at_a_packed_value(tmp_path: Path) -> None:
    value = b"value" * 100
    with Bitcask(tmp_path, PACKED) as db:
        db[b"key"] = value
        db.compact()
        assert not db.compare_and_set(b"key", b"other", b"new")
        assert db.touch(b"key", ttl=1_000)
        db.compact()
        assert db.compare_and_set(b"key", value, value + b"!")
        db.compact()
        assert db.pop(b"key") == value + b"!"


def test_changes_tell_values_as_they_were_put(tmp_path: Path) -> None:
    wanted = rows(200)
    options = BitcaskOptions(compression="zstd", segment_bytes=65_536, history_bytes=1 << 30)
    with Bitcask(tmp_path, options) as db:
        db.put_many(wanted.items())
        db.compact()
        db.sync()
        told = {change.key: change.value for change in db.changes(0)}
    assert told == wanted


def test_a_store_may_change_its_mind_at_every_open(tmp_path: Path) -> None:
    wanted = rows(400)
    plain = BitcaskOptions()
    for turn, options in enumerate((PACKED, plain, PACKED, plain)):
        with Bitcask(tmp_path, options) as db:
            assert dict(db.items()) == (wanted if turn else {})
            db.put_many(wanted.items())
            db.compact()
            assert not db.verify().damages
    with pykv.open(tmp_path, read_only=True) as reader:
        assert dict(reader.items()) == wanted


def test_a_checkpoint_and_a_repaired_store_hold_the_values(tmp_path: Path) -> None:
    wanted = rows(400)
    with Bitcask(tmp_path / "db", PACKED) as db:
        db.put_many(wanted.items())
        db.compact()
        db.checkpoint(tmp_path / "copy")
    pykv.repair(tmp_path / "db")
    for name in ("db", "copy"):
        with pykv.open(tmp_path / name) as db:
            assert dict(db.items()) == wanted


def test_without_zstd_the_error_names_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Bitcask(tmp_path, PACKED) as db:
        db[b"key"] = b"value" * 100
        db.compact()
    nothing = ffi.new("pykv_codec *", {"id": lib.PYKV_CODEC_ZSTD})
    check(lib.pykv_set_codec(nothing))
    with monkeypatch.context() as patch:
        patch.setattr("pykv.engine.bitcask.provide_zstd", lambda: None)
        with pytest.raises(pykv.NotSupportedError, match="codec 2 is not there"):
            Bitcask(tmp_path, PACKED)
        with Bitcask(tmp_path) as db:
            assert b"key" in db
            with pytest.raises(pykv.NotSupportedError, match=r"\.log: .*codec 2"):
                db[b"key"]
    with Bitcask(tmp_path) as db:
        assert db[b"key"] == b"value" * 100


def test_values_packed_with_a_dictionary_are_read_by_every_provider(tmp_path: Path) -> None:
    wanted = {
        b"key-%d" % number: b'{"number": %d, "city": "Berlin", "kind": "apple"}' % (number * 7919)
        for number in range(3_000)
    }
    with Bitcask(tmp_path, PACKED) as db:
        db.put_many(wanted.items())
        plain = db.stats()["live_bytes"]
        db.compact()
        assert db.stats()["live_bytes"] < plain * 0.8
    nothing = ffi.new("pykv_codec *", {"id": lib.PYKV_CODEC_ZSTD})
    for provide in (codec.from_system, codec.from_callbacks):
        check(lib.pykv_set_codec(nothing))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)
            provided = provide()
        with Bitcask(tmp_path, PACKED) as db:
            assert provided or lib.pykv_codec_provider(lib.PYKV_CODEC_ZSTD)
            assert dict(db.items()) == wanted
            db.put_many(list(wanted.items())[::2])
            db.compact()
            assert db.get_many(list(wanted)) == list(wanted.values())
            assert not db.verify().damages
    check(lib.pykv_set_codec(nothing))


def test_a_large_value_is_decompressed_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was, with the interpreter lock held, to see that it is large, and then once more."""
    asked: list[bytes] = []
    decompressor = codec._decompressor

    def count(dictionary: bytes = b"") -> Any:
        asked.append(dictionary)
        return decompressor(dictionary)

    value = bytes(range(256)) * 4096
    check(lib.pykv_set_codec(ffi.new("pykv_codec *", {"id": lib.PYKV_CODEC_ZSTD})))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        assert codec.from_callbacks()
    with Bitcask(tmp_path, PACKED) as db:
        db[b"key"] = value
        db.compact()
        monkeypatch.setattr(codec, "_decompressor", count)
        with db.snapshot() as moment:
            assert db[b"key"] == moment[b"key"] == value
            assert len(asked) == 2
            assert b"key" in db
            assert b"key" in moment
    assert len(asked) == 2
    check(lib.pykv_set_codec(ffi.new("pykv_codec *", {"id": lib.PYKV_CODEC_ZSTD})))
