"""What makes an engine of a database of others."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from pykv.adapters._lock import LOCK_NAME, lock_writer
from pykv.adapters._peer import Peer
from pykv.adapters._store import FEATURES, AdapterStore
from pykv.engine import Engine
from pykv.options import CommonOptions


def adapter(
    name: str,
    class_name: str,
    open_peer: type[Peer],
    is_there: Callable[[Path], bool],
    lacks: frozenset[str] | set[str] = frozenset(),
) -> tuple[type[AdapterStore], Engine]:
    """The class and the engine of a database of others. lacks: of FEATURES."""
    made = type(
        class_name,
        (AdapterStore,),
        {
            "__doc__": f"A store of engine {name!r}.",
            "_engine": name,
            "_open_peer": open_peer,
            "_is_there": staticmethod(is_there),
            "_features": FEATURES - lacks,
        },
    )

    own_names = (open_peer.data_names, open_peer.other_names)

    def destroy(path: Path) -> None:
        lock = lock_writer(path)
        try:
            for each in list(path.iterdir()):
                if any(names.fullmatch(each.name) for names in own_names):
                    each.unlink()
            (path / LOCK_NAME).unlink()
        finally:
            lock.release()

    return made, Engine(
        name=name, options=CommonOptions, open=made, detect=is_there, destroy=destroy
    )
