"""Interrupts at random moments of calls that wait or take turns: each call ends, by the interrupt
or by itself, and what it was called on goes on."""

from pathlib import Path

import pytest

from tests.crash.processes import run_program

ROUNDS = 2_000

#: Makes a call again and again, each with a signal somewhere in it.
STORM = """
import os, random, signal, sys
import pykv

def strike(_number, _frame):
    raise KeyboardInterrupt

signal.signal(signal.SIGALRM, strike)
home, rounds, draw = sys.argv[1], int(sys.argv[2]), random.Random(1)
struck, other = 0, []
{begin}
for number in range(rounds):
    {prepare}
    try:
        try:
            signal.setitimer(signal.ITIMER_REAL, draw.uniform(1e-5, {within}))
            {call}
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
    except KeyboardInterrupt:
        struck += 1
    except BaseException as error:
        other.append(repr(error))
    {check}
{end}
assert struck > rounds // 10, struck
assert not other, (len(other), other[0])
"""


def run_storm(home: Path, **parts: str) -> None:
    code = STORM.format(**{"begin": "", "prepare": "", "check": "", "end": "", **parts})
    ended = run_program(code, home, ROUNDS)
    assert ended.returncode == 0, ended.stderr


@pytest.mark.parametrize("engine", ["bitcask", "lsm"])
@pytest.mark.parametrize("call", ["verify", "compact"])
def test_a_long_call_ends_wherever_it_is_interrupted(
    tmp_path: Path, engine: str, call: str
) -> None:
    """An interrupt in the Python of threading.Thread.start and Event.wait left their locks taken:
    the call, and the thread that it had started, waited for ever."""
    run_storm(
        tmp_path,
        begin=f"db = pykv.open(home + '/db', engine={engine!r}); db[b'a'] = b'1'",
        call=f"db.{call}()",
        within="8e-4",
        end="assert db.verify().damage_count == 0; db.close()",
    )


def test_an_interrupted_table_writer_removes_its_file(tmp_path: Path) -> None:
    """An interrupt between the taking of its lock and what gave that back left the writer to
    nobody: abandon() raised RuntimeError, in the place of the interrupt, and the file stayed."""
    run_storm(
        tmp_path,
        prepare="file = f'{home}/{number}.table'",
        call="""writer = None
            with pykv.TableWriter(file) as writer:
                while True:
                    writer.add(b"%06d" % len(writer), b"value")""",
        within="2e-3",
        check="assert not os.path.exists(file), 'the file of an interrupted writer is there'",
    )


def test_an_interrupted_write_leaves_the_turn_to_others(tmp_path: Path) -> None:
    """The traceback of the interrupt kept the turn: a put in its handler was refused, and the puts
    of other threads waited until it was let go."""
    run_storm(
        tmp_path,
        begin="db = pykv.open(home + '/db', engine='sqlite')",
        call="""try:
                while True:
                    db.put(b"a", b"1")
            except KeyboardInterrupt:
                signal.setitimer(signal.ITIMER_REAL, 0)
                db.put(b"in the handler", b"1")
                raise""",
        within="1e-3",
        end="db.close()",
    )
