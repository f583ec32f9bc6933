"""Baselines: versions that are never overwritten, and come back to the letter."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from sqlalchemy import Connection, Engine

from store import baselines
from store.engine import reading, writing
from store.records import Baseline, Monitor
from tests.clock import NOON
from tests.store import world


def _add(connection: Connection, monitor: Monitor, text: str = "{}", digest: str = "digest") -> Baseline:
    return baselines.add(
        connection, monitor.id, statistics=text, constraints=text.upper(), source="s3://logs/baselining",
        source_digest=digest, records=3000, features=9, now=NOON,
    )  # fmt: skip


def test_versions_are_numbered_from_one_for_each_endpoint(database: Engine) -> None:
    with writing(database) as connection:
        one, other = world.watched(connection), world.watched(connection, "other")
        first, second = _add(connection, one), _add(connection, one)
        assert first == Baseline(first.id, one.id, 1, NOON, "s3://logs/baselining", 3000, 9)
        assert _add(connection, other).version == 1
        assert baselines.versions(connection, one.id) == (second, first)
        assert baselines.by_version(connection, one.id, 2) == second
        assert baselines.by_id(connection, first.id) == first
        assert baselines.by_version(connection, one.id, 3) is None
        assert baselines.by_id(connection, 4711) is None


def test_its_files_come_back_to_the_letter(database: Engine) -> None:
    text = '{"name": "länge 🐚",\r\n\t"values": [1e-300, "\\u0000"]}\n' * 1000
    with writing(database) as connection:
        added = _add(connection, world.watched(connection), text)
        assert baselines.texts(connection, added.id) == (text, text.upper())


def test_files_that_are_known_are_found_by_their_digest_newest_first(database: Engine) -> None:
    with writing(database) as connection:
        one, other = world.watched(connection), world.watched(connection, "other")
        _add(connection, one, digest="a")
        _add(connection, one, digest="b")
        again = _add(connection, one, digest="a")
        assert baselines.by_digest(connection, one.id, "a") == again
        assert baselines.by_digest(connection, one.id, "c") is None
        assert baselines.by_digest(connection, other.id, "a") is None


def test_two_imports_at_once_get_a_version_each(database: Engine) -> None:
    with writing(database) as connection:
        monitor = world.watched(connection)

    def add(_: int) -> int:
        with writing(database) as connection:
            return _add(connection, monitor).version

    with ThreadPoolExecutor(5) as imports:
        assert sorted(imports.map(add, range(10))) == list(range(1, 11))
    with reading(database) as connection:
        assert len(baselines.versions(connection, monitor.id)) == 10
