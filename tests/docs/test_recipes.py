"""The recipes of the guide for servers and data loaders, with workers that are processes.

A live writer goes on beside them. Every warning is an error, in the workers too.
"""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.docs.blocks import blocks_of

# Each engine and each way to start a worker.
PAIRS = [("lsm", "spawn"), ("lsm", "fork"), ("bitcask", "spawn"), ("bitcask", "fork")]
SECONDS_MAX = 120

PREAMBLE = "import os\nimport threading\nimport pykv\n"

SERVER = """
import multiprocessing, os, sys, warnings
import pykv
from recipes import Reader

def serve(shared, requests, answers):
    shared = shared or Reader("shared")
    while (key := requests.get()) is not None:
        db = shared.get()
        answers.put((os.getpid(), db[key], db.last_seq))
    shared.db.close()

def ask(workers, key):
    told = []
    for requests, answers, _ in workers:
        requests.put(key)
        told.append(answers.get(timeout=60))
    assert len({pid for pid, _, _ in told}) == len(workers)
    return [value for _, value, _ in told]

def main(engine, method):
    context = multiprocessing.get_context(method)
    with pykv.open("shared", engine=engine) as db:
        db[b"config"] = b"v0"
    shared = Reader("shared")
    assert shared.get()[b"config"] == b"v0"
    workers = []
    for _ in range(2):
        # A lock is not pickled, so a spawned worker makes a reader of its own.
        requests, answers = context.Queue(), context.Queue()
        given = shared if method == "fork" else None
        worker = context.Process(target=serve, args=(given, requests, answers), daemon=True)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            worker.start()
        workers.append((requests, answers, worker))
    assert ask(workers, b"config") == [b"v0"] * 2
    with pykv.open("shared") as db:
        for number in range(1, 11):
            db[b"config"] = b"v%d" % number
            db.put_many((b"row %d" % row, b"%d" % number * 100) for row in range(200))
            if number % 5 == 0:
                db.compact()
            assert ask(workers, b"config") == [b"v%d" % number] * 2
            assert shared.get()[b"config"] == b"v%d" % number
    pykv.destroy("shared")
    try:
        shared.get()
    except FileNotFoundError as error:
        assert "no database" in str(error) or "shared" in str(error)
    else:
        raise AssertionError("there is no database")
    with pykv.open("shared", engine=engine) as db:
        db[b"config"] = b"made anew"
        assert ask(workers, b"config") == [b"made anew"] * 2
        assert shared.get()[b"config"] == b"made anew"
    for requests, _, worker in workers:
        requests.put(None)
        worker.join(60)
        assert worker.exitcode == 0, worker.exitcode
    shared.db.close()
    print("served")

if __name__ == "__main__":
    main(*sys.argv[1:])
"""

LOADER = """
import multiprocessing, os, pickle, sys, threading, warnings
import pykv
from recipes import Samples

def load(samples, numbers, answers):
    rows = [samples[number] for number in numbers]
    answers.put((rows, samples.process == os.getpid()))
    samples.db.close()

def grow(db, ended):
    number = 100
    while not ended.wait(0.001):
        db[b"%d" % number] = b"sample %d" % number
        number += 1
        if number % 100 == 0:
            db.flush()

def main(engine, method):
    with pykv.open("samples", engine=engine) as db:
        db.put_many((b"%d" % number, b"sample %d" % number) for number in range(100))
        db[b"count"] = b"100"
    samples = Samples("samples")
    assert (len(samples), samples[7]) == (100, b"sample 7")
    copy = pickle.loads(pickle.dumps(samples))
    assert (copy.db, len(copy), copy[99]) == (None, 100, b"sample 99")
    copy.db.close()
    ended = threading.Event()
    context = multiprocessing.get_context(method)
    warnings.simplefilter("ignore", DeprecationWarning)
    with pykv.open("samples") as db:
        writer = threading.Thread(target=grow, args=(db, ended))
        writer.start()
        workers = []
        for start in range(2):
            numbers, answers = range(start, 100, 2), context.Queue()
            worker = context.Process(target=load, args=(samples, numbers, answers), daemon=True)
            worker.start()
            workers.append((numbers, answers, worker))
        for numbers, answers, worker in workers:
            rows, is_own = answers.get(timeout=60)
            assert is_own
            assert rows == [b"sample %d" % number for number in numbers]
            worker.join(60)
            assert worker.exitcode == 0, worker.exitcode
        ended.set()
        writer.join()
        assert samples[8] == b"sample 8"
        samples.db.refresh()
        assert samples[100] == b"sample 100"
    samples.db.close()
    print("loaded")

if __name__ == "__main__":
    main(*sys.argv[1:])
"""

FOLLOWER = """
import sys, threading
import pykv
from recipes import Copy

class WrittenBeside:
    # A database that is written to whenever it was read.
    def __init__(self, db):
        self.db = db

    def __getattr__(self, name):
        return getattr(self.db, name)

    def scan(self):
        rows = list(self.db.scan())
        self.db[b"beside"] = b"%d" % self.db.last_seq
        return rows

    def snapshot(self):
        moment = self.db.snapshot()
        self.db[b"beside"] = b"%d" % self.db.last_seq
        return moment

def grow(db, ended):
    number = 0
    while not ended.wait(0.001):
        with db.batch() as batch:
            batch.put(b"%d" % (number % 50), b"%d" % number)
            batch.delete(b"%d" % (number % 20))
        number += 1
        if number % 40 == 0:
            db.flush()

def main(engine, history_bytes):
    with pykv.open("followed", engine=engine, history_bytes=int(history_bytes)) as db:
        ended = threading.Event()
        writer = threading.Thread(target=grow, args=(db, ended))
        writer.start()
        copies = [Copy(WrittenBeside(db)) for _ in range(5)]
        for _ in range(50):
            for copy in copies:
                copy.follow()
        ended.set()
        writer.join()
        copies.append(Copy(WrittenBeside(db)))
        db.sync()
        for copy in copies:
            copy.follow()
            db.sync()
            copy.follow()
            assert copy.rows == dict(db.scan())
    print("followed")

if __name__ == "__main__":
    main(*sys.argv[1:])
"""


def class_of_guide(name: str) -> str:
    """The text of a class that the guide defines."""
    for block in blocks_of("docs/guide.md"):
        if block.language == "python" and f"class {name}" in block.text:
            for node in ast.parse(block.text).body:
                if isinstance(node, ast.ClassDef) and node.name == name:
                    return ast.get_source_segment(block.text, node) or ""
    raise AssertionError(f"the guide has no class {name}")


def run(program: str, recipe: str, folder: Path, *arguments: str) -> str:
    """What a program says that imports a recipe of the guide."""
    (folder / "recipes.py").write_text(PREAMBLE + class_of_guide(recipe), encoding="utf-8")
    (folder / "program.py").write_text(program, encoding="utf-8")
    ended = subprocess.run(
        [sys.executable, "program.py", *arguments],
        cwd=folder,
        env=os.environ | {"PYTHONWARNINGS": "error"},
        capture_output=True,
        text=True,
        timeout=SECONDS_MAX,
        check=False,
    )
    assert (ended.returncode, ended.stderr) == (0, "")
    return ended.stdout


@pytest.mark.parametrize(("engine", "method"), PAIRS)
def test_workers_of_a_server_read_what_one_process_writes(
    engine: str, method: str, tmp_path: Path
) -> None:
    """Also where the reader was used before the fork, and where the database is made anew. A reader
    that was asked while there was none once stayed closed."""
    assert run(SERVER, "Reader", tmp_path, engine, method) == "served\n"


@pytest.mark.parametrize(("engine", "method"), PAIRS)
def test_workers_of_a_data_loader_read_beside_a_writer(
    engine: str, method: str, tmp_path: Path
) -> None:
    assert run(LOADER, "Samples", tmp_path, engine, method) == "loaded\n"


@pytest.mark.parametrize("engine", ["lsm", "bitcask"])
@pytest.mark.parametrize("history_bytes", ["0", "1000000"])
def test_a_copy_has_what_is_written_beside_its_scan(
    engine: str, history_bytes: str, tmp_path: Path
) -> None:
    """The guide once followed from a sequence that was taken behind the scan, so what was written
    in between was never seen."""
    assert run(FOLLOWER, "Copy", tmp_path, engine, history_bytes) == "followed\n"
