"""When a window is judged, what still reaches it, and what comes too late."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import boto3
import pytest

from baselines.profile import codec
from store import windows as stored_windows
from store.engine import writing
from store.records import ExecutionKind
from tests.clock import HOUR, MINUTE, NOON
from tests.observing.conftest import Watch
from tests.observing.yard import records


def test_a_window_is_judged_when_its_grace_is_over_and_not_before(watch: Watch) -> None:
    watch.yard.capture("abalone", records(1, NOON))
    entry = watch.yard.endpoint(grace="2m")
    assert watch.fine(entry, NOON + 3 * MINUTE - timedelta(seconds=1)).objects == 1
    assert watch.judged() == []
    assert watch.fine(entry, NOON + 3 * MINUTE).judged == 1
    (verdict,) = watch.judged()
    assert (verdict.start, verdict.end, verdict.records, verdict.revision) == (NOON, NOON + MINUTE, 30, 1)
    assert watch.fine(entry).idle


def test_an_object_belongs_to_the_windows_of_its_inferences(watch: Watch) -> None:
    watch.yard.capture("abalone", records(1, NOON, 30, 3 * MINUTE))
    watch.fine(watch.yard.endpoint(), NOON + HOUR)
    assert [(one.start, one.records) for one in watch.judged()] == [
        (NOON + at * MINUTE, 10) for at in range(3)
    ]


def test_what_comes_within_the_lateness_is_a_revision_of_its_window(watch: Watch) -> None:
    entry = watch.yard.endpoint()
    watch.yard.capture("abalone", records(1, NOON))
    watch.fine(entry, NOON + 5 * MINUTE)
    watch.yard.capture("abalone", records(2, NOON, 12), name="late")
    assert watch.fine(entry, NOON + 40 * HOUR).judged == 1
    (verdict,) = watch.judged()
    assert (verdict.revision, verdict.records) == (2, 42)


def test_what_is_beyond_the_lateness_is_reported_and_never_counted(watch: Watch) -> None:
    entry = watch.yard.endpoint()
    watch.yard.capture("abalone", records(1, NOON))
    watch.fine(entry, NOON + 5 * MINUTE)
    key = watch.yard.capture("abalone", records(2, NOON, 12), name="late")
    for hours in (50, 60, 90):
        watch.fine(entry, NOON + hours * HOUR)
    assert watch.totals() == (1, 30)
    assert (watch.monitor().late_objects, watch.monitor().late_key) == (1, key)


def test_the_sweep_is_daily(watch: Watch) -> None:
    entry = watch.yard.endpoint()
    watch.fine(entry, NOON)
    watch.yard.capture("abalone", records(2, NOON - 72 * HOUR, 12))
    watch.fine(entry, NOON + 23 * HOUR)
    assert watch.monitor().late_objects == 0
    watch.fine(entry, NOON + 24 * HOUR)
    assert watch.monitor().late_objects == 1


def test_what_is_too_late_is_looked_for_again_as_soon_as_the_entry_changes(watch: Watch) -> None:
    entry = watch.yard.endpoint()
    watch.yard.capture("abalone", records(2, NOON - 72 * HOUR, 12))
    watch.yard.labels(NOON - 20 * 24 * HOUR, [("old", 7.0)])
    watch.fine(entry, NOON)
    assert (watch.monitor().late_objects, watch.monitor().late_labels) == (1, 0)
    labelled = watch.yard.endpoint(ground_truth=f"{watch.yard.uri}/labels", label_horizon="5d")
    watch.fine(labelled, NOON + MINUTE)
    assert (watch.monitor().late_objects, watch.monitor().late_labels) == (1, 1)
    watch.fine(watch.yard.endpoint(lateness="5d"), NOON + 2 * MINUTE)
    assert (watch.monitor().late_objects, watch.monitor().late_labels) == (0, 0)
    assert watch.monitor().swept_at == NOON, "only the daily sweep lets go of anything"


def test_a_longer_lateness_counts_what_the_sweep_reported_and_keeps_what_there_was(watch: Watch) -> None:
    """The window's segments were let go by then: nothing can be added to it, and nothing is lost from it."""
    watch.yard.capture("abalone", records(1, NOON))
    watch.fine(watch.yard.endpoint(), NOON + 5 * MINUTE)
    watch.fine(watch.yard.endpoint(), NOON + 100 * HOUR)
    watch.yard.capture("abalone", records(2, NOON, 12), name="late")
    watch.yard.capture("abalone", records(3, NOON + 2 * MINUTE, 9), name="later")
    watch.fine(watch.yard.endpoint(lateness="7d"), NOON + 100 * HOUR)
    assert [(one.start, one.revision, one.records) for one in watch.judged()] == [
        (NOON, 1, 30),
        (NOON + 2 * MINUTE, 1, 9),
    ]
    assert watch.rejects() == {"too_late": 12}
    assert watch.totals() == (3, 39)


def test_a_settled_window_is_judged_again_by_its_kept_profile(watch: Watch) -> None:
    watch.yard.capture("abalone", records(1, NOON))
    entry = watch.yard.endpoint()
    watch.fine(entry, NOON + 5 * MINUTE)
    watch.fine(entry, NOON + 100 * HOUR)
    with writing(watch.engine) as connection:
        assert stored_windows.mark(connection, watch.monitor().id) == 1
    assert watch.fine(entry).judged == 1
    (verdict,) = watch.judged()
    assert (verdict.revision, verdict.records) == (2, 30)


def test_a_window_of_which_no_profile_is_left_keeps_its_verdict(watch: Watch) -> None:
    watch.yard.capture("abalone", records(1, NOON))
    entry = watch.yard.endpoint(retention={"profiles": "3d", "metrics": "400d"})
    watch.fine(entry, NOON + 5 * MINUTE)
    watch.fine(entry, NOON + 100 * HOUR)
    (verdict,) = watch.judged()
    assert watch.profile(verdict) is None
    with writing(watch.engine) as connection:
        assert stored_windows.mark(connection, watch.monitor().id) == 0
    assert watch.fine(entry).judged == 0
    assert watch.judged() == [verdict]


def test_metrics_go_after_their_retention_and_nothing_is_counted_again(watch: Watch) -> None:
    watch.yard.capture("abalone", records(1, NOON))
    entry = watch.yard.endpoint(retention={"profiles": "3d", "metrics": "10d"})
    watch.fine(entry, NOON + 5 * MINUTE)
    assert len(watch.judged()) == 1
    later = NOON + 4 * 24 * HOUR
    watch.yard.capture("abalone", records(2, later))
    for day in (5, 11, 12, 13):
        watch.fine(entry, NOON + day * 24 * HOUR)
    assert [each.start for each in watch.judged()] == [later]
    assert [window.dirty for window in watch.windows()] == [False, False]


def test_a_rewritten_object_leaves_nothing_behind_in_the_window_it_left(watch: Watch) -> None:
    entry = watch.yard.endpoint()
    watch.yard.capture("abalone", records(1, NOON), at=NOON)
    watch.fine(entry, NOON + 5 * MINUTE)
    watch.yard.capture("abalone", records(2, NOON + MINUTE, 8), at=NOON)
    watch.fine(entry)
    assert [(one.start, one.revision, one.records) for one in watch.judged()] == [
        (NOON, 2, 0),
        (NOON + MINUTE, 1, 8),
    ]
    assert watch.totals() == (1, 8)


def test_variants_are_judged_apart(watch: Watch) -> None:
    watch.yard.capture("abalone", records(1, NOON, 200), variant="blue")
    watch.yard.capture("abalone", records(2, NOON, 200, shift=3.0), variant="green")
    watch.fine(watch.yard.endpoint(), NOON + 5 * MINUTE)
    assert {one.variant: (one.records, one.violations > 0) for one in watch.judged()} == {
        "blue": (200, False),
        "green": (200, True),
    }
    assert {incident.variant for incident in watch.incidents()} == {"green"}


def test_one_variant_may_be_watched_alone(watch: Watch) -> None:
    watch.yard.capture("abalone", records(1, NOON), variant="blue")
    watch.yard.capture("abalone", records(2, NOON), variant="green")
    watch.fine(watch.yard.endpoint(variant="green"), NOON + 5 * MINUTE)
    assert [one.variant for one in watch.judged()] == ["green"]


def test_gzipped_objects_count_as_others(watch: Watch) -> None:
    watch.yard.capture("abalone", records(1, NOON, 12), zipped=True)
    watch.yard.capture("abalone", records(2, NOON, 12), name="b")
    watch.fine(watch.yard.endpoint(), NOON + 5 * MINUTE)
    assert [one.records for one in watch.judged()] == [24]
    assert watch.rejects() == {}


def test_excluded_columns_are_neither_judged_nor_kept(watch: Watch) -> None:
    watch.yard.capture("abalone", records(1, NOON, 200, shift=3.0))
    watch.fine(watch.yard.endpoint(exclude=("length", "rings")), NOON + 5 * MINUTE)
    (verdict,) = watch.judged()
    assert (verdict.records, verdict.violations) == (200, 0)
    assert {check.feature for check in watch.checks(verdict)} == {"sex"}


def test_sampled_rows_are_kept_and_do_not_depend_on_the_objects(watch: Watch) -> None:
    given = records(1, NOON, 40)
    entry = watch.yard.endpoint("whole", sample_rows=7)
    watch.yard.capture("whole", given)
    watch.yard.capture("parts", given[:11], name="b")
    watch.yard.capture("parts", given[11:], name="a")
    watch.fine(entry, NOON + 5 * MINUTE)
    watch.fine(watch.yard.endpoint("parts", sample_rows=7))
    kept = []
    for name in ("whole", "parts"):
        (verdict,) = watch.judged(name=name)
        encoded = watch.profile(verdict)
        assert encoded is not None
        kept.append(codec.decode(encoded).sample)
    assert kept[0] == kept[1]
    assert kept[0].rows.height == 7
    assert set(kept[0].rows["length"]) <= {str(record.length) for record in given}


@pytest.mark.parametrize(
    ("given", "folder"),
    [({}, "old-AllTraffic"), ({"variant": "AllTraffic"}, "old")],
    ids=["any variant", "one variant"],
)
def test_the_result_tree_keeps_the_name_of_an_old_schedule(
    watch: Watch, aws: str, files: Callable[[str], list[str]], given: dict[str, str], folder: str
) -> None:
    cloud = {"namespace": "kedge/data"}
    entry = watch.yard.endpoint(
        results=f"{watch.yard.uri}/results", window="1h", results_schedule="old", cloudwatch=cloud, **given
    )
    watch.yard.capture("abalone", records(1, NOON, 200))
    assert watch.fine(entry, NOON + 3 * HOUR).published == 1
    assert {name.rpartition("/")[0] for name in files("results")} == {f"abalone/{folder}/2026/03/02/13"}
    told = boto3.client("cloudwatch").list_metrics(Namespace="kedge/data")["Metrics"]
    named = {each["Value"] for one in told for each in one["Dimensions"]}
    assert named == {"abalone", folder}


def test_the_result_tree_is_written_once_and_again_by_a_revision(
    watch: Watch, files: Callable[[str], list[str]]
) -> None:
    entry = watch.yard.endpoint(results=f"{watch.yard.uri}/results", window="1h")
    watch.yard.capture("abalone", records(1, NOON, 200))
    assert watch.fine(entry, NOON + 3 * HOUR).published == 1
    names = ("constraint_violations.json", "constraints.json", "statistics.json")
    assert files("results") == [f"abalone/kedge-AllTraffic/2026/03/02/13/{name}" for name in names]
    first = watch.yard.place("results").objects.read(files("results")[0])
    assert watch.fine(entry).published == 0
    watch.yard.capture("abalone", records(2, NOON, 300, shift=4.0), name="late")
    assert watch.fine(entry).published == 1
    second = watch.yard.place("results").objects.read(files("results")[0])
    assert len(files("results")) == 3
    assert b"baseline_drift_check" not in first
    assert b"baseline_drift_check" in second


def test_an_endpoint_without_records_has_nothing_to_judge(watch: Watch) -> None:
    done = watch.fine(watch.yard.endpoint(), NOON)
    assert done.idle
    assert watch.judged() == []
    assert watch.judged(ExecutionKind.MODEL_QUALITY) == []


def test_the_same_file_with_another_name_is_another_object(watch: Watch) -> None:
    given = records(1, NOON, 10)
    watch.yard.capture("abalone", given, name="a")
    watch.yard.capture("abalone", [replace(one, event_id=f"{one.event_id}x") for one in given], name="b")
    watch.fine(watch.yard.endpoint(), NOON + 5 * MINUTE)
    assert [one.records for one in watch.judged()] == [20]
