"""Somebody else deploys while a run is under way: nothing of theirs is overwritten, and nothing waits for ever."""

from __future__ import annotations

from retrain import actions
from store.retraining import RunReason, RunState
from tests.clock import HOUR
from tests.loop.rig import OLD_CONFIG, Rig
from tests.observing.replica import until

THEIRS = "hotfix"


def deployed(rig: Rig) -> None:
    """Their deployment, which the observing half has noticed an hour later."""
    rig.deploy(THEIRS)
    rig.clock.at += HOUR
    rig.observe()
    assert rig.eras()[-1].endpoint_config == THEIRS


def test_a_challenger_that_waits_for_approval_is_declined(breached: Rig) -> None:
    breached.retrain = {"approval": "manual"}
    breached.until(RunState.REGISTERED)
    deployed(breached)
    run = breached.until(RunState.FAILED)
    assert run.reason is RunReason.OVERTAKEN
    assert run.told == (
        f"The endpoint was set from {OLD_CONFIG} to {THEIRS} meanwhile, which the challenger was never "
        "compared with: start another run if it is needed."
    )
    assert breached.packages() == {run.model_package: "Rejected"}
    assert breached.endpoint_config() == THEIRS


def test_what_trains_is_stopped(breached: Rig) -> None:
    breached.with_state_machine()
    breached.until(RunState.STARTED)
    deployed(breached)
    assert breached.until(RunState.FAILED).reason is RunReason.OVERTAKEN
    assert until(lambda: breached.executions() == {"kedge-abalone-1": "ABORTED"})


def test_what_nobody_noticed_before_the_rollout_is_noticed_by_its_plan(breached: Rig) -> None:
    breached.retrain = {"approval": "manual"}
    breached.until(RunState.REGISTERED)
    breached.deploy(THEIRS)
    breached.say(actions.approve)
    run = breached.until(RunState.FAILED)
    assert (run.reason, run.new_baseline_id) == (RunReason.OVERTAKEN, None)
    assert breached.packages() == {run.model_package: "Rejected"}
    assert breached.endpoint_config() == THEIRS


def test_an_owner_who_deploys_the_challenger_overtakes_nobody(breached: Rig) -> None:
    """With `rollout: none` that may be done before Kedge has seen that it is approved."""
    breached.retrain = {"approval": "manual", "rollout": "none"}
    run = breached.until(RunState.REGISTERED)
    breached.package = run.model_package or ""
    deployed(breached)
    breached.say(actions.approve)
    assert breached.until(RunState.ADOPTED).reason is RunReason.NOT_DEPLOYED_HERE
