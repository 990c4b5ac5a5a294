"""What the rules of the store machine share: a store of one subject beside its oracle."""

import tempfile
from pathlib import Path
from typing import Any

from hypothesis.stateful import RuleBasedStateMachine

from tests.contract.conftest import ROOTS, Subject
from tests.model.oracle import Oracle


class Machine(RuleBasedStateMachine):
    """A store, which is opened again on the way, and its oracle."""

    subject: Subject

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory(prefix="pykv-model-")
        self.oracle = Oracle()
        self.options: dict[str, Any] = {"durability": "os"}
        # The namespaces of the store that are open, and handles that ended.
        self.spaces: dict[str, Any] = {}
        self.ended: list[Any] = []
        self.store: Any = self.opened()

    @property
    def path(self) -> Path:
        return Path(self.folder.name) / "db"

    def opened(self) -> Any:
        return self.subject.open(self.path, **self.options)

    def open_again(self) -> None:
        self.store.close()
        self.ended += self.spaces.values()
        self.spaces = {}
        self.store = self.opened()

    def teardown(self) -> None:
        self.store.close()
        root = ROOTS.pop(id(self.store), None)
        if root is not None:
            root.close()
        self.folder.cleanup()

    def check_together(self, since: int) -> None:
        """What was written behind since was written together: only the last of it says so."""
        if self.has("changes"):
            lasts = [change.last for change in self.store.changes(since, unsynced=True)]
            assert lasts[:-1] == [False] * (len(lasts) - 1)
            assert lasts[-1:] in ([], [True])

    def has(self, feature: str) -> bool:
        return feature in self.subject.features

    def is_named(self) -> bool:
        """Whether the store has namespaces and is none."""
        return self.has("namespaces") and id(self.store) not in ROOTS
