"""Another endpoint config in force begins another era."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

import pytest
from sqlalchemy import Engine

from baselines.folder import BaselineFiles
from baselines.versions import import_files
from monitor.eras import Change, InForce, adopt, change, follow
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
        deployments.set_models(connection, replace(first, baseline_id=version.id))
        eras = follow(connection, monitor.id, InForce("config-2", NOON + HOUR), NOON + HOUR)
    assert [era.baseline_id for era in eras] == [version.id, version.id]


def test_variants_of_several_versions_each_keep_what_judges_their_model(database: Engine) -> None:
    two = InForce("config-1", NOON, models={"blue": "arn:1", "green": "arn:2"})
    swapped = InForce("config-2", NOON + HOUR, models={"blue": "arn:2", "green": "arn:1", "red": "arn:3"})
    alike = InForce("config-3", NOON + 2 * HOUR, model_package="arn:2", models={"blue": "arn:2"})
    with writing(database) as connection:
        monitor = watched(connection)
        (first,) = follow(connection, monitor.id, two, NOON)
        assert first.baseline_ids == {None}
        versions = [
            import_files(
                connection, monitor.id, BaselineFiles(STATISTICS_TEXT, CONSTRAINTS_TEXT, name, name), NOON
            ).id
            for name in ("one", "two")
        ]
        adopt(connection, monitor.id, versions[0], None)
        (first,) = deployments.eras(connection, monitor.id)
        assert first.baseline_ids == {versions[0]}
        deployments.set_models(connection, first.judged_by("arn:2", versions[1]))
        *_, second = follow(connection, monitor.id, swapped, NOON + HOUR)
        served = {name: second.of(name) for name in ("blue", "green", "red")}
        *_, third = follow(connection, monitor.id, alike, NOON + 2 * HOUR)
        back = replace(two, endpoint_config="config-1", since=NOON + 3 * HOUR)
        *_, fourth = follow(connection, monitor.id, back, NOON + 3 * HOUR)
        adopt(connection, monitor.id, versions[0], fourth.id)
        *_, anew = deployments.eras(connection, monitor.id)
    assert {name: era.model_package for name, era in served.items()} == swapped.models
    assert {name: era.baseline_id for name, era in served.items()} == {
        "blue": versions[1],
        "green": versions[0],
        "red": versions[0],  # nobody knows better: by what judged the endpoint before
    }
    assert (third.model_package, third.baseline_id, third.served) == ("arn:2", versions[1], ())
    assert {name: fourth.of(name).baseline_id for name in ("blue", "green")} == {
        "blue": versions[0],
        "green": versions[1],
    }
    assert anew.baseline_ids == {versions[0]}


def test_a_config_whose_models_nobody_names_is_judged_as_the_last(database: Engine) -> None:
    two = InForce("config-1", NOON, models={"blue": "arn:1", "green": "arn:2"})
    with writing(database) as connection:
        monitor = watched(connection)
        (first,) = follow(connection, monitor.id, two, NOON)
        *_, second = follow(connection, monitor.id, InForce("config-2", NOON + HOUR), NOON + HOUR)
        *_, third = follow(connection, monitor.id, replace(two, endpoint_config="config-1"), NOON + 2 * HOUR)
    assert {each.variant: each.model_package for each in second.served} == {"blue": None, "green": None}
    assert [each.baseline_id for each in second.served] == [each.baseline_id for each in first.served]
    assert third.served == first.served


def test_a_config_that_comes_back_brings_every_variants_version_back(database: Engine) -> None:
    """Kedge has given one variant another model; the other's package is the era's own."""
    with writing(database) as connection:
        monitor = watched(connection)
        both = {"blue": "arn:1", "green": "arn:1"}
        alike = InForce("config-1", NOON, model_package="arn:1", models=both)
        (first,) = follow(connection, monitor.id, alike, NOON)
        deployments.set_models(connection, first.with_model("blue", "arn:2", None, frozenset(both)))
        follow(connection, monitor.id, InForce("config-2", NOON + HOUR, model_package="arn:3"), NOON + HOUR)
        told = InForce("config-1", NOON, models={"blue": "arn:2", "green": "arn:1"})
        *_, back = follow(connection, monitor.id, told, NOON + 2 * HOUR)
        follow(
            connection, monitor.id, InForce("config-2", NOON + HOUR, model_package="arn:3"), NOON + 3 * HOUR
        )
        *_, untold = follow(connection, monitor.id, InForce("config-1", NOON), NOON + 4 * HOUR)
    for era in (back, untold):
        assert (era.of("blue").model_package, era.of("green").model_package) == ("arn:2", "arn:1")


def test_an_era_whose_models_become_known_later_has_them_then(database: Engine) -> None:
    known = InForce("config-1", NOON, models={"blue": "arn:1", "green": "arn:2"})
    with writing(database) as connection:
        monitor = watched(connection)
        follow(connection, monitor.id, None, NOON)
        (named,) = follow(connection, monitor.id, known, NOON + HOUR)
    assert (named.of("blue").model_package, named.of("green").model_package) == ("arn:1", "arn:2")
