"""An object is what it holds and where it lies: its kind, its bucket or folder, and its key."""

from __future__ import annotations

from dataclasses import replace

import pytest
from sqlalchemy import Engine, update

from store import captures
from store.records import ObjectKind
from store.schema import objects
from tests.clock import NOON
from tests.store import world


def test_one_key_of_two_kinds_is_two_objects(database: Engine) -> None:
    with world.began(database) as (connection, monitor, deployment):
        world.capture(connection, monitor, "key", world.segment(deployment))
        world.ground_truth(connection, monitor, "key", ("x", 0, 1.0), etag="two")
        assert captures.totals(connection, monitor.id) == (1, 10)
        etags = [
            captures.known_etags(connection, monitor.id, kind, world.BUCKET, ["key"])
            for kind in (ObjectKind.CAPTURE, ObjectKind.GROUND_TRUTH)
        ]
        assert etags == [{"key": "one"}, {"key": "two"}]


def test_one_key_in_two_buckets_is_two_objects(database: Engine) -> None:
    with world.began(database) as (connection, monitor, _):
        for bucket in ("here", "there"):
            given = replace(world.consumed("key", etag=bucket), bucket=bucket)
            captures.replace(connection, monitor.id, given, now=NOON)
            captures.replace(connection, monitor.id, given, now=NOON)
        assert captures.totals(connection, monitor.id) == (2, 20)
        found = captures.known_etags(connection, monitor.id, ObjectKind.CAPTURE, "there", ["key"])
        assert found == {"key": "there"}


def test_what_was_counted_before_folders_had_names_is_not_counted_again(database: Engine) -> None:
    with world.began(database) as (connection, monitor, deployment):
        world.capture(connection, monitor, "key", world.segment(deployment))
        connection.execute(update(objects).values(bucket=""))
        found = captures.known_etags(connection, monitor.id, ObjectKind.CAPTURE, "/folder", ["key"])
        assert found == {"key": "one"}
        again = replace(world.consumed("key", etag="two", records=7), bucket="/folder")
        captures.replace(connection, monitor.id, again, now=NOON)
        assert captures.totals(connection, monitor.id) == (1, 7)


@pytest.mark.parametrize("key", ["a/b.jsonl", "Größe 数/a", "k" * 1024])
def test_an_ordinary_key_is_stored_as_it_is(key: str) -> None:
    assert captures.shown_key(key) == key


def test_other_keys_stay_apart() -> None:
    odd = ["\udcff", "\udcfe", "a\0b", "a\u2400b", "k" * 1025, "k" * 1026]
    shown = [captures.shown_key(key) for key in odd]
    assert len(set(shown)) == len(odd)
    assert all(key.isprintable() and len(key) <= 1024 and key.encode() for key in shown)
