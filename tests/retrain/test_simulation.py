"""A replay is quick, and asks nobody twice: of a recorded past that is made by hand."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.expressions import Reading
from config.model import Endpoint
from retrain.policy import DecidedOn, Facts, decide
from retrain.policy.weighing import Looks
from retrain.readings import Rows, WindowReadings
from retrain.recorded import Recorded
from retrain.simulation import simulate
from store.records import Deployment, Execution, ExecutionKind, ExecutionStatus, MetricRow, Monitor
from store.retraining import Decision, DecisionReason
from tests.clock import HOUR, NOON
from tests.retrain.test_policy_terms import CONDITION, ERA, NOW, policy, windows

LABELLED = 30
AGAINST_BASELINE = policy(when=("rmse > 1.1 * baseline",))


def execution(hour: int) -> Execution:
    start = NOON + hour * HOUR
    return Execution(
        id=hour + 1,
        monitor_id=1,
        window_id=hour + 1,
        kind=ExecutionKind.MODEL_QUALITY,
        revision=1,
        status=ExecutionStatus.COMPLETED,
        start=start,
        end=start + HOUR,
        variant="one",
        deployment_id=ERA.id,
        baseline_version=1,
        distance_mode="Robust",
        judged_at=start + HOUR,
        records=100,
        rejected=0,
        violations=0,
        message="",
        config_digest="digest",
        latest=True,
        published_at=None,
    )


def past(*decisions: Decision) -> Recorded:
    """Hours whose rmse is 1.7 throughout."""
    every = tuple(map(execution, range(LABELLED)))
    metrics = {each.id: (MetricRow("rmse", 1.7, 1.69, 1.71, 50),) for each in every}
    monitor = Monitor(1, "abalone", "digest", NOON, None, None, None, None, 0, None, 0, None, None)
    return Recorded(monitor, every, Rows({}, {}, metrics), (ERA,), (), decisions, (), (), NOON, {})


def no_breach(hour: int, reference: Mapping[str, float] | None) -> Decision:
    return Decision(
        hour, 1, NOON + hour * HOUR, hour, DecisionReason.NO_BREACH, "", (), None, None, "digest",
        reference=reference, deployment_id=ERA.id,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("known", "reason"), [({}, DecisionReason.UNKNOWN), ({"rmse": 1.5}, DecisionReason.BREACH)]
)
def test_what_a_model_was_registered_with_is_asked_once_an_era(
    known: Mapping[str, float], reason: DecisionReason
) -> None:
    """Also where nothing is known: a refused read is not repeated at every moment."""
    asked: list[Deployment] = []

    def registry(era: Deployment) -> Mapping[str, float]:
        asked.append(era)
        return known

    entry = Endpoint(name="abalone", capture="s3://logs/capture")
    found = simulate(past(), entry, AGAINST_BASELINE, registry)
    assert len(found.decisions) == LABELLED
    assert found.decisions[0].verdict.reason is reason
    assert asked == [ERA]


def test_what_a_decision_kept_is_not_asked_for() -> None:
    def nobody(_: Deployment) -> Mapping[str, float]:
        raise AssertionError("it was kept")

    entry = Endpoint(name="abalone", capture="s3://logs/capture")
    decisions = (no_breach(1, None), no_breach(2, {"rmse": 1.5}), no_breach(3, {"rmse": 1.6}))
    found = simulate(past(*decisions), entry, AGAINST_BASELINE, nobody)
    # 1.7 is above 1.65, and not above 1.76; where none was kept the first one that was kept stands
    assert [each.verdict.reason for each in found.decisions[:3]] == [
        DecisionReason.BREACH,
        DecisionReason.IN_FLIGHT,
        DecisionReason.NO_BREACH,
    ]


def test_a_window_is_looked_at_once_however_often_it_is_decided_on() -> None:
    measured: list[str] = []

    def metrics(metric: str, _: str | None) -> Reading:
        measured.append(metric)
        return Reading(3.0)

    retrain, looks = policy(when=(CONDITION, "volume > 2")), Looks()
    seen = tuple(WindowReadings(NOW - hour * HOUR, metrics) for hour in range(1, 10))
    for newest in reversed(range(5)):
        decide(retrain, seen[newest:], Facts(), NOW, looks)
    assert sorted(measured) == ["rmse"] * 9 + ["volume"] * 9


@given(values=st.lists(st.sampled_from([1.7, 1.9, 3.0, None]), min_size=4, max_size=12))
def test_what_was_looked_at_before_changes_no_decision(values: list[float | None]) -> None:
    seen, looks = windows(*values), Looks()
    retrain = policy(when=(CONDITION, "rmse > 1.1 * baseline or volume > 200"), **{"for": "2 of 3"})
    known = Facts(decided=(DecidedOn(CONDITION, NOW, seen[-2].start),))
    for newest in range(len(values)):
        since = seen[len(values) - newest - 1 :]
        assert decide(retrain, since, known, NOW, looks) == decide(retrain, since, known, NOW)
