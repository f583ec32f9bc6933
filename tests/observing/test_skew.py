"""Train/serve skew is named in a model's first window, and never where the world changed later."""

from __future__ import annotations

import numpy as np
import pytest

from baselines import constraints, statistics
from baselines.create import create
from config.model import Endpoint
from monitor.eras import InForce
from store.records import IncidentKind
from tests.capture.events import captured, csv_line
from tests.clock import MINUTE, NOON
from tests.observing.conftest import Watch
from tests.observing.yard import VARIANT, capture_key

INPUTS = tuple("abcdef")
SOUND, FAR = 0.0, 2.0


def table(seed: int, rows: int, moved: float) -> np.ndarray:
    """Answers and inputs; every input moved by so many standard deviations, and the answers with them."""
    inputs = np.random.default_rng(seed).normal(10.0 + moved, 1.0, (rows, len(INPUTS)))
    return np.column_stack([inputs.sum(axis=1), inputs]).round(4)


def baseline(
    watch: Watch, folder: str = "six", moved: float = SOUND, *, seed: int = 99, answers: float = 1.0
) -> str:
    rows = table(seed, 2000, moved) * [answers, *[1.0] * len(INPUTS)]
    lines = [",".join(map(str, row)) for row in rows.tolist()]
    data = "\n".join([",".join(["rings", *INPUTS]), *lines]).encode()
    profile, suggested = create(data, where="six.csv")
    watch.yard.put(folder, "statistics.json", statistics.write(profile).encode())
    watch.yard.put(folder, "constraints.json", constraints.write(suggested).encode())
    return f"{watch.yard.uri}/{folder}"


def tell(watch: Watch, at: int, moved: float, rows: int = 200, name: str = "a", near: int = 0) -> None:
    """What was captured in that minute; so many of the inputs, the last ones, did not move."""
    start = NOON + at * MINUTE
    each = table(at, rows, moved)
    each[:, len(INPUTS) + 1 - near :] -= moved
    lines = [
        csv_line(
            ",".join(map(str, row[1:])),
            str(row[0]),
            event_id=f"{name}{at}-{place}",
            time=f"{start + place * MINUTE / rows:%Y-%m-%dT%H:%M:%SZ}",
        )
        for place, row in enumerate(each.tolist())
    ]
    watch.yard.put("capture", f"abalone/{capture_key(VARIANT, start, name)}", captured(*lines))


@pytest.fixture
def endpoint(watch: Watch) -> Endpoint:
    return watch.yard.endpoint(baseline=baseline(watch))


def story(watch: Watch, endpoint: Endpoint, *moved: float, first: int = 0, rows: int = 200) -> None:
    for at, each in enumerate(moved, start=first):
        tell(watch, at, each, rows)
        watch.fine(endpoint, NOON + (at + 2) * MINUTE)


def kinds(watch: Watch) -> list[IncidentKind]:
    return [incident.kind for incident in watch.incidents()]


def test_it_is_named_in_the_first_window_and_is_no_drift(watch: Watch, endpoint: Endpoint) -> None:
    story(watch, endpoint, FAR)
    (incident,) = watch.incidents()
    assert incident.kind is IncidentKind.SKEW
    assert incident.kind.forbids_retraining
    assert incident.first_window == NOON
    assert set(INPUTS) <= set(incident.features)
    assert incident.summary.startswith("Train/serve skew: from the first window of this model on, 7 columns")
    story(watch, endpoint, FAR, FAR, first=1)
    (incident,) = watch.incidents()
    assert (incident.breached_windows, incident.closed_at) == (3, None)
    story(watch, endpoint, SOUND, SOUND, first=3)
    (incident,) = watch.incidents()
    assert incident.closed_at is not None


def test_it_goes_on_while_most_columns_are_far(watch: Watch, endpoint: Endpoint) -> None:
    story(watch, endpoint, FAR)
    for at in (1, 2, 3):
        tell(watch, at, FAR, near=2)
        watch.fine(endpoint, NOON + (at + 2) * MINUTE)
    (incident,) = watch.incidents()
    assert (incident.kind, incident.breached_windows, incident.closed_at) == (IncidentKind.SKEW, 4, None)


def test_most_columns_are_not_enough_to_begin(watch: Watch, endpoint: Endpoint) -> None:
    tell(watch, 0, FAR, near=2)
    watch.fine(endpoint, NOON + 2 * MINUTE)
    assert kinds(watch) == [IncidentKind.DRIFT]


def test_records_that_come_late_leave_it_one_incident(watch: Watch, endpoint: Endpoint) -> None:
    story(watch, endpoint, FAR, FAR)
    tell(watch, 0, FAR, name="late")
    watch.fine(endpoint, NOON + 5 * MINUTE)
    (incident,) = watch.incidents()
    assert (incident.kind, incident.breached_windows) == (IncidentKind.SKEW, 2)


def test_a_world_that_changes_later_is_drift(watch: Watch, endpoint: Endpoint) -> None:
    story(watch, endpoint, SOUND, FAR, FAR)
    assert kinds(watch) == [IncidentKind.DRIFT]


def test_too_few_records_decide_nothing_and_the_first_enough_do(watch: Watch, endpoint: Endpoint) -> None:
    story(watch, endpoint, FAR, FAR, rows=60)
    assert kinds(watch) == [IncidentKind.DRIFT]
    story(watch, endpoint, FAR, first=2)
    assert kinds(watch) == [IncidentKind.DRIFT, IncidentKind.SKEW]


def test_smaller_windows_that_were_near_show_that_the_world_changed_later(
    watch: Watch, endpoint: Endpoint
) -> None:
    story(watch, endpoint, SOUND, SOUND, rows=90)
    story(watch, endpoint, FAR, first=2, rows=120)
    assert kinds(watch) == [IncidentKind.DRIFT]


def test_a_handful_of_records_show_nothing(watch: Watch, endpoint: Endpoint) -> None:
    story(watch, endpoint, SOUND, rows=10)
    story(watch, endpoint, FAR, first=1)
    assert kinds(watch) == [IncidentKind.SKEW]


@pytest.mark.parametrize("rows", [12, 20, 25])
def test_few_records_neither_end_it_nor_drift(watch: Watch, endpoint: Endpoint, rows: int) -> None:
    story(watch, endpoint, FAR)
    story(watch, endpoint, FAR, FAR, FAR, first=1, rows=rows)
    story(watch, endpoint, FAR, first=4)
    (incident,) = watch.incidents()
    assert (incident.kind, incident.closed_at) == (IncidentKind.SKEW, None)
    story(watch, endpoint, SOUND, first=5)
    story(watch, endpoint, SOUND, first=6, rows=rows)
    assert watch.incidents()[0].closed_at is None
    story(watch, endpoint, SOUND, first=7)
    (incident,) = watch.incidents()
    assert incident.closed_at is not None
    assert incident.last_window == NOON + 4 * MINUTE


def test_a_skew_that_was_over_comes_back_as_one(watch: Watch, endpoint: Endpoint) -> None:
    story(watch, endpoint, FAR, SOUND, SOUND, FAR)
    assert [(one.kind, one.closed_at is None) for one in watch.incidents()] == [
        (IncidentKind.SKEW, False),
        (IncidentKind.SKEW, True),
    ]


def in_force(watch: Watch, config: str, minute: int, package: str | None = None) -> None:
    watch.in_force = InForce(config, NOON + minute * MINUTE, model_package=package)


def test_a_config_that_comes_in_a_drifted_world_keeps_drifting(watch: Watch, endpoint: Endpoint) -> None:
    in_force(watch, "one", -60)
    story(watch, endpoint, SOUND, FAR)
    in_force(watch, "two", 2)
    story(watch, endpoint, FAR, first=2)
    assert kinds(watch) == [IncidentKind.DRIFT, IncidentKind.DRIFT]
    assert len(watch.eras()) == 2


def test_a_config_that_changes_nothing_about_it_has_it_too(watch: Watch, endpoint: Endpoint) -> None:
    in_force(watch, "one", -60)
    story(watch, endpoint, FAR, FAR)
    in_force(watch, "two", 2)
    story(watch, endpoint, FAR, first=2)
    old, new = watch.incidents()
    assert (old.kind, new.kind) == (IncidentKind.SKEW, IncidentKind.SKEW)
    assert (old.closed_at is None, new.closed_at) == (False, None)


def test_a_new_baseline_after_a_drift_is_quiet(watch: Watch, endpoint: Endpoint) -> None:
    story(watch, endpoint, SOUND, FAR)
    renewed = watch.yard.endpoint(baseline=baseline(watch, "moved", FAR))
    story(watch, renewed, FAR, FAR, first=2)
    (incident,) = watch.incidents()
    assert incident.kind is IncidentKind.DRIFT
    assert incident.closed_at is not None


@pytest.mark.parametrize("seed", [99, 7], ids=["the same inputs", "others of the same world"])
def test_a_drift_goes_on_where_a_model_comes_with_the_inputs_of_before(
    watch: Watch, endpoint: Endpoint, seed: int
) -> None:
    in_force(watch, "one", -60)
    story(watch, endpoint, SOUND, FAR)
    in_force(watch, "two", 2)
    renewed = watch.yard.endpoint(baseline=baseline(watch, "other", seed=seed, answers=1.3))
    story(watch, renewed, FAR, first=2)
    assert len({era.baseline_id for era in watch.eras()}) == 2
    assert kinds(watch) == [IncidentKind.DRIFT, IncidentKind.DRIFT]


def test_a_model_of_other_inputs_has_a_skew_of_its_own(watch: Watch, endpoint: Endpoint) -> None:
    in_force(watch, "one", -60)
    story(watch, endpoint, SOUND, FAR)
    in_force(watch, "two", 2)
    renewed = watch.yard.endpoint(baseline=baseline(watch, "other", 2 * FAR))
    story(watch, renewed, FAR, first=2)
    assert kinds(watch) == [IncidentKind.DRIFT, IncidentKind.SKEW]
