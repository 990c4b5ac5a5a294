"""Upkeep: what a store without files of ours says to those who ask for it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable
from pathlib import Path
from typing import NoReturn

from pykv.arguments import BytesLike, StrPath
from pykv.errors import NotSupportedError
from pykv.store import BackupVersion, Progress


class UpkeepBase(ABC):
    """The part of a store that is about its files; each refuses until an engine overrides it."""

    __slots__ = ()

    @property
    @abstractmethod
    def path(self) -> Path | None:
        """Where the store lives; None for one without a place."""

    @abstractmethod
    def _check_open(self) -> None:
        """Raises ClosedError or ForkedError unless the store takes calls."""

    def checkpoint(self, path: StrPath) -> None:
        """Makes a database at path of one moment. NotSupportedError where the engine cannot."""
        self._refuse_upkeep("makes no checkpoints: pykv.convert copies its rows")

    def backup(self, repository: StrPath, progress: Progress | None = None) -> BackupVersion:
        """Adds a version to a repository. NotSupportedError where the engine cannot."""
        self._refuse_upkeep(
            "makes no backups: copy its rows with pykv.convert into an LSM store, which does"
        )

    def ingest(self, files: Iterable[StrPath], *, move: bool = False) -> None:
        """Adds files of `pykv.TableWriter`. NotSupportedError where the engine takes none."""
        self._refuse_upkeep("takes no tables: put_many writes rows, and an LSM store takes tables")

    def approximate_len(self) -> int:
        """About how many keys, at once. NotSupportedError where the engine cannot tell."""
        self._refuse_upkeep("makes no guesses: len() counts its keys")

    def approximate_size(
        self, start: BytesLike | None = None, stop: BytesLike | None = None
    ) -> int:
        """About how many bytes, at once. NotSupportedError where the engine cannot tell."""
        self._refuse_upkeep("makes no guesses: scan() gives the rows, and stats() what there is")

    def resume(self) -> None:
        """Does nothing: for a store without background work, which is never "degraded"."""
        self._check_open()

    def _refuse_upkeep(self, what: str) -> NoReturn:
        self._check_open()
        raise NotSupportedError(f"{type(self).__name__} {what}", path=self.path)
