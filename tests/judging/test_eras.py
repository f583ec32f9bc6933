"""Another endpoint config in force begins another era."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

import pytest
from sqlalchemy import Engine

from baselines.folder import BaselineFiles
from baselines.versions import import_files
from monitor.eras import Change, InForce, change, follow
from monitor.windows import EPOCH
from store import deployments
from store.engine import writing
from store.records import Deployment
from tests.clock import HOUR, MINUTE, NOON
from tests.judging.profiles import CONSTRAINTS_TEXT, STATISTICS_TEXT
from tests.store.world import watched

ERA = Deployment(1, 1, "config-1", None, EPOCH, None, None, None)
SHIFTING = replace(ERA, started_at=NOON, mixed_until=NOON)
SETTLED = replace(ERA, started_at=NOON, mixed_until=NOON + HOUR)


@pytest.mark.parametrize(
    ("eras", "in_force", "found"),
    [
        ((), InForce("config-1", NOON), Change.NONE),
        ((ERA,), None, Change.NONE),
        ((ERA,), InForce("config-1", NOON), Change.NONE),
        ((ERA,), InForce("config-1", NOON, updating=True), Change.NONE),
        ((replace(ERA, endpoint_config=None),), InForce("config-1", NOON), Change.NAME),
        ((ERA,), InForce("config-2", NOON), Change.BEGIN),
        ((ERA,), InForce("config-2", NOON, updating=True), Change.BEGIN),
        ((replace(ERA, endpoint_config="config-2"), ERA), InForce("config-2", NOON), Change.BEGIN),
        ((SHIFTING,), InForce("config-1", NOON, updating=True), Change.NONE),
        ((SHIFTING,), InForce("config-1", NOON), Change.SETTLE),
        ((SETTLED,), InForce("config-1", NOON), Change.NONE),
    ],
    ids=[
        "nothing on record",
        "AWS can't be asked",
        "the same config",
        "an update that still answers by the old config",
        "a config that nobody could name before",
        "another config",
        "another config while traffic shifts",
        "an earlier config again",
        "traffic still shifts",
        "traffic has shifted",
        "nothing after it has shifted",
    ],
)
def test_what_the_answer_means(eras: tuple[Deployment, ...], in_force: InForce | None, found: Change) -> None:
    assert change(eras, in_force) is found


def followed(
    database: Engine, *answers: tuple[InForce | None, datetime]
) -> list[tuple[str | None, datetime, datetime | None, datetime | None]]:
    """The eras after AWS gave these answers, each at a time."""
    with writing(database) as connection:
        monitor = watched(connection)
        eras: tuple[Deployment, ...] = ()
        for in_force, now in answers:
            eras = follow(connection, monitor.id, in_force, now)
    return [(era.endpoint_config, era.started_at, era.ended_at, era.mixed_until) for era in eras]


def test_the_first_era_holds_whatever_was_captured_before(database: Engine) -> None:
    answer = InForce("config-1", NOON - 9 * HOUR)
    assert followed(database, (answer, NOON)) == [("config-1", EPOCH, None, None)]


def test_an_era_that_began_unnamed_is_named_and_not_begun_again(database: Engine) -> None:
    found = followed(
        database, (None, NOON), (None, NOON + HOUR), (InForce("config-1", NOON), NOON + 2 * HOUR)
    )
    assert found == [("config-1", EPOCH, None, None)]


def test_another_config_ends_the_era_when_aws_says_it_came(database: Engine) -> None:
    new = InForce("config-2", NOON + 10 * MINUTE)
    found = followed(database, (InForce("config-1", NOON), NOON), (new, NOON + HOUR), (new, NOON + 2 * HOUR))
    assert found == [
        ("config-1", EPOCH, NOON + 10 * MINUTE, None),
        ("config-2", NOON + 10 * MINUTE, None, None),
    ]


def test_the_time_in_which_traffic_shifts_is_mixed(database: Engine) -> None:
    shifting = InForce("config-2", NOON + HOUR, updating=True)
    found = followed(
        database,
        (InForce("config-1", NOON), NOON),
        (shifting, NOON + HOUR),
        (shifting, NOON + 2 * HOUR),
        (replace(shifting, updating=False), NOON + 3 * HOUR),
        (replace(shifting, updating=False), NOON + 4 * HOUR),
    )
    assert found[1] == ("config-2", NOON + HOUR, None, NOON + 3 * HOUR)


@pytest.mark.parametrize("since", [NOON - 9 * HOUR, NOON + 9 * HOUR])
def test_a_clock_that_is_off_puts_no_era_before_the_last_or_into_the_future(
    database: Engine, since: datetime
) -> None:
    second = (InForce("config-2", NOON), NOON)
    third = (InForce("config-3", since), NOON + HOUR)
    starts = [
        start for _, start, _, _ in followed(database, (InForce("config-1", NOON), NOON), second, third)
    ]
    assert starts == sorted(set(starts))
    assert starts[-1] <= NOON + HOUR


def test_a_new_era_is_judged_by_the_baseline_of_the_last_until_it_has_its_own(database: Engine) -> None:
    with writing(database) as connection:
        monitor = watched(connection)
        files = BaselineFiles(STATISTICS_TEXT, CONSTRAINTS_TEXT, "folder", "digest")
        version = import_files(connection, monitor.id, files, NOON)
        (first,) = follow(connection, monitor.id, InForce("config-1", NOON), NOON)
        deployments.set_baseline(connection, first.id, version.id)
        eras = follow(connection, monitor.id, InForce("config-2", NOON + HOUR), NOON + HOUR)
    assert [era.baseline_id for era in eras] == [version.id, version.id]
