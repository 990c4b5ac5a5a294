"""Try an installed pykv: store, read, reopen, verify. Prints one line; exits 1 if anything differs.

`make wheel` runs it under every CPython found, away from the source tree.
"""

import sys
import tempfile
from pathlib import Path

import pykv

KEY_COUNT = 1000


def main() -> int:
    """Write, overwrite and delete keys in a Bitcask, reopen it and compare with a dict."""
    installed = Path(pykv.__file__).resolve()
    if Path(sys.prefix).resolve() not in installed.parents:
        sys.stdout.write(f"pykv comes from {installed}, not from this environment\n")
        return 1
    model = {b"key %d" % i: b"value %d" % i * (i % 50) for i in range(KEY_COUNT)}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "data"
        with pykv.open(path, engine="bitcask") as store:
            store.put_many(model.items())
            for key in list(model)[::3]:
                model[key] = b"new"
                store[key] = b"new"
            for key in list(model)[::5]:
                del model[key], store[key]
        with pykv.open(path) as store:
            same = dict(store.items()) == model and store.verify().ok
            found = store.get_many(list(model)) == list(model.values())
    python = ".".join(map(str, sys.version_info[:3]))
    verdict = "same" if same and found else "DIFFERENT"
    sys.stdout.write(f"{len(model)} keys, reopened, {verdict}, CPython {python}\n")
    return 0 if same and found else 1


if __name__ == "__main__":
    sys.exit(main())
