"""What Spark counts is what this process counts, on the same objects; a real Spark with Java does it."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, update

from baselines.profile.profile import Profile
from config.model import Endpoint
from monitor.ingest import Fold, Found, Work
from monitor.rounds import Round
from monitor.spark.engine import SparkEngine
from monitor.spark.plan import Sizes
from store.engine import open_engine, writing
from store.schema import monitors
from tests.baselines.test_profiles_add_up import assert_same_but_for_rounding
from tests.clock import HOUR, MINUTE, NOON
from tests.observing import yard as yards
from tests.observing.conftest import Watch
from tests.observing.test_batch_transforms import csv_joined, jobs, manifest
from tests.observing.yard import Yard, body, records
from tests.spark.ground import SHAPES, Shape, counted, profiles

if TYPE_CHECKING:
    from pyspark import SparkContext

SMALL = Sizes(task_objects=1, share_objects=5, tasks_per_core=5, fan=2)
"""A task an object, sums of two, several shares and waves: a dozen objects go every way there is."""
on_sqlite = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
"""What is not about the database is tried on one kind: a job of Spark takes its time."""
RANKS = 0.01
"""Two sketches of the same values may be wrong about a rank by 0.005 each."""

Second = Callable[[Watch], Watch]


@pytest.fixture
def second(migrated_sqlite: Path, tmp_path: Path) -> Iterator[Second]:
    """Makes another observer of a yard, with a database of its own."""
    engines: list[Engine] = []

    def make(watch: Watch) -> Watch:
        path = tmp_path / f"second{len(engines)}.db"
        shutil.copy(migrated_sqlite, path)
        engines.append(open_engine(f"sqlite:///{path}"))
        return Watch(watch.yard, engines[-1], watch.clock, s3=watch.s3)

    yield make
    for engine in engines:
        engine.dispose()


def on_spark(watch: Watch, endpoint: Endpoint, context: SparkContext, sizes: Sizes = SMALL) -> Round:
    """One round of a fresh process that reads on Spark."""
    done = watch.observer(reads=SparkEngine(context, sizes=sizes)).observe(endpoint)
    assert done is not None
    return done


def assert_same_profile(one: Profile, other: Profile) -> None:
    """Equal in all that is exact, and near in what a sketch says."""
    assert_same_but_for_rounding(one, other)
    assert one.sample == other.sample
    for name, mine in one.columns.items():
        values, _ = mine.sketch.items()
        ranks = mine.sketch.cdf(values) - other.columns[name].sketch.cdf(values)
        assert np.abs(ranks).max(initial=0.0) <= RANKS


def assert_same(one: Watch, other: Watch) -> None:
    assert counted(one.engine) == counted(other.engine)
    mine, theirs = profiles(one.engine), profiles(other.engine)
    assert mine.keys() == theirs.keys()
    for key, profile in mine.items():
        assert_same_profile(profile, theirs[key])


def test_every_shape_of_captures_ends_in_the_same_rows(
    watch: Watch, second: Second, spark: SparkContext
) -> None:
    endpoint = watch.yard.endpoint(window="1h", ground_truth=f"{watch.yard.uri}/labels", sample_rows=20)
    for shape in SHAPES:
        shape.put(watch.yard, "abalone", NOON)
    watch.yard.put("capture", "abalone/AllTraffic/somewhere/else.jsonl", body(records(1, NOON)))
    watch.clock.at = NOON + 3 * HOUR
    here = second(watch)
    local = here.fine(endpoint)
    found = on_spark(watch, endpoint, spark)
    assert found == local
    assert found.problem is None
    assert found.objects == len(SHAPES) + 1
    assert_same(watch, here)
    held = counted(watch.engine)
    assert len(held["predictions"]) > 6000
    assert {row[1] for row in held["rejects"]} >= {"bad_gzip", "empty_file", "not_json", "outside_layout"}
    assert {row[2] for row in held["windows"]} == {"AllTraffic", "Canary"}
    # a window's sketch was really compacted, or nothing would be shown of sums
    judged = profiles(watch.engine).values()
    assert max(profile.rows for profile in judged) > 5000
    assert {profile.sample.rows.height for profile in judged} >= {20}


shapes = st.builds(
    Shape,
    seed=st.integers(0, 9999),
    variant=st.sampled_from(["AllTraffic", "Canary"]),
    minutes=st.integers(-90, 90),
    spread=st.sampled_from([MINUTE, HOUR, 3 * HOUR]),
    count=st.integers(1, 60),
    form=st.sampled_from(["csv", "json", "gzip", "cut", "empty"]),
    bad=st.integers(0, 4),
)


@settings(
    max_examples=8,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    derandomize=True,
)
@given(st.lists(shapes, min_size=1, max_size=9), st.integers(1, 4), st.integers(1, 6), st.integers(2, 4))
def test_whatever_is_captured_and_however_it_is_shared_out(
    tmp_path_factory: pytest.TempPathFactory,
    migrated_sqlite: Path,
    spark: SparkContext,
    captured: list[Shape],
    in_a_task: int,
    in_a_share: int,
    fan: int,
) -> None:
    folder = tmp_path_factory.mktemp("shapes")
    yard = Yard(f"file://{folder}/yard")
    yard.baseline()
    for shape in captured:
        shape.put(yard, "abalone", NOON)
    endpoint = yard.endpoint(window="1h", ground_truth=f"{yard.uri}/labels")
    watches = []
    for name in ("here", "there"):
        shutil.copy(migrated_sqlite, folder / f"{name}.db")
        watches.append(Watch(yard, open_engine(f"sqlite:///{folder / name}.db")))
        watches[-1].clock.at = NOON + 6 * HOUR
    here, there = watches
    sizes = Sizes(task_objects=in_a_task, share_objects=in_a_share, tasks_per_core=4, fan=fan)
    assert here.round(endpoint) == on_spark(there, endpoint, spark, sizes)
    assert_same(here, there)
    for each in watches:
        each.engine.dispose()


@on_sqlite
def test_what_spark_counted_no_later_round_counts_again(
    watch: Watch, second: Second, spark: SparkContext
) -> None:
    endpoint = watch.yard.endpoint(window="1h")
    for seed in range(7):
        Shape(seed, minutes=seed).put(watch.yard, "abalone", NOON)
    watch.clock.at = NOON + 30 * MINUTE
    assert on_spark(watch, endpoint, spark).objects == 7
    assert watch.fine(endpoint).idle
    assert on_spark(watch, endpoint, spark).idle
    Shape(7, minutes=40).put(watch.yard, "abalone", NOON)
    assert watch.fine(endpoint, NOON + 2 * HOUR).objects == 1
    here = second(watch)
    here.fine(endpoint)
    assert watch.judged()[0].records == 8 * 30
    (mine,), (theirs,) = profiles(watch.engine).values(), profiles(here.engine).values()
    assert_same_profile(mine, theirs)


@pytest.mark.parametrize("again_on_spark", [False, True])
def test_an_object_written_anew_is_taken_out_of_the_sum_that_it_is_in(
    watch: Watch, second: Second, spark: SparkContext, again_on_spark: bool
) -> None:
    """A sum can't be taken apart: its objects are read again, in the same round and by either engine."""
    endpoint = watch.yard.endpoint(window="1h", ground_truth=f"{watch.yard.uri}/labels")
    for seed in range(7):
        Shape(seed, minutes=seed, spread=2 * HOUR).put(watch.yard, "abalone", NOON)
    watch.clock.at = NOON + 6 * HOUR
    assert on_spark(watch, endpoint, spark).objects == 7
    key = Shape(2, minutes=2).put(watch.yard, "abalone", NOON)  # fewer windows than before
    assert key.endswith("0002.jsonl")
    done = on_spark(watch, endpoint, spark) if again_on_spark else watch.fine(endpoint)
    assert done.objects == 5  # those of its share, of two there are
    assert watch.fine(endpoint).idle
    here = second(watch)
    here.fine(endpoint)
    mine, theirs = counted(watch.engine), counted(here.engine)
    for table in ("objects", "rejects", "predictions", "segments"):
        assert mine[table] == theirs[table]
    for key_of, profile in profiles(here.engine).items():
        assert_same_profile(profiles(watch.engine)[key_of], profile)


@on_sqlite
def test_records_that_can_not_be_read_again_are_told_as_lost(watch: Watch, spark: SparkContext) -> None:
    endpoint = watch.yard.endpoint(window="1h")
    keys = [Shape(seed, minutes=seed).put(watch.yard, "abalone", NOON) for seed in range(3)]
    watch.clock.at = NOON + 2 * HOUR
    assert on_spark(watch, endpoint, spark).objects == 3
    Path(watch.yard.place("capture").objects.bucket, keys[0]).unlink()
    Shape(1, minutes=1, count=10).put(watch.yard, "abalone", NOON)
    assert watch.fine(endpoint).objects == 2
    assert watch.rejects() == {"read_again": 30}
    assert watch.judged()[0].records == 10 + 30


@on_sqlite
def test_a_script_runs_where_the_objects_are_read(
    watch: Watch, second: Second, spark: SparkContext, tmp_path: Path
) -> None:
    script = tmp_path / "pre.py"
    script.write_text(
        "def preprocess_handler(record):\n"
        "    data = record.endpoint_output.data.split(',') + record.endpoint_input.data.split(',')\n"
        "    return {str(at).zfill(20): each for at, each in enumerate(data)}\n"
    )
    endpoint = watch.yard.endpoint(window="1h", hooks={"preprocess": str(script)})
    for seed in range(4):
        Shape(seed, minutes=seed).put(watch.yard, "abalone", NOON)
    watch.clock.at = NOON + 2 * HOUR
    here = second(watch)
    here.fine(endpoint)
    assert on_spark(watch, endpoint, spark).problem is None
    assert_same(watch, here)
    assert watch.judged()[0].records == 4 * 30

    script.write_text("this is no Python")
    Shape(5, minutes=9).put(watch.yard, "abalone", NOON)
    there = on_spark(watch, endpoint, spark)
    assert there.problem == here.round(endpoint).problem is not None


@on_sqlite
def test_batch_transforms_are_followed_where_their_manifests_are_read(
    watch: Watch, second: Second, spark: SparkContext
) -> None:
    for part in range(4):
        watch.yard.put("data", f"part-{part}.out", csv_joined(records(part, NOON, 50)))
        manifest(watch.yard, NOON, "output", [f"part-{part}.out", "gone.out"], f"{part}.json")
    endpoint = jobs(watch)
    watch.clock.at = NOON + 2 * HOUR
    here = second(watch)
    here.fine(endpoint)
    assert on_spark(watch, endpoint, spark).problem is None
    assert_same(watch, here)
    assert [row[5:] for row in counted(watch.engine)["objects"]] == [(50, 1)] * 4


@pytest.fixture
def bucket(aws: str, watch: Watch) -> Watch:
    """Six objects in S3, over an hour."""
    yard = yards.bucket("captured")
    yard.baseline()
    for seed in range(6):
        Shape(seed, minutes=seed * 11, form=["csv", "json", "gzip"][seed % 3]).put(yard, "abalone", NOON)
    watch.clock.at = NOON + 3 * HOUR
    return Watch(yard, watch.engine, watch.clock, s3=yard.s3)


def give_executors(
    spark: SparkContext, patch: pytest.MonkeyPatch, address: str, key: str = "executor"
) -> None:
    """What an executor's own surroundings say of AWS; the driver's environment is another."""
    environment: dict[str, str] = spark.environment
    given = {
        "AWS_ENDPOINT_URL": address,
        "AWS_ACCESS_KEY_ID": key,
        "AWS_SECRET_ACCESS_KEY": key,
        "AWS_DEFAULT_REGION": "eu-west-1",
    }
    for name, value in given.items():
        patch.setitem(environment, name, value)


@on_sqlite
def test_executors_read_s3_by_clients_of_their_own(
    aws: str, bucket: Watch, second: Second, spark: SparkContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No client and no credential travels: an executor takes what its own surroundings give it."""
    endpoint = bucket.yard.endpoint(window="1h", ground_truth=f"{bucket.yard.uri}/labels")
    here = second(bucket)
    here.fine(endpoint)
    give_executors(spark, monkeypatch, aws)
    assert on_spark(bucket, endpoint, spark).problem is None
    assert_same(bucket, here)
    assert len(counted(bucket.engine)["objects"]) == 6


@on_sqlite
def test_what_executors_can_not_reach_is_told_and_is_counted_once_they_can(
    aws: str, bucket: Watch, spark: SparkContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    endpoint = bucket.yard.endpoint(window="1h")
    with monkeypatch.context() as patch:
        give_executors(spark, patch, "http://127.0.0.1:9", "nobody")
        done = on_spark(bucket, endpoint, spark)
    assert done.problem is not None
    assert done.problem.startswith("cannot reach s3://captured/capture/abalone/AllTraffic/2026/03/02/12/")
    assert (done.objects, bucket.totals()) == (0, (0, 0))
    give_executors(spark, monkeypatch, aws)
    assert on_spark(bucket, endpoint, spark).problem is None
    assert bucket.totals() == (6, 180)


@on_sqlite
def test_a_lease_that_was_lost_takes_back_what_spark_found(watch: Watch, spark: SparkContext) -> None:
    """The driver's transactions hold the lease like any other's."""
    endpoint = watch.yard.endpoint(window="1h")
    Shape(1).put(watch.yard, "abalone", NOON)
    watch.clock.at = NOON + 5 * MINUTE

    class Robbed(SparkEngine):
        def digested(self, work: Work, new: Iterable[Found]) -> Iterator[Fold]:
            for fold in super().digested(work, new):
                with writing(watch.engine) as connection:
                    connection.execute(update(monitors).values(lease_owner="another"))
                yield fold

    assert watch.observer(reads=Robbed(spark, sizes=SMALL)).observe(endpoint) == Round()
    assert watch.totals() == (0, 0)
