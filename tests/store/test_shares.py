"""Objects that share a profile: one of them written anew takes all of them out of the sum, and no other."""

from __future__ import annotations

import pytest
from sqlalchemy import Connection, Engine, select

from store import captures, rollups, windows
from store.records import ConsumedObject, Deployment, Monitor, ObjectKind
from store.schema import objects
from tests.clock import HOUR, NOON
from tests.store import world

FOLDER = "abalone/AllTraffic/2026/03/02/12/"
ONE, TWO = "1" * 32, "2" * 32


def count_share(
    connection: Connection, monitor: Monitor, deployment: Deployment, share: str, *names: str
) -> None:
    """Objects of one share: the first has the profile."""
    for at, name in enumerate(names):
        profile = b"sum of " + share[:1].encode() if at == 0 else b"nothing"
        given = world.segment(deployment, NOON, profile, share=share)
        world.capture(connection, monitor, FOLDER + name, given)


def profiles(connection: Connection, monitor: Monitor, deployment: Deployment) -> list[bytes]:
    """The window's profiles."""
    found = rollups.pieces(connection, monitor.id, NOON, world.VARIANT, deployment.id)
    return [each.profile for each in found]


def etags(connection: Connection) -> dict[str, str]:
    rows = connection.execute(select(objects.c.key, objects.c.etag))
    return {row.key.rpartition("/")[2]: row.etag for row in rows}


@pytest.mark.parametrize("again", ["a", "b", "c"])
def test_one_written_anew_takes_out_all_of_its_share(database: Engine, again: str) -> None:
    with world.began(database) as (connection, monitor, deployment):
        count_share(connection, monitor, deployment, ONE, "a", "b", "c")
        count_share(connection, monitor, deployment, TWO, "d", "e")
        world.capture(connection, monitor, FOLDER + "f", world.segment(deployment, profile=b"own"))
        assert profiles(connection, monitor, deployment) == [
            b"sum of 1",
            b"nothing",
            b"nothing",
            b"sum of 2",
            b"nothing",
            b"own",
        ]
        assert captures.totals(connection, monitor.id) == (6, 60)
        apart = captures.replace(
            connection, monitor.id, world.consumed(FOLDER + again, "two", records=7), now=NOON
        )
        others = [name for name in "abc" if name != again]
        assert apart == tuple(
            ConsumedObject(
                ObjectKind.CAPTURE, world.BUCKET, FOLDER + name, "one", apart[0].size, world.VARIANT, 10, 0
            )
            for name in others
        )
        assert profiles(connection, monitor, deployment) == [b"sum of 2", b"nothing", b"own"]
        assert etags(connection) == {
            **dict.fromkeys("def", "one"),
            **dict.fromkeys(others, ""),
            again: "two",
        }
        assert captures.totals(connection, monitor.id) == (6, 37)
        assert captures.reject_counts(connection, monitor.id) == {"read_again": 20}


def test_those_taken_out_are_read_again_and_then_nothing_is_lost(database: Engine) -> None:
    with world.began(database) as (connection, monitor, deployment):
        count_share(connection, monitor, deployment, ONE, "a", "b")
        world.capture(connection, monitor, FOLDER + "b", world.segment(deployment), etag="two")
        world.capture(connection, monitor, FOLDER + "a", world.segment(deployment))
        assert captures.reject_counts(connection, monitor.id) == {}
        assert profiles(connection, monitor, deployment) == [b"profile", b"profile"]
        assert captures.totals(connection, monitor.id) == (2, 20)


def test_a_window_that_only_another_of_the_share_gave_is_judged_again(database: Engine) -> None:
    with world.began(database) as (connection, monitor, deployment):
        both = [world.segment(deployment, at, share=ONE) for at in (NOON, NOON + HOUR)]
        world.capture(connection, monitor, FOLDER + "a", *both)
        world.capture(connection, monitor, FOLDER + "b", both[0])
        for window in windows.between(connection, monitor.id, NOON, NOON + 2 * HOUR):
            world.judge(connection, window)
        world.capture(connection, monitor, FOLDER + "b", etag="two")
        found = windows.between(connection, monitor.id, NOON, NOON + 2 * HOUR)
        assert [window.dirty for window in found] == [True, True]


def test_a_share_of_that_name_in_another_folder_is_left(database: Engine) -> None:
    with world.began(database) as (connection, monitor, deployment):
        count_share(connection, monitor, deployment, ONE, "a", "b")
        elsewhere = "abalone/AllTraffic/2026/03/02/1_/x"  # what LIKE would take for any character
        world.capture(connection, monitor, elsewhere, world.segment(deployment, share=ONE))
        apart = captures.replace(connection, monitor.id, world.consumed(FOLDER + "a", "two"), now=NOON)
        assert [other.key for other in apart] == [FOLDER + "b"]
