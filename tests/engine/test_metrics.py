"""The text for Prometheus says all that stats() says, in a form that its own parser takes."""

import http.client
import re
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

import pykv
from pykv.engine.metrics import METRICS, metric_name
from pykv.errors import ClosedError

NAME = re.compile(r"pykv_[a-z0-9_]+")


def open_stores(path: Path) -> list[Any]:
    stores: list[Any] = [
        pykv.open(path / "bitcask", engine="bitcask"),
        pykv.open(path / "lsm", engine="lsm"),
        pykv.open(None, engine="memory"),
    ]
    for db in stores:
        db.put_many((b"%d" % number, bytes(100)) for number in range(100))
        db.get(b"7")
        db.flush()
    return stores


def samples_of(text: str) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    parser = pytest.importorskip("prometheus_client.parser")
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in parser.text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_every_number_of_stats_is_there(tmp_path: Path) -> None:
    with ExitStack() as opened:
        for db in [opened.enter_context(each) for each in open_stores(tmp_path)]:
            stats = db.stats()
            told = samples_of(db.metrics())
            common = {("engine", stats["engine"])}
            if db.path is not None:
                common.add(("path", str(db.path)))
            for stat, value in stats.items():
                if isinstance(value, str | None):
                    continue
                name = metric_name(stat, METRICS[stat].kind)
                if isinstance(value, list):
                    for level, each in enumerate(value):
                        labels = frozenset(common | {("level", str(level))})
                        assert told[name, labels] == pytest.approx(each), name
                elif not stat.endswith("_us"):
                    assert told[name, frozenset(common)] == pytest.approx(float(value)), name
            states = {
                dict(labels)["state"]: told[name, labels]
                for name, labels in told
                if name == "pykv_state"
            }
            assert states.pop("open") == 1
            assert set(states.values()) == {0}


def test_names_have_units_and_counters_a_total() -> None:
    assert metric_name("put_count", "counter") == "pykv_puts_total"
    assert metric_name("tag_mismatch_count", "counter") == "pykv_tag_mismatches_total"
    assert metric_name("block_cache_miss_count", "counter") == "pykv_block_cache_misses_total"
    assert metric_name("written_bytes", "counter") == "pykv_written_bytes_total"
    assert metric_name("stall_us", "counter") == "pykv_stall_seconds_total"
    assert metric_name("open_us", "gauge") == "pykv_open_seconds"
    assert metric_name("key_count", "gauge") == "pykv_keys"
    names = [metric_name(stat, metric.kind) for stat, metric in METRICS.items()]
    assert len(set(names)) == len(names)
    assert all(NAME.fullmatch(name) for name in names)
    assert all(metric.help.endswith(".") for metric in METRICS.values())


def test_microseconds_are_told_in_seconds(tmp_path: Path) -> None:
    with pykv.open(tmp_path / "data") as db:
        seconds = db.stats()["open_us"] / 1_000_000
        line = re.search(r"^pykv_open_seconds\{.*\} (.*)$", db.metrics(), re.MULTILINE)
        assert line is not None
        assert float(line[1]) == pytest.approx(seconds)


def test_counters_rise_and_gauges_follow(tmp_path: Path) -> None:
    with pykv.open(tmp_path / "data", engine="bitcask") as db:
        labels = frozenset({("engine", "bitcask"), ("path", str(tmp_path / "data"))})
        db[b"k"] = b"v"
        db[b"k"] = b"w"
        told = samples_of(db.metrics())
        assert told["pykv_puts_total", labels] == 2
        assert told["pykv_keys", labels] == 1


def test_several_stores_share_each_name(tmp_path: Path) -> None:
    stores = open_stores(tmp_path)
    text = pykv.metrics(stores)
    for db in stores:
        db.close()
    heads = [line.split()[2] for line in text.splitlines() if line.startswith("# TYPE")]
    assert len(heads) == len(set(heads))
    engines = {dict(labels)["engine"] for name, labels in samples_of(text) if name == "pykv_keys"}
    assert engines == {"bitcask", "lsm", "memory"}
    assert pykv.metrics([]) == ""


def test_a_namespace_has_a_label_and_nothing_is_told_twice(tmp_path: Path) -> None:
    with pykv.open(tmp_path / "db") as db:
        users = db.namespace("users", create=True)
        users[b"a"] = b"1"
        keys = {
            dict(labels).get("namespace"): value
            for (name, labels), value in samples_of(pykv.metrics([db, users])).items()
            if name == "pykv_keys"
        }
        assert keys == {None: 0, "users": 1}
        with pytest.raises(ValueError, match="asked for twice"):
            pykv.metrics([db, users, db])
        with pytest.raises(TypeError, match=r"say metrics\(\[store\]\)"):
            pykv.metrics(db)  # type: ignore[arg-type]


def test_labels_are_escaped(tmp_path: Path) -> None:
    path = tmp_path / 'a "path" with\nlines and \\'
    with pykv.open(path) as db:
        told = samples_of(db.metrics())
    assert {dict(labels)["path"] for _, labels in told} == {str(path)}


def test_a_path_that_is_no_text_can_be_sent(tmp_path: Path) -> None:
    path = Path(str(tmp_path), "\udcff\udcfe")
    with pykv.open(path) as db:
        assert b"xff" in db.metrics().encode()


def test_what_an_engine_of_somebody_else_tells_has_no_type() -> None:
    class Told:
        def stats(self) -> dict[str, object]:
            return {"engine": "other", "state": "open", "path": None, "warp": 3, "blob": b"x"}

    store: Any = Told()
    text = pykv.metrics([store])
    assert "# TYPE pykv_warp untyped\n" in text
    assert 'pykv_warp{engine="other"} 3\n' in text
    assert "blob" not in text


def test_a_closed_store_refuses(tmp_path: Path) -> None:
    db = pykv.open(tmp_path / "data")
    db.close()
    with pytest.raises(ClosedError):
        db.metrics()


def test_the_handler_of_the_guide_serves_it(tmp_path: Path) -> None:
    """The text is what http.server sends, byte for byte."""
    from http.server import BaseHTTPRequestHandler, HTTPServer
    from threading import Thread

    from pykv.engine.metrics import CONTENT_TYPE

    with pykv.open(tmp_path / "data") as db:

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                body = db.metrics().encode()
                self.send_response(200)
                self.send_header("Content-Type", CONTENT_TYPE)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                pass

        with HTTPServer(("127.0.0.1", 0), Handler) as server:
            thread = Thread(target=server.handle_request)
            thread.start()
            connection = http.client.HTTPConnection("127.0.0.1", server.server_port, timeout=10)
            connection.request("GET", "/metrics")
            answer = connection.getresponse()
            body = answer.read()
            thread.join()
            connection.close()
        assert answer.getheader("Content-Type") == CONTENT_TYPE
        assert samples_of(body.decode())
