"""What the policy says: once for each new execution, yes or no, with the numbers that it saw."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from retrain import actions
from retrain.deciding import Answer, decide_endpoint
from store import incidents, monitors
from store.engine import reading, writing
from store.records import Deployment, IncidentKind
from store.retraining import DecisionReason, RunState
from tests.clock import HOUR, NOON
from tests.faults import Fault
from tests.loop import world
from tests.loop.rig import ENDPOINT, VARIANT, Rig
from web import judging


def reasons(rig: Rig) -> list[DecisionReason]:
    """Oldest first."""
    return [decision.reason for decision in reversed(rig.decided())]


def test_each_new_execution_is_decided_on_once(rig: Rig) -> None:
    rig.act()
    assert reasons(rig) == []
    rig.pass_hours("quiet")
    for _ in range(3):
        rig.act()
    assert reasons(rig) == [DecisionReason.NO_BREACH]
    rig.pass_hours("changed")
    rig.act()
    rig.act()
    assert reasons(rig) == [DecisionReason.NO_BREACH, DecisionReason.NOT_LASTING]
    rig.pass_hours("changed")
    rig.act()
    assert reasons(rig)[2:] == [DecisionReason.BREACH]
    (run,) = rig.runs()
    yes = rig.decided()[0]
    assert yes.run_id == run.id
    assert yes.words.startswith("Retrain. rmse ")
    ((condition, value, threshold),) = yes.seen
    assert condition == "rmse > 1.15 * baseline"
    assert threshold == 1.15
    assert value is not None
    assert value > threshold
    assert yes.config_digest == rig.endpoint.digest
    assert run.change_at == rig.hours[1].start


def test_a_quiet_world_starts_nothing(rig: Rig) -> None:
    for _ in range(4):
        rig.pass_hours("quiet")
        rig.act()
    assert reasons(rig) == [DecisionReason.NO_BREACH] * 4
    assert rig.runs() == ()


def test_there_is_one_run_at_a_time(breached: Rig) -> None:
    breached.retrain = {"approval": "manual"}
    breached.until(RunState.REGISTERED)
    breached.pass_hours("changed")
    breached.act()
    assert reasons(breached)[-1] is DecisionReason.IN_FLIGHT
    assert breached.decided()[0].words.startswith("No second run: kedge-abalone-1 is under way.")
    assert len(breached.runs()) == 1


def test_after_a_run_there_is_a_rest_and_a_limit(breached: Rig) -> None:
    breached.retrain = {"cooldown": "3h", "limit": "2 per 7d"}
    breached.trainer = "shuffled"
    first = breached.until(RunState.LOST)
    breached.pass_hours("changed")
    breached.act()
    assert reasons(breached)[-1] is DecisionReason.COOLDOWN
    assert first.ended_at is not None
    while breached.clock.at < first.ended_at + 3 * HOUR:
        breached.pass_hours("changed")
    second = breached.until_so(lambda run: run.id != first.id and run.state.is_end)
    assert second.name == "kedge-abalone-2"
    breached.retrain = {"cooldown": "0h", "limit": "2 per 7d"}
    breached.pass_hours("changed")
    breached.act()
    assert reasons(breached)[-1] is DecisionReason.LIMIT
    assert len(breached.runs()) == 2


def test_a_data_fault_blocks(rig: Rig) -> None:
    rig.pass_hours("quiet", "quiet", "quiet")
    rig.pass_hours("changed", "changed", "changed", unit=25.4)
    rig.act()
    with reading(rig.engine) as connection:
        monitor = monitors.by_name(connection, ENDPOINT)
        assert monitor is not None
        kinds = {incident.kind for incident in incidents.open_ones(connection, monitor.id)}
    assert IncidentKind.DATA_FAULT in kinds
    assert reasons(rig)[-1] is DecisionReason.DATA_FAULT
    assert "No retraining while the data is at fault" in rig.decided()[0].words
    assert rig.runs() == ()


def test_two_replicas_at_one_moment_ask_for_one_run(rig: Rig) -> None:
    rig.breach()
    rig.at_once(rig.another("one"), rig.another("other"))
    assert reasons(rig) == [DecisionReason.BREACH]
    assert len(rig.runs()) == 1


@pytest.mark.parametrize("fault", [Fault.THROTTLE, Fault.FAIL, Fault.REFUSE])
def test_a_decision_waits_while_the_registry_does_not_answer(breached: Rig, fault: Fault) -> None:
    breached.aws.meets("DescribeModelPackage", fault, fault)
    breached.act()
    breached.act()
    assert breached.decided() == ()
    breached.act()
    assert reasons(breached) == [DecisionReason.BREACH]
    assert len(breached.runs()) == 1


def test_a_version_that_is_gone_holds_no_decision_up(breached: Rig) -> None:
    breached.aws.direct.client("sagemaker").delete_model_package(ModelPackageName=breached.package)
    breached.act()
    assert reasons(breached) == [DecisionReason.UNKNOWN]


def test_the_registry_is_not_asked_for_what_no_condition_asks_for(breached: Rig) -> None:
    breached.retrain = {"when": ("rmse > 1.15",)}
    breached.aws.meets("DescribeModelPackage", Fault.THROTTLE)
    breached.act()
    assert reasons(breached) == [DecisionReason.BREACH]


def test_nobody_is_asked_about_an_era_without_traffic(rig: Rig) -> None:
    """The hours before it were judged once more, which is news, and leaves nothing to decide on."""
    rig.pass_hours("quiet")
    rig.act()
    rig.deploy("abalone-config-2")
    rig.clock.at += HOUR
    rig.observe()
    assert len(rig.eras()) == 2
    assert judging.mark(rig.engine, ENDPOINT, None, None)
    rig.observe()
    asked: list[Deployment] = []

    def registry(era: Deployment) -> dict[str, float]:
        asked.append(era)
        return {}

    assert decide_endpoint(rig.engine, rig.endpoint, registry, rig.clock.at) is Answer.NOTHING
    assert asked == []
    assert reasons(rig) == [DecisionReason.NO_BREACH]
    rig.pass_hours("quiet", "quiet", "quiet")
    decide_endpoint(rig.engine, rig.endpoint, registry, rig.clock.at)
    assert asked == [rig.eras()[-1]]
    assert len(rig.decided()) == 2


def beside(rig: Rig, variant: str, hours: int) -> None:
    """So many hours from noon on of another variant, whose model is always right."""
    for start in (NOON + at * HOUR for at in range(hours)):
        hour = world.hour(6, start)
        hour = replace(hour, ids=tuple(f"{variant}-{name}" for name in hour.ids))
        day = f"{start:%Y/%m/%d/%H}"
        rig.write(
            f"captures/{ENDPOINT}/{variant}/{day}/00-00-000-a.jsonl", hour.captured(hour.truth.tolist())
        )
        rig.write(f"labels/{day}/00-00-000-{variant}.jsonl", hour.labelled())


@pytest.mark.parametrize("other", ["Aardvark", "Zebra"])
def test_each_variant_is_asked_about(rig: Rig, other: str) -> None:
    beside(rig, other, 5)
    rig.breach()
    rig.act()
    assert reasons(rig) == [DecisionReason.BREACH]
    (run,) = rig.runs()
    assert run.variant == VARIANT
    assert run.change_at == rig.hours[2].start
    assert rig.decided()[0].words.endswith(f"The variant is {VARIANT}.")


def test_a_variant_that_is_named_is_the_only_one(rig: Rig) -> None:
    rig.entry = {"variant": "Zebra"}
    beside(rig, "Zebra", 5)
    rig.breach()
    rig.act()
    assert reasons(rig) == [DecisionReason.NO_BREACH]


def test_a_run_by_hand_is_of_the_variant_that_drifted(rig: Rig) -> None:
    beside(rig, "Zebra", 5)
    rig.breach()
    with writing(rig.engine) as connection:
        run = actions.start(
            connection,
            ENDPOINT,
            variant=None,
            time_limit=timedelta(days=1),
            label_horizon=timedelta(days=30),
            now=rig.clock.at,
        )
    assert run.variant == VARIANT
