"""AWS refuses to say where the endpoint stands while an update goes on: only an answer ends that."""

from __future__ import annotations

from datetime import timedelta

import pytest

from store import runs
from store.engine import reading
from store.retraining import Run, RunReason, RunState
from tests.faults import Fault
from tests.loop.rig import OLD_CONFIG, Rig
from tests.observing.replica import until

REFUSED = "DescribeEndpoint of endpoint abalone was refused (AccessDeniedException: no policy allows it)"
GOES_ON = "What was sent goes on, and the endpoint is asked about again."


def updating(rig: Rig) -> Run:
    """The rollout was sent, and its end not seen yet."""
    rig.aws.meets("DescribeEndpoint", None, None, Fault.THROTTLE)  # of its plan, its update, its wait
    return rig.until_so(lambda run: run.reason is RunReason.ROLLING_OUT)


def waited(rig: Rig) -> list[str]:
    """Why the run has waited."""
    with reading(rig.engine) as connection:
        events = runs.events(connection, rig.runs()[0].id)
    return [event.told for event in events if event.reason is RunReason.NO_ANSWER]


def test_a_rollout_that_was_sent_is_seen_through(breached: Rig) -> None:
    run = updating(breached)
    breached.clock.at += timedelta(hours=2)  # another reason to wait is told after an hour
    with breached.denied("DescribeEndpoint"):
        assert breached.act() == 0
    assert waited(breached)[-1].startswith(REFUSED)
    assert waited(breached)[-1].endswith(GOES_ON)
    run = breached.until(RunState.DEPLOYED, RunState.FAILED)
    assert (run.state, run.reason) == (RunState.DEPLOYED, RunReason.IN_SERVICE)
    assert breached.packages() == {run.model_package: "Approved"}
    assert breached.eras()[-1].baseline_id == run.new_baseline_id


def test_one_whose_answer_was_lost_is_too(breached: Rig) -> None:
    breached.aws.meets("UpdateEndpoint", Fault.DROP)
    breached.until_so(lambda run: run.reason is RunReason.ROLLING_OUT)
    assert until(lambda: breached.endpoint_config() != OLD_CONFIG)
    with breached.denied("DescribeEndpoint"):
        assert breached.act() == 0
    assert breached.until(RunState.DEPLOYED).name == breached.endpoint_config()
    assert breached.aws.seen("UpdateEndpoint") == 1


def test_one_that_is_never_seen_ends_the_run_in_the_end_and_leaves_its_version(breached: Rig) -> None:
    run = updating(breached)
    with breached.denied("DescribeEndpoint"):
        breached.clock.at = max(run.deadline, run.updated_at + timedelta(days=2)) + timedelta(days=1)
        assert breached.act() == 0
        breached.clock.at += timedelta(minutes=1)
        breached.act()
    run = breached.runs()[0]
    assert (run.state, run.reason) == (RunState.FAILED, RunReason.OUT_OF_TIME)
    assert run.told.startswith(REFUSED)
    assert breached.packages() == {run.model_package: "Approved"}


def test_what_is_refused_before_anything_was_sent_ends_the_run(breached: Rig) -> None:
    breached.retrain = {"approval": "manual"}
    breached.until(RunState.REGISTERED)
    breached.retrain = {}
    with breached.denied("DescribeEndpoint"):
        run = breached.until(RunState.FAILED)
    assert run.reason is RunReason.ROLLOUT_FAILED
    assert breached.packages() == {run.model_package: "Rejected"}
    assert breached.endpoint_config() == OLD_CONFIG


def worse(rig: Rig) -> Run:
    """A model that is to go back, in service."""
    rig.until(RunState.DEPLOYED)
    rig.answered_by_challenger(error=9.0)
    rig.pass_hours("changed", labels=0)
    return rig.runs()[0]


@pytest.mark.parametrize("sent", [False, True], ids=["to be sent", "sent"])
def test_a_way_back_is_seen_through(breached: Rig, sent: bool) -> None:
    worse(breached)
    if sent:
        breached.aws.meets("DescribeEndpoint", None, Fault.THROTTLE)  # of its update, of its wait
        breached.until_so(lambda run: run.reason is RunReason.FIRST_WINDOWS_WORSE)
        breached.clock.at += timedelta(hours=2)
    with breached.denied("DescribeEndpoint"):
        breached.act()
        assert breached.act() == 0
    assert waited(breached)[-1].startswith(REFUSED)
    run = breached.until(RunState.ROLLED_BACK, RunState.FAILED)
    assert run.state is RunState.ROLLED_BACK
    assert breached.endpoint_config() == OLD_CONFIG
    assert [era.endpoint_config for era in breached.eras()] == [OLD_CONFIG, run.name, OLD_CONFIG]


def test_a_way_back_that_is_never_seen_is_for_people_after_a_day(breached: Rig) -> None:
    worse(breached)
    with breached.denied("DescribeEndpoint"):
        breached.act()
        breached.clock.at += timedelta(days=1)
        assert breached.act() == 0
        breached.clock.at += timedelta(minutes=1)
        run = breached.until(RunState.FAILED)
    assert f"The endpoint could not be set back: {REFUSED}" in run.told
    assert breached.packages() == {run.model_package: "Rejected"}
