"""Somebody else deploys while a run is under way: their config stays, and the run does not wait for ever."""

from __future__ import annotations

from datetime import timedelta

import pytest

from retrain import actions
from store.engine import writing
from store.retraining import Helped, RunReason, RunState
from tests.clock import HOUR, MINUTE
from tests.faults import Fault
from tests.loop.rig import ENDPOINT, OLD_CONFIG, Rig
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
    adopted = breached.until(RunState.ADOPTED)
    assert adopted.reason is RunReason.NOT_DEPLOYED_HERE
    first, theirs = breached.eras()
    assert theirs.baseline_id == adopted.new_baseline_id not in (None, first.baseline_id)


def test_what_an_owner_deploys_of_a_run_is_judged_by_its_baseline(breached: Rig) -> None:
    breached.retrain = {"rollout": "none"}
    run = breached.until(RunState.ADOPTED)
    champion, breached.package = breached.package, run.model_package or ""
    deployed(breached)
    first, theirs = breached.eras()
    assert (theirs.model_package, theirs.baseline_id) == (run.model_package, run.new_baseline_id)
    assert theirs.baseline_id not in (None, first.baseline_id)
    breached.package = champion
    breached.deploy("as-it-was")
    breached.clock.at += HOUR
    breached.observe()
    third = breached.eras()[-1]
    assert (third.model_package, third.baseline_id) == (champion, first.baseline_id)


def test_a_run_whose_model_was_replaced_is_over(breached: Rig) -> None:
    breached.retrain = {"watch": 2, "cooldown": "0h"}
    breached.until(RunState.DEPLOYED)
    breached.answered_by_challenger()
    breached.clock.at += MINUTE
    deployed(breached)
    run = breached.until(RunState.ADOPTED)
    assert (run.reason, run.helped) == (RunReason.OVERTAKEN, Helped.UNKNOWN)
    assert f"was set to {THEIRS} meanwhile" in run.told
    with writing(breached.engine) as connection:
        again = actions.start(
            connection,
            ENDPOINT,
            variant=None,
            time_limit=HOUR,
            label_horizon=720 * HOUR,
            now=breached.clock.at + timedelta(days=1),
        )
    assert again.name == "kedge-abalone-2"


def test_a_model_that_was_replaced_before_it_showed_worse_is_not_gone_back_from(breached: Rig) -> None:
    breached.until(RunState.DEPLOYED)
    breached.answered_by_challenger(mirrored=True)
    breached.pass_hours("changed")
    deployed(breached)
    run = breached.until(RunState.ADOPTED)
    assert (run.reason, run.helped) == (RunReason.OVERTAKEN, Helped.NOT)
    assert breached.endpoint_config() == THEIRS


@pytest.mark.parametrize("minutes", [9, 11])
def test_an_answer_from_before_the_rollout_ends_no_watch(breached: Rig, minutes: int) -> None:
    breached.retrain = {"watch": 2}
    breached.until(RunState.DEPLOYED)
    breached.observe()
    with breached.stale_answer(OLD_CONFIG):
        breached.clock.at += minutes * MINUTE
        breached.observe()
    breached.act()
    run = breached.runs()[0]
    if minutes == 9:
        assert run.state is RunState.DEPLOYED
        assert [era.endpoint_config for era in breached.eras()] == [OLD_CONFIG, run.name]
    else:  # it is no old answer then, but what somebody has set
        assert (run.state, run.reason) == (RunState.ADOPTED, RunReason.OVERTAKEN)


def test_an_answer_from_before_the_way_back_begins_no_era(breached: Rig) -> None:
    breached.until(RunState.DEPLOYED)
    breached.answered_by_challenger(mirrored=True)
    breached.pass_hours("changed")
    run = breached.until(RunState.ROLLED_BACK)
    with breached.stale_answer(run.name):
        breached.observe()
    assert [era.endpoint_config for era in breached.eras()] == [OLD_CONFIG, run.name, OLD_CONFIG]


@pytest.mark.parametrize("minutes", [0, 9])
def test_an_answer_from_before_the_way_back_ends_nothing(breached: Rig, minutes: int) -> None:
    breached.until(RunState.DEPLOYED)
    breached.answered_by_challenger(mirrored=True)
    breached.pass_hours("changed")
    breached.aws.meets("DescribeEndpoint", None, Fault.THROTTLE)  # of its update, of its wait
    run = breached.until_so(lambda run: run.reason is RunReason.FIRST_WINDOWS_WORSE)
    assert until(lambda: breached.endpoint_config() == OLD_CONFIG)
    with breached.stale_answer(run.new_endpoint_config or ""):
        breached.clock.at += minutes * MINUTE
        assert breached.act() == 0
    assert breached.until(RunState.ROLLED_BACK).helped is Helped.NOT


def test_an_endpoint_that_stays_on_the_new_config_fails_the_way_back(breached: Rig) -> None:
    breached.until(RunState.DEPLOYED)
    breached.answered_by_challenger(mirrored=True)
    breached.pass_hours("changed")
    breached.aws.meets("DescribeEndpoint", None, Fault.THROTTLE)  # of its update, of its wait
    run = breached.until_so(lambda run: run.reason is RunReason.FIRST_WINDOWS_WORSE)
    assert until(lambda: breached.endpoint_config() == OLD_CONFIG)
    with breached.stale_answer(run.new_endpoint_config or ""):
        breached.clock.at += 11 * MINUTE
        run = breached.until(RunState.FAILED)
    assert f"did not go back to {OLD_CONFIG} (it is on {run.name}): see to it in SageMaker" in run.told
    assert "The new model is worse than the one before" in run.told
    assert run.helped is Helped.NOT
    assert breached.packages() == {run.model_package: "Rejected"}


def test_an_answer_from_before_an_update_that_took_long_to_be_made_ends_nothing(breached: Rig) -> None:
    breached.aws.meets("UpdateEndpoint", Fault.THROTTLE)
    breached.until_so(lambda run: run.reason is RunReason.ROLLING_OUT)
    breached.clock.at += 11 * MINUTE
    breached.aws.meets("DescribeEndpoint", None, Fault.THROTTLE)  # of its update, of its wait
    breached.act()
    assert until(lambda: breached.endpoint_config() != OLD_CONFIG)
    with breached.stale_answer(OLD_CONFIG):
        assert breached.act() == 0
    breached.until(RunState.DEPLOYED)


def test_an_update_that_aws_took_back_is_not_sent_again(breached: Rig) -> None:
    breached.aws.meets("UpdateEndpoint", Fault.DROP)
    breached.until_so(lambda run: run.reason is RunReason.ROLLING_OUT)
    assert until(lambda: breached.endpoint_config() != OLD_CONFIG)
    with breached.stale_answer(OLD_CONFIG, failure="alarm 5xx went off"):
        run = breached.until(RunState.FAILED)
    assert run.reason is RunReason.ROLLOUT_FAILED
    assert "alarm 5xx went off" in run.told
    assert breached.aws.seen("UpdateEndpoint") == 1


def test_a_failure_of_long_ago_does_not_keep_an_update_from_being_sent_again(breached: Rig) -> None:
    breached.retrain = {"approval": "manual"}
    breached.until(RunState.REGISTERED)
    with breached.stale_answer(OLD_CONFIG, failure="no capacity last week"):
        breached.aws.meets("UpdateEndpoint", Fault.THROTTLE)
        breached.say(actions.approve)
        breached.until_so(lambda run: run.reason is RunReason.ROLLING_OUT)
        breached.until_so(lambda _: breached.aws.seen("UpdateEndpoint") == 2)
    breached.until(RunState.DEPLOYED)
