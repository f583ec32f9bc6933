"""How runs end: each in a state, for a reason, with a sentence that says why."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from moto.sagemaker.models import sagemaker_backends

from retrain import actions
from store import runs
from store.engine import reading
from store.retraining import Helped, RunReason, RunState
from tests.clock import HOUR, MINUTE
from tests.faults import Fault
from tests.loop import world
from tests.loop.rig import ENDPOINT, GROUP, OLD_CONFIG, ROWS, Rig
from tests.observing.replica import until

BEFORE_THE_ERA = 27
"""So many requests of the hour in which the breach's challenger is deployed are answered by the champion."""


def untouched(rig: Rig) -> bool:
    """Whether the champion serves as before, and nothing was registered."""
    return rig.endpoint_config() == OLD_CONFIG and not rig.packages() and len(rig.eras()) == 1


def test_a_better_challenger_is_adopted(rig: Rig) -> None:
    rig.breach()
    rig.until(RunState.DEPLOYED)
    rig.answered_by_challenger()
    rig.pass_hours("changed")
    run = rig.until(RunState.ADOPTED)
    assert (run.reason, run.helped) == (RunReason.FIRST_WINDOWS_GOOD, Helped.HELPED)
    assert rig.endpoint_config() == run.name
    assert list(rig.packages().values()) == ["Approved"]
    first, second = rig.eras()
    assert (second.endpoint_config, second.model_package) == (run.name, run.model_package)
    assert second.baseline_id == run.new_baseline_id != first.baseline_id
    assert len(rig.runs()) == 1


def test_a_challenger_that_is_no_better_leaves_everything_as_it_is(breached: Rig) -> None:
    breached.trainer = "shuffled"
    run = breached.until(RunState.LOST)
    assert run.reason is RunReason.NOT_BETTER
    assert "not shown to be better: rmse" in run.told
    assert untouched(breached)


@pytest.mark.parametrize(
    ("wrong", "reason", "sentence"),
    [
        ("fails", RunReason.TARGET_FAILED, "CommandFailed: the command ended with status 7"),
        ("no image", RunReason.BAD_OUTPUT, "lacks image: see docs/retraining.md"),
        ("no numbers", RunReason.BAD_OUTPUT, "no CSV with a column of numbers called prediction"),
        ("too few rows", RunReason.BAD_OUTPUT, "fewer than fresh.csv's 80: score every row, in order"),
        ("another file", RunReason.BAD_OUTPUT, "has 160 rows, more than fresh.csv's 80: score every row"),
        ("no file", RunReason.BAD_OUTPUT, "there is no file"),
    ],
)
def test_a_pipeline_that_goes_wrong_fails_the_run_with_its_cause(
    breached: Rig, wrong: str, reason: RunReason, sentence: str
) -> None:
    breached.trainer = wrong
    run = breached.until(RunState.FAILED)
    assert run.reason is reason
    assert sentence in run.told
    assert untouched(breached)


@pytest.fixture
def registering(breached: Rig) -> Rig:
    """A workflow that registers its version itself, approved."""
    containers = [{"Image": world.IMAGE, "ModelDataUrl": breached.uri("models/1/model.csv")}]
    created = breached.aws.direct.client("sagemaker").create_model_package(
        ModelPackageGroupName=GROUP,
        ModelApprovalStatus="Approved",
        InferenceSpecification={
            "Containers": containers,
            "SupportedContentTypes": ["text/csv"],
            "SupportedResponseMIMETypes": ["text/csv"],
        },
    )
    breached.trainer = f"registered {created['ModelPackageArn']}"
    return breached


@pytest.mark.parametrize("wrong", ["too few rows", "no answers"])
def test_what_a_workflow_registered_is_rejected_where_its_answer_is_none(
    registering: Rig, wrong: str
) -> None:
    registering.trainer = f"{wrong} {registering.trainer}"
    registering.aws.meets("UpdateModelPackage", Fault.THROTTLE)
    assert registering.until(RunState.FAILED).reason is RunReason.BAD_OUTPUT
    assert list(registering.packages().values()) == ["Rejected"]


def test_what_a_workflow_registered_is_rejected_where_labels_never_come(registering: Rig) -> None:
    asked = registering.until(RunState.STARTED)
    registering.write(f"labels/{registering.hours[-1].start:%Y/%m/%d/%H}/00-00-000-a.jsonl", b"")
    registering.observe()
    registering.until(RunState.WAITING)
    registering.clock.at = asked.requested_at + timedelta(days=2, minutes=1)
    assert registering.until(RunState.FAILED).reason is RunReason.NO_LABELS
    assert list(registering.packages().values()) == ["Rejected"]


def test_what_is_approved_is_rejected_where_its_baseline_cant_be_made(registering: Rig) -> None:
    registering.retrain = {"approval": "manual"}
    run = registering.until(RunState.REGISTERED)
    (registering.folder / "output" / run.name / "captured-predictions.csv").unlink()
    registering.retrain = {}
    registering.say(actions.approve)
    run = registering.until(RunState.FAILED)
    assert list(registering.packages().values()) == ["Rejected"], run.told


def test_a_version_that_the_registry_does_not_know_is_told_beside_what_failed(breached: Rig) -> None:
    breached.trainer = f"too few rows registered {breached.package}0"
    run = breached.until(RunState.FAILED)
    assert untouched(breached), run.told


def test_a_training_set_of_the_owner_that_is_not_there_fails_the_run(breached: Rig) -> None:
    breached.training = {"original": breached.uri("nowhere/set.csv")}
    run = breached.until(RunState.FAILED)
    assert run.reason is RunReason.BAD_TRAINING_SET
    assert "nowhere" in run.told
    assert untouched(breached)


def test_training_that_takes_too_long_is_stopped(breached: Rig) -> None:
    breached.trainer = "endless"
    breached.training = {"time_limit": "2h"}
    started = breached.until(RunState.STARTED)
    assert breached.act() == 0
    breached.clock.at = started.deadline + MINUTE
    run = breached.until(RunState.TIMED_OUT)
    assert run.reason is RunReason.OUT_OF_TIME
    assert f"{started.deadline:%Y-%m-%d %H:%M} UTC" in run.told
    assert (breached.folder / "runs" / run.name / "cancel").exists()
    assert untouched(breached)


def test_a_target_that_runs_out_of_its_own_time_has_timed_out(breached: Rig) -> None:
    breached.trainer = "endless"
    breached.training = {"time_limit": "1s"}
    run = breached.until(RunState.TIMED_OUT)
    assert run.reason is RunReason.TARGET_TIMED_OUT
    assert run.told == "The target ran out of its time."
    assert untouched(breached)


def test_a_run_that_waited_for_labels_has_all_of_its_time_to_train(breached: Rig) -> None:
    breached.training = {"time_limit": "2h", "minimum": 200}
    asked = breached.until(RunState.REQUESTED)
    assert asked.reason is RunReason.WAITING_FOR_LABELS
    breached.pass_hours("changed", "changed", "changed")
    run = breached.until(RunState.STARTED, RunState.TRAINED, RunState.WON, RunState.DEPLOYED)
    assert breached.clock.at - asked.requested_at > timedelta(hours=2)
    assert run.deadline == breached.clock.at + 2 * HOUR


def test_a_run_waits_for_labels_and_begins_when_they_come(rig: Rig) -> None:
    rig.pass_hours("quiet", "changed", "changed", "changed", labels=30)
    asked = rig.until(RunState.REQUESTED)
    assert asked.reason is RunReason.WAITING_FOR_LABELS
    assert "90 captured records have a label so far: 100 to train on and 50 to judge on" in asked.told
    assert rig.act() == 0
    rig.label_all()
    assert rig.until(RunState.DEPLOYED).judged_start == rig.hours[-1].start


def test_a_run_that_waits_for_labels_asks_the_ledger_alone(rig: Rig) -> None:
    """Captures are read when there are enough: here they are out of reach until then."""
    rig.pass_hours("quiet", "changed", "changed", "changed", labels=30)
    away = (rig.folder / "captures").rename(rig.folder / "away")
    asked = rig.until(RunState.REQUESTED)
    assert "90 captured records have a label so far: 100 to train on and 50 to judge on" in asked.told
    away.rename(rig.folder / "captures")
    rig.label_all()
    rig.until(RunState.DEPLOYED)


def test_labels_that_come_days_later_are_trained_on(breached: Rig) -> None:
    """Long after the windows were settled: the ledger waits for them as long as label_horizon."""
    breached.clock.at += timedelta(days=5)
    breached.observe()  # and its daily sweep
    run = breached.until(RunState.DEPLOYED)
    assert run.judged_start == breached.hours[-1].start


def test_a_run_whose_labels_never_come_fails(breached: Rig) -> None:
    breached.training = {"minimum": 5000, "wait": "6h"}
    asked = breached.until(RunState.REQUESTED)
    breached.clock.at = asked.requested_at + 6 * HOUR
    assert breached.act() == 0
    breached.clock.at += MINUTE
    run = breached.until(RunState.FAILED)
    assert run.reason is RunReason.NO_LABELS
    assert "5000 to train on" in run.told
    assert untouched(breached)


def test_labels_that_are_taken_back_are_waited_for(breached: Rig) -> None:
    run = breached.until(RunState.STARTED)
    labels = f"labels/{breached.hours[-1].start:%Y/%m/%d/%H}/00-00-000-a.jsonl"
    known = (breached.folder / labels).read_bytes()
    breached.write(labels, b"")
    breached.observe()
    run = breached.until(RunState.WAITING)
    assert run.told == "0 labelled records to judge by, and 50 are wanted."
    assert breached.act() == 0
    breached.write(labels, known)
    breached.observe()
    breached.until(RunState.DEPLOYED)


def backend() -> Any:
    return sagemaker_backends["123456789012"]["eu-west-1"]


def test_an_endpoint_that_fails_at_the_rollout_fails_the_run(breached: Rig) -> None:
    breached.aws.meets("DescribeEndpoint", *[None] * 2, Fault.THROTTLE)  # of its plan, its update, its wait
    breached.until_so(lambda run: run.reason is RunReason.ROLLING_OUT)
    assert until(lambda: breached.endpoint_config() != OLD_CONFIG)
    endpoint = backend().endpoints[ENDPOINT]
    endpoint.endpoint_status, endpoint.failure_reason = "Failed", "the container does not answer /ping"
    run = breached.until(RunState.FAILED)
    assert run.reason is RunReason.ROLLOUT_FAILED
    assert "the container does not answer /ping" in run.told
    assert len(breached.eras()) == 1


def test_an_answer_from_before_the_update_ends_nothing(breached: Rig) -> None:
    """DescribeEndpoint may still tell of the earlier config when UpdateEndpoint was accepted."""
    breached.aws.meets("DescribeEndpoint", *[None] * 2, Fault.THROTTLE)  # of its plan, its update, its wait
    breached.until_so(lambda run: run.reason is RunReason.ROLLING_OUT)
    assert until(lambda: breached.endpoint_config() != OLD_CONFIG)
    endpoint = backend().endpoints[ENDPOINT]
    new, endpoint.endpoint_config_name = endpoint.endpoint_config_name, OLD_CONFIG
    assert breached.act() == 0
    endpoint.endpoint_config_name = new
    assert breached.until(RunState.DEPLOYED).new_endpoint_config == new


def test_an_endpoint_that_stays_on_the_earlier_config_fails_the_run(breached: Rig) -> None:
    breached.aws.meets("DescribeEndpoint", *[None] * 2, Fault.THROTTLE)  # of its plan, its update, its wait
    breached.until_so(lambda run: run.reason is RunReason.ROLLING_OUT)
    assert until(lambda: breached.endpoint_config() != OLD_CONFIG)
    backend().endpoints[ENDPOINT].endpoint_config_name = OLD_CONFIG
    assert breached.act() == 0
    breached.clock.at += 11 * MINUTE
    run = breached.until(RunState.FAILED)
    assert run.told == (
        f"The endpoint is on {OLD_CONFIG}, not on {run.name}: it stayed on its earlier config, or went back "
        "to it, and SageMaker gave no reason"
    )


def test_a_rollout_of_none_ends_with_an_approved_version(breached: Rig) -> None:
    breached.retrain = {"rollout": "none"}
    run = breached.until(RunState.ADOPTED)
    assert (run.reason, run.helped) == (RunReason.NOT_DEPLOYED_HERE, Helped.UNKNOWN)
    assert breached.packages() == {run.model_package: "Approved"}
    assert breached.endpoint_config() == OLD_CONFIG
    assert len(breached.eras()) == 1


def test_first_windows_that_are_worse_bring_the_earlier_config_and_baseline_back(rig: Rig) -> None:
    rig.breach()
    deployed = rig.until(RunState.DEPLOYED)
    rig.answered_by_challenger(mirrored=True)
    rig.pass_hours("changed")
    run = rig.until(RunState.ROLLED_BACK)
    assert (run.reason, run.helped) == (RunReason.FIRST_WINDOWS_WORSE, Helped.NOT)
    assert "The new model is worse than the one before: rmse" in run.told
    assert rig.endpoint_config() == OLD_CONFIG
    first, second, third = rig.eras()
    assert second.id == deployed.new_deployment_id
    assert (third.endpoint_config, third.baseline_id, third.model_package) == (
        OLD_CONFIG,
        first.baseline_id,
        first.model_package,
    )
    rig.observe()
    assert rig.eras() == (first, second, third)
    assert rig.act() == 0


def test_a_service_that_notices_the_way_back_first_changes_nothing(breached: Rig) -> None:
    breached.until(RunState.DEPLOYED)
    breached.answered_by_challenger(mirrored=True)
    breached.pass_hours("changed")
    breached.until_so(lambda run: run.reason is RunReason.FIRST_WINDOWS_WORSE)
    breached.clock.at += HOUR
    assert until(lambda: breached.endpoint_config() == OLD_CONFIG)
    breached.observe()
    breached.until(RunState.ROLLED_BACK)
    first, _, third = breached.eras()
    assert (third.endpoint_config, third.baseline_id) == (OLD_CONFIG, first.baseline_id)


def test_without_labels_after_the_rollout_nobody_knows_whether_it_helped(breached: Rig) -> None:
    breached.entry = {"label_horizon": "12h"}
    deployed = breached.until(RunState.DEPLOYED)
    breached.answered_by_challenger()
    breached.pass_hours("changed", labels=0)
    assert breached.act() == 0
    breached.clock.at = deployed.updated_at + 12 * HOUR + MINUTE
    run = breached.until(RunState.ADOPTED)
    assert (run.reason, run.helped) == (RunReason.NO_LABELS, Helped.UNKNOWN)


def test_a_few_labels_do_not_say_that_it_is_good(breached: Rig) -> None:
    breached.until(RunState.DEPLOYED)
    breached.answered_by_challenger()
    breached.pass_hours("changed", labels=BEFORE_THE_ERA + 2)
    assert breached.act() == 0
    breached.pass_hours("changed", labels=49)
    assert breached.act() == 0
    breached.label_all()
    run = breached.until(RunState.ADOPTED)
    assert run.helped is Helped.HELPED
    assert f"on {ROWS - BEFORE_THE_ERA} records" in run.told


def test_a_few_labels_do_not_bring_the_earlier_config_back(breached: Rig) -> None:
    breached.until(RunState.DEPLOYED)
    breached.answered_by_challenger(mirrored=True)
    breached.pass_hours("changed", labels=BEFORE_THE_ERA + 30)
    assert breached.act() == 0
    breached.pass_hours("changed", labels=30)
    run = breached.until(RunState.ROLLED_BACK)
    assert "on 60 records" in run.told


def test_the_model_is_handed_all_of_its_inputs_in_their_order(breached: Rig) -> None:
    breached.entry = {"exclude": ("length",)}
    run = breached.until(RunState.DEPLOYED)
    header = (breached.folder / "output" / run.name / "training.csv").read_text().splitlines()[0]
    assert header == ",".join([world.LABEL, *world.FEATURES])
    # and the next era reads its captures by the same places
    breached.answered_by_challenger()
    breached.pass_hours("changed")
    assert breached.until(RunState.ADOPTED).helped is Helped.HELPED


def test_an_endpoint_that_answers_more_than_one_column_wants_its_columns_named(breached: Rig) -> None:
    breached.entry = {"prediction": "rings", "output_columns": ("rings", "length")}
    breached.act()
    run = breached.runs()[0]
    assert (run.state, run.reason) == (RunState.FAILED, RunReason.BAD_TRAINING_SET)
    assert "name its columns in kedge.yaml" in run.told


def test_a_challenger_that_forgot_the_old_world_is_refused_where_the_owner_asks_for_that(
    breached: Rig,
) -> None:
    breached.write("sets/test.csv", world.dataset(9, rows=200))
    breached.write("sets/training.csv", world.dataset(8, rows=50))
    breached.training = {"test": breached.uri("sets/test.csv"), "original": breached.uri("sets/training.csv")}
    breached.retrain = {"accept": "rmse < champion and rmse(test) < 1.25 * champion"}
    run = breached.until(RunState.LOST)
    assert "does not meet rmse < champion and rmse(test) < 1.25 * champion" in run.told
    training = (breached.folder / "output" / run.name / "training.csv").read_text().splitlines()
    assert len(training) == 1 + 50 + 160
    with reading(breached.engine) as connection:
        trials = {trial.dataset: trial for trial in runs.trials_of(connection, run.id)}
    assert trials["fresh"].high < 0 < trials["test"].low
