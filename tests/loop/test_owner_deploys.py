"""An owner deploys the challenger himself, as a pipeline on Approved does: it is never rejected."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import null, update

from retrain import actions
from store.engine import writing
from store.retraining import Helped, Run, RunReason, RunState
from store.schema import deployments
from tests.clock import HOUR, MINUTE
from tests.faults import Fault
from tests.loop.rig import ENDPOINT, OLD_CONFIG, ROLE, Rig
from tests.observing.replica import until

THEIRS = "abalone-prod-7"


def deploys(rig: Rig, run: Run, *, seen: bool) -> None:
    """Their pipeline deploys the version by a config of its own; an hour later it is noticed, or not."""
    sagemaker = rig.aws.direct.client("sagemaker")
    sagemaker.create_model(
        ModelName=THEIRS, ExecutionRoleArn=ROLE, Containers=[{"ModelPackageName": run.model_package}]
    )
    present = sagemaker.describe_endpoint_config(EndpointConfigName=OLD_CONFIG)
    (variant,) = present["ProductionVariants"]
    sagemaker.create_endpoint_config(
        EndpointConfigName=THEIRS,
        ProductionVariants=[variant | {"ModelName": THEIRS}],
        DataCaptureConfig=present["DataCaptureConfig"],
    )
    sagemaker.update_endpoint(EndpointName=ENDPOINT, EndpointConfigName=THEIRS)
    assert until(lambda: rig.endpoint_config() == THEIRS)
    if seen:
        rig.package = run.model_package or ""
        rig.clock.at += HOUR
        rig.observe()


def approves(rig: Rig, run: Run) -> None:
    """In SageMaker's registry."""
    sagemaker = rig.aws.direct.client("sagemaker")
    sagemaker.update_model_package(ModelPackageArn=run.model_package, ModelApprovalStatus="Approved")


def status(rig: Rig, run: Run) -> str:
    sagemaker = rig.aws.direct.client("sagemaker")
    described = sagemaker.describe_model_package(ModelPackageName=run.model_package)
    return str(described["ModelApprovalStatus"])


@pytest.fixture
def registered(breached: Rig) -> Rig:
    """A run that waits for approval, and would be rolled out then."""
    breached.retrain = {"approval": "manual", "rollout": "canary 10% for 30m"}
    breached.until(RunState.REGISTERED)
    return breached


@pytest.mark.parametrize("seen", [True, False], ids=["noticed", "not noticed"])
@pytest.mark.parametrize("worse", [True, False], ids=["worse", "good"])
def test_its_first_windows_are_looked_at_as_of_any_other(registered: Rig, seen: bool, worse: bool) -> None:
    run, ssm = registered.runs()[0], registered.aws.direct.client("ssm")
    registered.retrain = {**registered.retrain, "ssm": {"model_package": "champion"}}
    approves(registered, run)
    deploys(registered, run, seen=seen)
    run = registered.until(RunState.DEPLOYED, RunState.FAILED)
    assert (run.state, run.reason) == (RunState.DEPLOYED, RunReason.IN_SERVICE)
    assert run.told == f"Its owner deployed it: in service on {THEIRS}; its first windows are looked at."
    assert status(registered, run) == "Approved"
    first, theirs = registered.eras()
    assert (theirs.endpoint_config, theirs.model_package) == (THEIRS, run.model_package)
    assert theirs.baseline_id == run.new_baseline_id not in (None, first.baseline_id)
    assert registered.aws.seen("UpdateEndpoint") == registered.aws.seen("CreateModel") == 0
    registered.act()
    assert ssm.get_parameter(Name="champion")["Parameter"]["Value"] == run.model_package
    registered.answered_by_challenger(mirrored=worse)
    registered.pass_hours("changed", "changed")
    run = registered.until(RunState.ADOPTED, RunState.ROLLED_BACK)
    if worse:
        assert (run.state, registered.endpoint_config()) == (RunState.ROLLED_BACK, OLD_CONFIG)
        assert registered.eras()[-1].baseline_id == first.baseline_id
    else:
        assert (run.state, run.helped) == (RunState.ADOPTED, Helped.HELPED)
        assert registered.endpoint_config() == THEIRS


def test_it_is_noticed_between_the_plan_and_the_update_too(registered: Rig) -> None:
    registered.aws.meets("UpdateEndpoint", Fault.THROTTLE)
    registered.say(actions.approve)
    run = registered.until_so(lambda run: run.reason is RunReason.ROLLING_OUT)
    deploys(registered, run, seen=False)
    run = registered.until(RunState.DEPLOYED, RunState.FAILED)
    assert (run.state, run.new_endpoint_config) == (RunState.DEPLOYED, THEIRS)
    assert status(registered, run) == "Approved"
    assert registered.eras()[-1].baseline_id == run.new_baseline_id


@pytest.mark.parametrize("goes_back", [False, True], ids=["stays", "goes back"])
def test_what_was_left_to_its_owner_is_not_rolled_out_while_parameters_are_waited_for(
    registered: Rig, goes_back: bool
) -> None:
    """The champion's config is not known, so that there is no way back and nothing to look at."""
    run = registered.runs()[0]
    registered.retrain = {**registered.retrain, "ssm": {"model_package": "champion"}}
    with writing(registered.engine) as connection:
        connection.execute(update(deployments).values(endpoint_config=null()))
    approves(registered, run)
    deploys(registered, run, seen=False)
    registered.aws.meets("GetParameter", *[Fault.THROTTLE] * 3)
    run = registered.until_so(lambda run: run.new_baseline_id is not None)
    assert [era.endpoint_config for era in registered.eras()] == [None, THEIRS]
    if goes_back:
        registered.taken_out()
    for _ in range(2):
        registered.clock.at += MINUTE
        assert registered.act() == 0
    run = registered.until(RunState.ADOPTED, RunState.DEPLOYED, RunState.FAILED)
    assert (run.state, run.reason) == (RunState.ADOPTED, RunReason.NOT_DEPLOYED_HERE)
    assert registered.aws.seen("UpdateEndpoint") == registered.aws.seen("CreateModel") == 0
    assert registered.endpoint_config() == (OLD_CONFIG if goes_back else THEIRS)
    assert status(registered, run) == "Approved"
    assert registered.eras()[1].baseline_id == run.new_baseline_id


def test_a_champion_whose_config_was_never_known_is_not_given_the_challengers(registered: Rig) -> None:
    """Whoever observes notices the owner's config before the run does."""
    run = registered.runs()[0]
    with writing(registered.engine) as connection:
        connection.execute(update(deployments).values(endpoint_config=null(), model_package=null()))
    approves(registered, run)
    deploys(registered, run, seen=True)
    assert [era.endpoint_config for era in registered.eras()] == [None, THEIRS]
    run = registered.until(RunState.ADOPTED, RunState.DEPLOYED, RunState.FAILED)
    assert (run.state, run.reason) == (RunState.ADOPTED, RunReason.NOT_DEPLOYED_HERE)
    assert registered.aws.seen("UpdateEndpoint") == registered.aws.seen("CreateModel") == 0
    first, theirs = registered.eras()
    assert (theirs.model_package, theirs.baseline_id) == (run.model_package, run.new_baseline_id)
    assert first.baseline_id != theirs.baseline_id


def test_an_alarm_that_is_not_there_ends_no_run_whose_version_serves(registered: Rig) -> None:
    run = registered.runs()[0]
    rollout = {"traffic": "all-at-once", "alarms": ("abalone-5xx",)}
    registered.retrain = {**registered.retrain, "rollout": rollout}
    approves(registered, run)
    deploys(registered, run, seen=False)
    run = registered.until(RunState.DEPLOYED, RunState.FAILED)
    assert (run.state, status(registered, run)) == (RunState.DEPLOYED, "Approved")


def test_a_run_that_fails_leaves_a_version_that_serves(registered: Rig) -> None:
    run = registered.runs()[0]
    (registered.folder / "output" / run.name / "captured-predictions.csv").unlink()
    approves(registered, run)
    deploys(registered, run, seen=True)
    run = registered.until(RunState.FAILED)
    assert run.told.endswith(" Its version serves the endpoint, and is not rejected.")
    assert status(registered, run) == "Approved"


def test_a_cancelled_run_leaves_a_version_that_serves(registered: Rig) -> None:
    """Where AWS does not answer nobody knows whether a version serves that a person cancels."""
    run = registered.runs()[0]
    deploys(registered, run, seen=True)
    registered.aws.meets("DescribeEndpoint", Fault.THROTTLE)
    registered.say(actions.cancel)
    assert registered.act() == 0
    run = registered.until(RunState.CANCELLED)
    assert run.told == "Cancelled by hand. Its version serves the endpoint, and is not rejected."
    assert status(registered, run) == "PendingManualApproval"


def test_what_the_champions_baseline_judged_says_nothing_of_its_predictions(registered: Rig) -> None:
    """They deploy before they approve: until then its windows are held against the champion's predictions."""
    run = registered.runs()[0]
    deploys(registered, run, seen=False)
    registered.package = run.model_package or ""
    registered.answered_by_challenger(error=9.0)
    registered.clock.at += timedelta(minutes=1)
    registered.pass_hours("changed", labels=0)
    registered.retrain = {**registered.retrain, "watch": {"windows": 2, "errors": 1.0}}
    approves(registered, run)
    registered.until(RunState.DEPLOYED)
    assert registered.act() == 0
    assert registered.runs()[0].reason is RunReason.IN_SERVICE
    registered.pass_hours("changed", labels=0)
    run = registered.until(RunState.ROLLED_BACK)
    assert "from what the challenger predicted before its rollout" in run.told
