"""Deployments: which endpoint config was in force when, and what a change makes of objects counted."""

from __future__ import annotations

from dataclasses import replace

from sqlalchemy import Engine

from store import baselines, captures, deployments
from store.records import ObjectKind
from tests.clock import HOUR, MINUTE, NOON
from tests.store import world

KEYS = ["before", "over", "labels"]


def test_an_era_ends_where_the_next_begins(database: Engine) -> None:
    with world.began(database) as (connection, monitor, first):
        second = deployments.begin(
            connection, monitor.id, started_at=NOON, endpoint_config="config-2",
            model_package="arn:package/2", mixed_until=NOON + 10 * MINUTE,
        )  # fmt: skip
        ended, current = deployments.eras(connection, monitor.id)
        assert (ended.id, ended.ended_at) == (first.id, NOON)
        assert current == second
        assert (second.ended_at, second.mixed_until) == (None, NOON + 10 * MINUTE)
        assert (second.endpoint_config, second.model_package) == ("config-2", "arn:package/2")


def test_endpoints_have_eras_of_their_own(database: Engine) -> None:
    with world.began(database) as (connection, monitor, first):
        other = world.watched(connection, "other")
        world.era(connection, other, NOON)
        assert deployments.eras(connection, monitor.id) == (first,)


def test_objects_that_reach_over_the_change_are_forgotten_so_that_they_are_read_again(
    database: Engine,
) -> None:
    with world.began(database) as (connection, monitor, first):
        world.capture(connection, monitor, "before", world.segment(first, NOON - HOUR))
        world.capture(connection, monitor, "over", world.segment(first, NOON - HOUR), world.segment(first))
        world.ground_truth(connection, monitor, "labels", ("x", 0, 1.0))
        second = world.era(connection, monitor, NOON + 30 * MINUTE, "config-2")
        etags = captures.known_etags(connection, monitor.id, ObjectKind.CAPTURE, world.BUCKET, KEYS)
        assert etags == {"before": "one", "over": ""}
        labels = captures.known_etags(connection, monitor.id, ObjectKind.GROUND_TRUTH, world.BUCKET, KEYS)
        assert labels == {"labels": "one"}
        # what was counted stays counted until it is read again, and is then split
        assert captures.totals(connection, monitor.id) == (2, 30)
        world.capture(
            connection, monitor, "over",
            world.segment(first, NOON - HOUR), world.segment(first, records=5),
            world.segment(second, records=5),
        )  # fmt: skip
        assert captures.totals(connection, monitor.id) == (2, 30)
        for era in (first, second):
            assert world.profiles(connection, monitor.id, NOON, world.VARIANT, era.id) == (b"profile",)


def test_objects_of_other_endpoints_are_not_forgotten(database: Engine) -> None:
    with world.began(database) as (connection, monitor, first):
        world.capture(connection, monitor, "over", world.segment(first))
        world.era(connection, world.watched(connection, "other"), NOON)
        assert captures.known_etags(connection, monitor.id, ObjectKind.CAPTURE, world.BUCKET, KEYS) == {
            "over": "one"
        }


def test_an_era_opened_in_the_dark_is_named_later_and_gets_its_baseline(database: Engine) -> None:
    with world.began(database) as (connection, monitor, _):
        dark = deployments.begin(
            connection, monitor.id, started_at=NOON, endpoint_config=None, model_package=None
        )
        known = replace(dark, model_package="arn:package/3")
        deployments.name_config(connection, known, "config-3", NOON + HOUR)
        baseline = baselines.add(
            connection, monitor.id, statistics="{}", constraints="{}", source="", source_digest="",
            records=0, features=0, now=NOON,
        )  # fmt: skip
        deployments.set_models(connection, replace(known, baseline_id=baseline.id))
        *_, named = deployments.eras(connection, monitor.id)
        assert (named.id, named.endpoint_config, named.model_package) == (
            dark.id,
            "config-3",
            "arn:package/3",
        )
        assert (named.mixed_until, named.baseline_id) == (NOON + HOUR, baseline.id)
