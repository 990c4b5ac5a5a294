"""Memory stores with namespaces: what all of them share."""

import time

from pykv.engine.memory import Memory


def test_what_expires_in_one_namespace_leaves_the_others() -> None:
    with Memory() as db:
        users = db.namespace("users", create=True)
        users.put(b"a", b"1", ttl=0.01)
        db.put(b"a", b"1")
        time.sleep(0.02)
        assert b"a" not in users
        assert db[b"a"] == b"1"


def test_a_batch_to_several_namespaces_is_one_moment() -> None:
    with Memory() as db:
        users = db.namespace("users", create=True)
        before = db._moment
        with db.batch() as batch:
            batch.put(b"a", b"1")
            batch.put(b"a", b"1", namespace=users)
        after = db._moment
        assert before is not None
        assert after is not None
        assert after.last_seq == before.last_seq + 2
        assert users.stats()["key_count"] == 1
        assert users.verify().record_count == 1
