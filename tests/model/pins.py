"""Pins of a store's history, and what the feed behind each must tell: what a follower was told."""

import random
from dataclasses import dataclass
from typing import Any

import pytest

import pykv
from tests.model.follower import Follower

NAMES = ["a", "b", "\u00e9", "x" * 64]
OWN = "follower"
LIMITS: list[dict[str, Any]] = [
    {},
    {},
    {"bytes_max": 1},
    {"bytes_max": 20_000},
    {"seconds_max": 3_600.0},
    {"seconds_max": 1e-6},
    {"seconds_max": 3_600.0, "bytes_max": 20_000},
]


@dataclass(frozen=True)
class Pin:
    since: int
    limits: dict[str, Any]


class Pins:
    """The pins that are set on a store. Where they are needed, nothing else keeps its history, and
    the follower has one of its own."""

    def __init__(self, follower: Follower, is_needed: bool) -> None:
        self.follower = follower
        self.is_needed = is_needed
        self.pins: dict[str, Pin] = {}

    def follow(self, db: Any) -> None:
        """Follows the feed, and moves the follower's pin behind what it was told."""
        if "changes" not in db.features:
            return
        if not self.pins and self.is_needed:
            self.set(db, OWN, self.follower.seq, {})
        self.follower.follow(db)
        if self.is_needed:
            self.set(db, OWN, self.follower.seq, {})

    def change(self, db: Any, rng: random.Random) -> None:
        """Sets or removes a pin; the others hold."""
        self.follow(db)
        name = rng.choice(NAMES)
        if rng.random() < 0.7:
            self.set_behind(db, name, rng.randrange(300), rng.choice(LIMITS))
        elif name in self.pins:
            del self.pins[name]
            db.unpin_history(name)
        else:
            with pytest.raises(KeyError):
                db.unpin_history(name)
        self.check(db)

    def set_behind(self, db: Any, name: str, behind: int, limits: dict[str, Any]) -> None:
        """A pin so far behind the last write, if it is kept. A merge may take it away meanwhile."""
        since = max(db.stats()["history_floor"] - 1, db.last_seq - behind)
        try:
            self.set(db, name, since, limits)
        except pykv.HistoryGoneError:
            assert db.stats()["history_floor"] - 1 > since

    def set(self, db: Any, name: str, since: int, limits: dict[str, Any]) -> None:
        db.pin_history(name, since, **limits)
        self.pins[name] = Pin(since, limits)

    def check(self, db: Any) -> None:
        """The pins are those that were set, and behind those that hold nothing is missing."""
        if "changes" not in db.features:
            return
        self.follow(db)
        shown = {
            pin.name: (pin.since, pin.bytes_max, pin.expires_at is not None)
            for pin in db.history_pins()
        }
        assert shown == {
            name: (pin.since, pin.limits.get("bytes_max"), "seconds_max" in pin.limits)
            for name, pin in self.pins.items()
        }
        for name, pin in self.pins.items():
            if pin.limits and self.is_gone(db, name):
                continue
            try:
                told = list(db.changes(pin.since, unsynced=True))
            except pykv.HistoryGoneError:
                assert pin.limits
                assert self.is_gone(db, name)
                continue
            assert told == [each for each in self.follower.told if each.seq > pin.since]

    def is_gone(self, db: Any, name: str) -> bool:
        return next(bool(pin.gone) for pin in db.history_pins() if pin.name == name)
