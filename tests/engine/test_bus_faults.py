"""A mapped file whose bytes are gone, in a process that replaced the handler of bus faults."""

import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = """
import faulthandler, pathlib, sys
import pykv
from pykv._native import ffi, lib

path, engine = sys.argv[1:]
db = pykv.open(path, engine=engine, background_threads=0)
db.update({b"%d" % number: b"v" * 1000 for number in range(100)})
db.sync()
faulthandler.enable()
assert lib.pykv_maintain_step(db._handle.pointer, lib.PYKV_ROLE_LOG, ffi.new("int32_t *")) == 0
for file in pathlib.Path(path).glob("*.log"):
    with file.open("r+b") as opened:
        opened.truncate(100)
for call in (lambda: db.get(b"50"), lambda: db.put(b"50", b"new")):
    try:
        call()
    except pykv.Error as error:
        print("raised", type(error).__name__)
print("alive")
"""


@pytest.mark.parametrize(("engine", "raised"), [("bitcask", 1), ("lsm", 0)])
def test_the_handler_comes_back_after_faulthandler(
    tmp_path: Path, engine: str, raised: int
) -> None:
    """faulthandler.enable() after the open made a disk that fails the end of the process.

    It hands the fault on by a signal that it sends, which does not tell the address, so the handler
    has to stand before it again. A step of background work sees to that.
    """
    answer = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(tmp_path / "db"), engine],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert answer.stdout.endswith("alive\n"), answer.stderr
    assert answer.returncode == 0, answer.stderr
    assert answer.stdout.count("raised") >= raised
