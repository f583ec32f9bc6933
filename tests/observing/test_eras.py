"""Another endpoint config is another era: its records are judged apart, by a baseline of their own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

import service
from config.clock import Clock, SystemClock
from demo.aws import LocalAws
from monitor.eras import InForce
from monitor.observer import Observer
from monitor.windows import EPOCH
from tests.clock import HOUR, MINUTE, NOON
from tests.observing import yard
from tests.observing.conftest import Watch
from tests.observing.replica import until
from tests.observing.yard import records

CHANGED = NOON + 20 * MINUTE


def _spread(watch: Watch, seed: int = 1, shift: float = 0.0) -> None:
    """An object whose records lie all over the hour: twenty minutes of one era, forty of the next."""
    watch.yard.capture("abalone", records(seed, NOON, 60, HOUR, shift), name=f"{seed}")


def _parts(watch: Watch) -> list[tuple[str | None, int, int]]:
    """Endpoint config, records and revision of each judged part."""
    configs = {era.id: era.endpoint_config for era in watch.eras()}
    return sorted((configs[one.deployment_id], one.records, one.revision) for one in watch.judged())


def test_the_first_era_holds_all_that_was_captured_before(watch: Watch) -> None:
    watch.in_force = InForce("first", NOON)
    _spread(watch)
    watch.fine(watch.yard.endpoint(window="1h"), NOON + 2 * HOUR)
    assert [(era.endpoint_config, era.started_at, era.ended_at) for era in watch.eras()] == [
        ("first", EPOCH, None)
    ]
    assert _parts(watch) == [("first", 60, 1)]


def test_an_era_that_begins_in_a_window_splits_it(watch: Watch) -> None:
    entry = watch.yard.endpoint(window="1h")
    watch.in_force = InForce("first", NOON - HOUR)
    watch.fine(entry, NOON)
    watch.in_force = InForce("second", CHANGED)
    _spread(watch)
    watch.fine(entry, NOON + 2 * HOUR)
    assert [(era.started_at, era.ended_at) for era in watch.eras()] == [(EPOCH, CHANGED), (CHANGED, None)]
    assert _parts(watch) == [("first", 20, 1), ("second", 40, 1)]


def test_a_change_that_is_noticed_late_reads_the_records_again_and_splits_them(watch: Watch) -> None:
    entry = watch.yard.endpoint(window="1h")
    watch.in_force = InForce("first", NOON - HOUR)
    _spread(watch)
    watch.fine(entry, NOON + 2 * HOUR)
    assert _parts(watch) == [("first", 60, 1)]
    watch.in_force = InForce("second", CHANGED)
    done = watch.fine(entry, NOON + 3 * HOUR)
    assert (done.objects, done.judged) == (1, 2)
    assert _parts(watch) == [("first", 20, 2), ("second", 40, 1)]
    assert watch.totals() == (1, 60)


def test_each_part_is_judged_by_the_baseline_of_its_era(watch: Watch) -> None:
    entry = watch.yard.endpoint(window="1h")
    watch.in_force = InForce("first", NOON - HOUR)
    watch.fine(entry, NOON)
    watch.in_force = InForce("second", CHANGED)
    watch.yard.baseline(shift=3.0)
    before, after = records(1, NOON, 300, 20 * MINUTE), records(2, CHANGED, 300, 40 * MINUTE, shift=3.0)
    watch.yard.capture("abalone", (*before, *after))
    watch.fine(entry, NOON + 2 * HOUR)
    versions = {one.deployment_id: one.baseline_version for one in watch.judged()}
    assert [versions[era.id] for era in watch.eras()] == [1, 2]
    assert [one.violations for one in watch.judged()] == [0, 0]
    assert watch.incidents() == ()


def test_an_era_without_a_new_baseline_is_judged_by_the_one_before(watch: Watch) -> None:
    entry = watch.yard.endpoint(window="1h")
    watch.in_force = InForce("first", NOON - HOUR)
    watch.fine(entry, NOON)
    watch.in_force = InForce("second", CHANGED)
    _spread(watch)
    watch.fine(entry, NOON + 2 * HOUR)
    assert {one.baseline_version for one in watch.judged()} == {1}


def test_a_first_baseline_judges_the_eras_before_it_too(watch: Watch) -> None:
    """Or the windows of the era before would wait for ever, and all others behind them."""
    watch.in_force = InForce("first", NOON - HOUR)
    waiting = watch.yard.endpoint(window="1h", baseline=None)
    assert watch.round(waiting, NOON).problem is not None
    watch.in_force = InForce("second", CHANGED)
    assert watch.round(waiting, CHANGED + MINUTE).problem is not None
    _spread(watch)
    watch.fine(watch.yard.endpoint(window="1h"), NOON + 2 * HOUR)
    assert _parts(watch) == [("first", 20, 1), ("second", 40, 1)]


def test_both_parts_of_a_window_have_their_place_in_the_result_tree(
    watch: Watch, files: Callable[[str], list[str]]
) -> None:
    entry = watch.yard.endpoint(window="1h", results=f"{watch.yard.uri}/results")
    watch.in_force = InForce("first", NOON - HOUR)
    _spread(watch)
    watch.fine(entry, NOON + 2 * HOUR)
    watch.in_force = InForce("second", CHANGED)
    watch.fine(entry, NOON + 3 * HOUR)
    folders = {key.rpartition("/")[0] for key in files("results")}
    base = "abalone/kedge-AllTraffic/2026/03/02"
    assert folders == {f"{base}/13", f"{base}/12/20-00"}
    read = watch.yard.place("results").objects.read
    rows = [b'"item_count": 40' in read(f"{base}/13/statistics.json").replace(b" :", b":")]
    rows.append(b'"item_count": 20' in read(f"{base}/12/20-00/statistics.json").replace(b" :", b":"))
    assert rows == [True, True]


def test_two_changes_at_one_moment_are_two_eras(watch: Watch) -> None:
    entry = watch.yard.endpoint(window="1h")
    for name in ("first", "second", "third"):
        watch.in_force = InForce(name, NOON + 5 * HOUR)
        watch.fine(entry, NOON)
    assert [era.endpoint_config for era in watch.eras()] == ["first", "second", "third"]


def test_an_incident_belongs_to_its_era(watch: Watch) -> None:
    entry = watch.yard.endpoint()
    watch.in_force = InForce("first", NOON - HOUR)
    watch.yard.capture("abalone", records(1, NOON, 200, shift=3.0))
    watch.fine(entry, NOON + 2 * MINUTE)
    watch.in_force = InForce("second", NOON + 5 * MINUTE)
    watch.yard.capture("abalone", records(2, NOON + 6 * MINUTE, 200, shift=3.0))
    watch.fine(entry, NOON + HOUR)
    eras = [era.id for era in watch.eras()]
    assert [one.deployment_id for one in watch.incidents()] == eras


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[LocalAws]:
    with LocalAws(update_seconds=0.1) as running:
        for name, value in running.environment().items():
            monkeypatch.setenv(name, value)
        yield running


def _deploy(sagemaker: Any, name: str) -> None:
    variant = {"VariantName": "AllTraffic", "ModelName": "model", "InitialInstanceCount": 1}
    sagemaker.create_endpoint_config(
        EndpointConfigName=name, ProductionVariants=[{**variant, "InstanceType": "ml.m5.large"}]
    )


def _in_service(sagemaker: Any, config: str) -> bool:
    found = sagemaker.describe_endpoint(EndpointName="abalone")
    return bool(found["EndpointStatus"] == "InService" and found["EndpointConfigName"] == config)


class _Ahead(SystemClock):
    """The machine's own clock, but that it can be put forward: AWS's times and ours are of one kind."""

    def __init__(self, hand: Clock) -> None:
        object.__setattr__(self, "hand", hand)

    def now(self) -> datetime:
        hand: Clock = object.__getattribute__(self, "hand")
        return hand.now()


def test_an_update_of_the_endpoint_in_aws_begins_an_era(watch: Watch, aws: LocalAws) -> None:
    sagemaker = aws.client("sagemaker")
    sagemaker.create_model(ModelName="model", ExecutionRoleArn="arn:aws:iam::123456789012:role/kedge")
    _deploy(sagemaker, "first")
    sagemaker.create_endpoint(EndpointName="abalone", EndpointConfigName="first")
    watch.yard = yard.bucket("eras")
    watch.yard.baseline()
    watch.clock.at = datetime.now(UTC)
    clock = _Ahead(watch.clock)
    observer = Observer(service.aws_world(watch.engine, clock, "eu-west-1", describe_seconds=0))
    entry = watch.yard.endpoint(window="1d")
    assert observer.observe(entry) is not None

    began = datetime.now(UTC)
    _deploy(sagemaker, "second")
    sagemaker.update_endpoint(EndpointName="abalone", EndpointConfigName="second")
    assert until(lambda: _in_service(sagemaker, "second"), 20, pause=0.1)
    watch.yard.capture("abalone", records(1, began - 30 * MINUTE, 10, 20 * MINUTE), name="a")
    watch.yard.capture("abalone", records(2, began + 10 * MINUTE, 7, 20 * MINUTE), name="b")
    watch.clock.at = began + timedelta(hours=30)
    done = observer.observe(entry)
    assert done is not None
    assert done.problem is None

    first, second = watch.eras()
    assert (first.endpoint_config, second.endpoint_config) == ("first", "second")
    assert began - timedelta(seconds=1) <= second.started_at <= began + MINUTE
    counted: dict[str | None, int] = {}
    for config, count, _ in _parts(watch):
        counted[config] = counted.get(config, 0) + count
    assert counted == {"first": 10, "second": 7}
