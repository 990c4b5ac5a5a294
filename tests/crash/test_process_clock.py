"""A real wall clock that jumps forth and back under a process that writes."""

import json
import os
import subprocess
import sys
from pathlib import Path

from tests.engine.native_kinds import Kind

CLOCK = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

/* The wall clock goes by the file named in CLOCK_FILE: seconds to add. */
static long long shift(void)
{
    char text[32] = {0};
    int file = open(getenv("CLOCK_FILE"), 0);
    if (file < 0 || read(file, text, sizeof text - 1) < 0) {
        abort();
    }
    close(file);
    return atoll(text);
}

int clock_gettime(clockid_t clock, struct timespec *out)
{
    static int (*real)(clockid_t, struct timespec *);
    if (real == NULL) {
        real = (int (*)(clockid_t, struct timespec *))dlsym(RTLD_NEXT, "clock_gettime");
    }
    int failed = real(clock, out);
    if (failed == 0 && clock == CLOCK_REALTIME) {
        out->tv_sec += shift();
    }
    return failed;
}
"""

JUMPS = """
import json, os, sys, time
from pathlib import Path
import pykv
path, engine, options = Path(sys.argv[1]), sys.argv[2], json.loads(sys.argv[3])
clock = Path(os.environ["CLOCK_FILE"])
model = {}
seen = []
last = 0
for round_, years in enumerate([0, 10, -10, 0, 40, -40, 1, 0]):
    clock.write_text(str(int(years * 365.25 * 86_400)))
    seen.append(time.time())
    with pykv.open(path, engine=engine, **options) as db:
        assert dict(db.items()) == model, round_
        for number in range(1_000):
            key = b"%d" % (number % 300)
            model[key] = b"%d in %d" % (number, round_)
            db[key] = model[key]
            if number % 7 == 0:
                del db[key], model[key]
            if number % 100 == 50:
                clock.write_text(str(int(-years * 365.25 * 86_400) + number))
        assert db.last_seq > last
        last = db.last_seq
        db.compact()
        assert dict(db.items()) == model, round_
        assert db.verify().ok
assert max(seen) - min(seen) > 70 * 365 * 86_400, "the clock did not jump"
print("jumped")
"""

# What expires does so by the highest time that the store was told, over closes too: a model has
# the deadlines, and high is that time. Deadlines and jumps are months apart. Half of the rounds end
# by a kill, once the manifest has the time that rows were seen to expire by: of what was told only
# so much is sure to be kept, so the next round asks a row for the time.
DEADLINES = """
import json, os, pickle, random, sys, time
from pathlib import Path
import pykv
path, engine, options = Path(sys.argv[1]), sys.argv[2], json.loads(sys.argv[3])
clock, kept = Path(os.environ["CLOCK_FILE"]), Path(os.environ["CLOCK_FILE"] + ".kept")
YEAR = 365.25 * 86_400
TTLS = [None, 0.27 * YEAR, 5.3 * YEAR, 25.6 * YEAR]
models = {None: {}, "named": {}}
high = 0
seen = 0


def jump(years):
    clock.write_text(str(int(years * YEAR)))


def told():
    global high
    high = max(high, time.time())
    return high


def live(model):
    now = told()
    return {key: value for key, (value, end) in model.items() if end is None or end > now}


def time_of(db):
    db.put(b"what time is it", b"", ttl=YEAR)
    now = db.expires_at(b"what time is it") - YEAR
    db.delete(b"what time is it")
    return now


def await_kept():
    until = time.monotonic() + 20
    while int.from_bytes((path / "MANIFEST").read_bytes()[88:96], "little") < seen * 1e6 - 1e3:
        assert time.monotonic() < until, "the manifest does not get the time"
        time.sleep(0.02)


def note(db, model, key, value, ttl):
    end = db.expires_at(key)
    assert (end is None) == (ttl is None), (key, ttl, end)
    assert ttl is None or abs(end - ttl - told()) < 300, (key, ttl, end, high)
    model[key] = value, end


def write(db, model, number):
    key, value, ttl = b"%d" % rng.randrange(200), b"%d" % number * 40, rng.choice(TTLS)
    if rng.random() < 0.2:
        there = key in live(model)
        assert db.touch(key, ttl) == there, (key, ttl)
        if there:
            note(db, model, key, model[key][0], ttl)
    elif rng.random() < 0.1:
        db.delete(key)
        model.pop(key, None)
    else:
        db.put(key, value, ttl=ttl)
        note(db, model, key, value, ttl)


def check(db, model):
    rows = live(model)
    assert dict(db.items()) == rows
    assert db.get_many(list(model)) == [rows.get(key) for key in model]
    global seen
    seen = max([seen, *(end for key, (_, end) in model.items() if key not in rows)])


def play(years, is_killed, was_killed):
    global high
    jump(years)
    with pykv.open(path, engine=engine, history_bytes=1 << 40, **options) as db:
        if was_killed:
            high = time_of(db)
            assert high >= seen, (high, seen)
        spaces = {None: db, "named": db.namespace("named", create=True)}
        for name, model in models.items():
            check(spaces[name], model)
        for number in range(400):
            name = rng.choice([*models])
            write(spaces[name], models[name], number)
            if number % 100 == 70:
                jump(rng.choice([years, -years, years + 2, 0]))
                check(spaces[name], models[name])
            if number % 130 == 90:
                db.compact()
        with db.snapshot() as moment:
            rows = live(models[None])
            jump(years + 1)
            assert dict(moment.items()) == rows
            check(db, models[None])
        ends = {}
        for change in db.changes(unsynced=True):
            if change.namespace is None:
                ends[change.key] = change.expires_at
        for key, (_, end) in models[None].items():
            assert ends[key] == end, (key, end, ends[key])
        assert db.verify().ok
        kept.write_bytes(pickle.dumps((models, high, seen)))
        if is_killed:
            await_kept()
            os._exit(0)


was_killed = False
for round_, years in enumerate([0, 10, -10, 0, 0.5, 3, 40, -40, 1, 0, 46]):
    rng = random.Random(f"{sys.argv[4]} {round_}")
    is_killed = rng.random() < 0.5
    if (child := os.fork()) == 0:
        play(years, is_killed, was_killed)
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0, (round_, is_killed)
    models, high, seen = pickle.loads(kept.read_bytes())
    was_killed = is_killed
assert max(end for model in models.values() for _, end in model.values() if end) > high
print("expired")
"""


def run_with_clock(script: str, tmp_path: Path, kind: Kind, *arguments: str) -> str:
    """What the script prints, under a wall clock that it sets."""
    source, shim = tmp_path / "clock.c", tmp_path / "clock.so"
    source.write_text(CLOCK)
    command = ["gcc", "-shared", "-fPIC", "-o", str(shim), str(source), "-ldl"]
    subprocess.run(command, check=True)
    (tmp_path / "shift").write_text("0")
    environment = os.environ | {"LD_PRELOAD": str(shim), "CLOCK_FILE": str(tmp_path / "shift")}
    place = [str(tmp_path / "db"), kind.name, json.dumps(kind.small)]
    done = subprocess.run(
        [sys.executable, "-c", script, *place, *arguments],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, (arguments, done.stderr)
    return done.stdout


def test_a_clock_that_jumps_orders_nothing_and_removes_nothing(kind: Kind, tmp_path: Path) -> None:
    assert run_with_clock(JUMPS, tmp_path, kind) == "jumped\n"


def test_rows_expire_by_the_highest_time_that_was_told_and_never_come_back(
    kind: Kind, tmp_path: Path, seed: int
) -> None:
    assert run_with_clock(DEADLINES, tmp_path, kind, str(seed)) == "expired\n", f"seed {seed}"
