"""kedge.yaml is changed while a run is under way: the run keeps to what it has begun with."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import NoReturn

import pytest

from retrain import actions
from retrain.targets.base import TargetError
from retrain.unwatched import PATIENCE
from store import monitors
from store.engine import writing
from store.retraining import Helped, Run, RunReason, RunState
from tests.clock import MINUTE
from tests.faults import Fault
from tests.loop import world
from tests.loop.rig import OLD_CONFIG, Rig
from tests.observing.replica import until


@pytest.fixture
def moved(breached: Rig) -> Rig:
    """What trains is one state machine's, and kedge.yaml names another before the answer is known."""
    breached.with_state_machine()
    breached.aws.meets("StartExecution", Fault.DROP)
    breached.act()
    assert breached.executions() == {"kedge-abalone-1": "RUNNING"}
    return breached


def test_another_target_trains_nothing_for_a_run_that_has_one(moved: Rig) -> None:
    first = moved.retrain
    moved.with_state_machine("another")
    moved.until(RunState.STARTED)
    assert moved.executions() == {}
    moved.retrain = first
    assert moved.executions() == {"kedge-abalone-1": "RUNNING"}


@pytest.mark.parametrize("kind", ["step_functions", "local"])
def test_a_run_is_stopped_where_it_trains(moved: Rig, kind: str) -> None:
    first = moved.retrain
    moved.retrain = {}
    if kind == "step_functions":
        moved.with_state_machine("another")
    moved.until(RunState.STARTED)
    moved.say(actions.cancel)
    moved.until(RunState.CANCELLED)
    moved.retrain = first
    assert until(lambda: moved.executions() == {"kedge-abalone-1": "ABORTED"})


def test_a_rollout_that_is_under_way_is_seen_through(breached: Rig) -> None:
    breached.aws.meets("DescribeEndpoint", None, None, Fault.THROTTLE)  # of its plan, its update, its wait
    breached.until_so(lambda run: run.reason is RunReason.ROLLING_OUT)
    breached.retrain = {"rollout": "none"}
    run = breached.until(RunState.DEPLOYED)
    assert breached.endpoint_config() == run.name
    assert breached.eras()[-1].baseline_id == run.new_baseline_id


def test_a_rollout_that_is_not_planned_yet_is_left_to_its_owner(breached: Rig) -> None:
    breached.aws.meets("DescribeEndpoint", Fault.THROTTLE)  # of its plan
    breached.until(RunState.APPROVED)
    breached.retrain = {"rollout": "none"}
    assert breached.until(RunState.ADOPTED).reason is RunReason.NOT_DEPLOYED_HERE
    assert breached.endpoint_config() == OLD_CONFIG


def test_the_first_windows_are_held_against_the_metric_that_the_run_was_judged_by(breached: Rig) -> None:
    breached.until(RunState.DEPLOYED)
    breached.retrain = {"accept": "mae < champion"}
    breached.answered_by_challenger(error=9.0)
    breached.pass_hours("changed")
    run = breached.until(RunState.ROLLED_BACK)
    assert "worse than the one before: rmse" in run.told
    assert breached.endpoint_config() == OLD_CONFIG


def test_a_run_stays_in_the_folder_that_it_has_begun_in(breached: Rig) -> None:
    breached.until(RunState.STARTED)
    breached.training = {"output": breached.uri("elsewhere")}
    run = breached.until(RunState.DEPLOYED)
    assert not (breached.folder / "elsewhere").exists()
    assert (breached.folder / "output" / run.name / "baseline" / "statistics.json").exists()
    breached.answered_by_challenger()
    breached.pass_hours("changed")
    assert breached.until(RunState.ADOPTED).helped is Helped.HELPED


def test_a_run_is_measured_on_the_test_set_that_its_target_was_handed(breached: Rig) -> None:
    breached.write("sets/test.csv", world.dataset(9, rows=200))
    breached.training = {"test": breached.uri("sets/test.csv")}
    breached.until(RunState.STARTED)
    breached.write("sets/other.csv", world.dataset(9, rows=150))
    breached.training = {"test": breached.uri("sets/other.csv")}
    assert breached.until(RunState.DEPLOYED, RunState.FAILED).state is RunState.DEPLOYED


def without_policy(rig: Rig) -> Run:
    """The run, after rounds in which the entry has no retrain section."""
    plain = rig.endpoint.model_copy(update={"retrain": None})
    rig.executor.round([plain])
    rig.executor.round([plain])
    return rig.runs()[0]


TAKEN_OUT = "The retrain section of abalone was taken out of kedge.yaml."


@pytest.mark.parametrize("fault", [None, Fault.DROP])
def test_without_a_policy_what_trains_is_stopped(breached: Rig, fault: Fault | None) -> None:
    breached.with_state_machine()
    breached.aws.meets("StartExecution", fault)
    breached.act()
    run = without_policy(breached)
    assert (run.state, run.reason, run.told) == (
        RunState.CANCELLED,
        RunReason.CANCELLED_BY_HAND,
        TAKEN_OUT,
    )
    assert until(lambda: breached.executions() == {"kedge-abalone-1": "ABORTED"})


def test_without_a_policy_a_person_may_cancel(breached: Rig) -> None:
    breached.until(RunState.STARTED)
    breached.say(actions.cancel)
    assert without_policy(breached).told == "Cancelled by hand."


def test_without_a_policy_what_is_registered_is_declined(breached: Rig) -> None:
    breached.retrain = {"approval": "manual"}
    breached.until(RunState.REGISTERED)
    run = without_policy(breached)
    assert (run.state, breached.packages()) == (RunState.CANCELLED, {run.model_package: "Rejected"})


def test_without_a_policy_a_rollout_is_seen_through_and_nobody_looks_at_it(breached: Rig) -> None:
    breached.aws.meets("UpdateEndpoint", Fault.THROTTLE)
    breached.until_so(lambda run: run.reason is RunReason.ROLLING_OUT)
    plain = breached.endpoint.model_copy(update={"retrain": None})
    assert until(lambda: breached.executor.round([plain]) >= 0 and breached.runs()[0].state.is_end)
    run = breached.runs()[0]
    assert (run.state, run.helped, breached.endpoint_config()) == (
        RunState.ADOPTED,
        Helped.UNKNOWN,
        run.name,
    )
    assert breached.eras()[-1].baseline_id == run.new_baseline_id


GONE = "Endpoint abalone was taken out of kedge.yaml."


def taken_out(rig: Rig, since: timedelta = PATIENCE) -> Run:
    """The run, after rounds in which no kedge.yaml has had the endpoint for so long."""
    with writing(rig.engine) as connection:
        monitors.unwatch_others(connection, (), datetime.now(UTC) - since)
    rig.executor.round([])
    rig.executor.round([])
    return rig.runs()[0]


@pytest.mark.parametrize("fault", [None, Fault.DROP])
def test_what_trains_for_an_endpoint_that_is_gone_is_stopped(breached: Rig, fault: Fault | None) -> None:
    breached.with_state_machine()
    breached.aws.meets("StartExecution", fault)
    breached.act()
    run = taken_out(breached)
    assert (run.state, run.reason, run.told) == (RunState.CANCELLED, RunReason.CANCELLED_BY_HAND, GONE)
    assert run.ended_at is not None
    assert until(lambda: breached.executions() == {"kedge-abalone-1": "ABORTED"})


def test_a_file_that_lacks_an_endpoint_for_a_moment_ends_no_run(breached: Rig) -> None:
    """As one that is half written, or a replica's with an older one; what a person says is heard at once."""
    breached.with_state_machine()
    breached.until(RunState.STARTED)
    assert breached.executor.round([]) == 0  # an entry that is wrong, of which no version was ever right
    assert taken_out(breached, since=PATIENCE - MINUTE).state is RunState.STARTED
    assert breached.executions() == {"kedge-abalone-1": "RUNNING"}
    breached.say(actions.cancel)
    run = taken_out(breached, since=timedelta())
    assert (run.state, run.told) == (RunState.CANCELLED, "Cancelled by hand.")
    assert until(lambda: breached.executions() == {"kedge-abalone-1": "ABORTED"})


def test_where_to_stop_what_kedge_cant_is_told(breached: Rig) -> None:
    breached.with_state_machine()
    breached.until(RunState.STARTED)

    def unopened(*_: object) -> NoReturn:
        raise TargetError("the environment lacks its credentials", retryable=False)

    breached.executor = breached.another("test", open_target=unopened)
    run = taken_out(breached)
    assert (run.state, run.told) == (
        RunState.CANCELLED,
        f"{GONE} What trains could not be stopped, look for {run.name} ({run.handle}) where it trains, and "
        "stop it there: the environment lacks its credentials",
    )


def test_what_an_endpoint_that_is_gone_has_registered_is_declined(breached: Rig) -> None:
    breached.retrain = {"approval": "manual"}
    breached.until(RunState.REGISTERED)
    run = taken_out(breached)
    assert (run.state, breached.packages()) == (RunState.CANCELLED, {run.model_package: "Rejected"})


def test_a_rollout_that_has_not_begun_ends_with_its_endpoint(breached: Rig) -> None:
    breached.aws.meets("CreateModel", Fault.THROTTLE)
    breached.until_so(lambda run: run.reason is RunReason.ROLLING_OUT)
    run = taken_out(breached)
    assert run.state is RunState.CANCELLED
    assert run.told == f"{GONE} What it may have made in SageMaker is left there: look for {run.name}."
    assert (breached.packages(), breached.endpoint_config()) == ({run.model_package: "Rejected"}, OLD_CONFIG)


def test_a_rollout_that_has_begun_is_seen_through_without_its_endpoint(breached: Rig) -> None:
    breached.aws.meets("UpdateEndpoint", Fault.THROTTLE)
    breached.until_so(lambda run: run.reason is RunReason.ROLLING_OUT)
    assert until(lambda: taken_out(breached).state.is_end)
    run = breached.runs()[0]
    assert (run.state, run.helped, run.told) == (
        RunState.ADOPTED,
        Helped.UNKNOWN,
        f"{GONE} Whether it helped is not known.",
    )
    assert breached.endpoint_config() == run.name
    assert breached.eras()[-1].baseline_id == run.new_baseline_id
