"""The first windows after a rollout: a model that fails goes back before labels come, a good one stays."""

from __future__ import annotations

from pathlib import Path

import pytest

from demo.aws import LocalAws
from store import windows
from store.engine import writing
from store.records import ExecutionKind, MetricRow
from store.retraining import Helped, Run, RunReason, RunState
from tests.clock import HOUR
from tests.faults import Fault
from tests.loop.rig import ENDPOINT, OLD_CONFIG, Rig
from tests.loop.yard import standing, yard
from tests.observing.replica import Replica, until
from tests.store import world


def deployed(rig: Rig, **watch: object) -> Run:
    """The run of a world that changed, its model in service."""
    rig.retrain = {"watch": {"windows": 2, **watch}}
    return rig.until(RunState.DEPLOYED)


def require_back(rig: Rig, run: Run) -> None:
    """The exact earlier config is in force with its baseline, and the package rejected, with the reason."""
    assert run.state is RunState.ROLLED_BACK
    assert (run.reason, run.helped) == (RunReason.FIRST_WINDOWS_WORSE, Helped.NOT)
    assert rig.endpoint_config() == OLD_CONFIG
    first, second, third = rig.eras()
    assert second.id == run.new_deployment_id
    assert (third.endpoint_config, third.baseline_id) == (OLD_CONFIG, first.baseline_id)
    assert rig.packages() == {run.model_package: "Rejected"}
    described = rig.aws.direct.client("sagemaker").describe_model_package(ModelPackageName=run.model_package)
    assert described["ApprovalDescription"].startswith(f"Rolled back to endpoint config {OLD_CONFIG}. ")
    assert run.told[:60] in described["ApprovalDescription"]
    capture = rig.aws.direct.client("sagemaker").describe_endpoint(EndpointName=ENDPOINT)["DataCaptureConfig"]
    assert capture["CaptureStatus"] == "Started"


def test_predictions_that_moved_alone_go_back_before_any_label(breached: Rig) -> None:
    deployed(breached)
    breached.answered_by_challenger(error=9.0)
    breached.pass_hours("changed", labels=0)
    run = breached.until(RunState.ROLLED_BACK)
    require_back(breached, run)
    assert "beyond chance, from what the challenger predicted before its rollout" in run.told
    assert "no input drifted" in run.told


def test_a_model_whose_labels_alone_show_that_it_is_worse_goes_back(breached: Rig) -> None:
    deployed(breached)
    breached.answered_by_challenger(mirrored=True)
    breached.pass_hours("changed", labels=0)
    assert breached.act() == 0
    breached.label_all()
    run = breached.until(RunState.ROLLED_BACK)
    require_back(breached, run)
    assert "The new model is worse than the one before: rmse" in run.told


@pytest.mark.parametrize("said", ["Internal error", "1.0,2.0,3.0"], ids=["no number", "unreadable"])
def test_a_model_whose_answers_are_errors_goes_back(breached: Rig, said: str) -> None:
    deployed(breached)
    breached.answered_by_challenger()
    breached.pass_hours("changed", labels=0, failing=20, said=said)
    run = breached.until(RunState.ROLLED_BACK)
    require_back(breached, run)
    assert "could not be read or have no answer, more than 5.0%, where 0.0% of" in run.told


def test_errors_that_the_champion_had_too_are_not_the_new_models(breached: Rig) -> None:
    breached.pass_hours("changed", "changed", failing=3, said="1.0,2.0,3.0")  # less than a data fault
    deployed(breached, errors=0.0)
    breached.answered_by_challenger()
    breached.pass_hours("changed", "changed", failing=3, said="1.0,2.0,3.0")
    assert breached.until(RunState.ADOPTED).helped is Helped.HELPED


def test_inputs_that_cant_be_read_are_no_models_errors(breached: Rig) -> None:
    deployed(breached)
    breached.answered_by_challenger()
    breached.pass_hours("changed", "changed", labels=0, wide=40)
    assert breached.act() == 0
    assert breached.runs()[0].state is RunState.DEPLOYED
    breached.label_all()
    assert breached.until(RunState.ADOPTED).helped is Helped.HELPED


def test_answers_that_cant_be_read_are_its_errors_among_such_inputs_too(breached: Rig) -> None:
    deployed(breached)
    breached.answered_by_challenger()
    breached.pass_hours("changed", "changed", labels=0, wide=20, failing=20, said="1.0,2.0,3.0")
    run = breached.until(RunState.ROLLED_BACK)
    assert run.told.startswith("35.4% (")
    assert "of 113 records since the rollout could not be read" in run.told


def test_bounds_that_are_never_exceeded_leave_it_to_the_labels(breached: Rig) -> None:
    deployed(breached, predictions=1.0, errors=1.0)
    breached.answered_by_challenger(error=9.0)
    breached.pass_hours("changed", labels=0, failing=2)
    assert breached.act() == 0
    breached.label_all()
    assert "worse than the one before" in breached.until(RunState.ROLLED_BACK).told


def test_a_good_model_stays(breached: Rig) -> None:
    deployed(breached)
    breached.answered_by_challenger()
    breached.pass_hours("changed", "changed", labels=0)
    assert breached.act() == 0
    breached.label_all()
    assert breached.until(RunState.ADOPTED).helped is Helped.HELPED
    assert breached.endpoint_config() != OLD_CONFIG


def test_the_first_windows_are_the_models_own_however_many_others_follow(breached: Rig) -> None:
    run = deployed(breached)
    breached.answered_by_challenger()
    after = breached.clock.at + 99 * HOUR
    starts = [after + at * HOUR for at in range(500)]
    with writing(breached.engine) as connection:
        windows.touch(
            connection,
            run.monitor_id,
            [(start, start + HOUR, "Shadow", run.new_deployment_id or 0) for start in starts],
        )
        for window in windows.between(connection, run.monitor_id, after, starts[-1] + HOUR):
            measured = world.verdict(ExecutionKind.MODEL_QUALITY, metrics=(MetricRow("rmse", 9, 9, 9, 80),))
            world.judge(connection, window, measured)
    breached.pass_hours("changed", "changed")
    breached.act()
    assert breached.runs()[0].state is RunState.ADOPTED


@pytest.mark.parametrize("exclude", [(), ("length",)], ids=["watched", "excluded"])
def test_a_good_model_in_a_world_that_moves_on_is_left_to_its_labels(
    breached: Rig, exclude: tuple[str, ...]
) -> None:
    """Where nobody looks at the input that moved, too."""
    breached.entry = {"exclude": exclude}
    breached.observe()
    deployed(breached)
    breached.answered_by_challenger()
    breached.pass_hours("quiet", labels=0)  # inputs and predictions both move
    assert breached.act() == 0
    assert breached.runs()[0].state is RunState.DEPLOYED


def test_captures_that_cease_with_the_rollout_send_it_back(breached: Rig) -> None:
    breached.pass_hours(*["changed"] * 22)
    deployed(breached)
    breached.clock.at += 2 * HOUR
    breached.turn()
    assert breached.act() == 0  # the second whole window is not over
    breached.clock.at += HOUR
    assert breached.act() == 0  # nobody has looked yet what came in it
    breached.turn()
    run = breached.until(RunState.ROLLED_BACK)
    require_back(breached, run)
    assert "0 records came in the first 2 windows since the rollout, where not one of the" in run.told


def test_captures_that_ceased_send_it_back_however_late_kedge_looks(breached: Rig) -> None:
    breached.pass_hours(*["changed"] * 22)
    deployed(breached)
    breached.clock.at += 30 * HOUR  # it was down, or behind
    assert breached.act() == 0
    breached.turn()
    require_back(breached, breached.until(RunState.ROLLED_BACK))


@pytest.mark.parametrize(
    ("windows", "hours", "lateness"),
    [(2, 3, "48h"), (1, 2, "48h"), (2, 4, "1h")],
    ids=["away", "late", "gone"],
)
def test_a_model_is_not_silent_while_kedge_has_not_looked(
    breached: Rig, windows: int, hours: int, lateness: str
) -> None:
    """Nor where Kedge was away for so long that it does not look at the first windows any more."""
    breached.entry = {"lateness": lateness}
    breached.pass_hours(*["changed"] * 22)
    deployed(breached, windows=windows)
    breached.answered_by_challenger()
    breached.pass_hours(*["changed"] * hours, labels=0, seen=False)
    assert breached.act() == 0
    breached.turn()
    assert breached.act() == 0
    assert breached.runs()[0].state is RunState.DEPLOYED


@pytest.mark.timeout(300)
def test_the_service_itself_brings_the_earlier_config_back(tmp_path: Path) -> None:
    database = f"sqlite:///{tmp_path}/kedge.db"
    with LocalAws(update_seconds=0.3) as aws, yard(31, tmp_path, database, aws) as made:
        with Replica(made.config, made.environment, log=tmp_path / "serve.log") as replica:
            made.answering.off = 9.0
            run = made.play()
            assert replica.stop() == 0
        found, first = standing(made), made.stage.endpoint_config
    assert run.state is RunState.ROLLED_BACK
    assert "no input drifted" in run.told
    assert (found.endpoint_config, found.capture) == (first, "Started")
    assert found.eras == [(first, 1), (run.name, 2), (first, 1)]
    assert sorted(status for _, status in found.packages) == ["Approved", "Rejected"]


def test_a_rollout_that_goes_back_is_gone_back_from_once(breached: Rig) -> None:
    deployed(breached)
    breached.answered_by_challenger(error=9.0)
    breached.pass_hours("changed", labels=0)
    breached.until(RunState.ROLLED_BACK)
    assert until(lambda: breached.endpoint_config() == OLD_CONFIG)
    assert breached.act() == 0
    assert breached.aws.seen("UpdateEndpoint") == 2


def test_a_way_back_that_sagemaker_refuses_is_told_and_the_model_disowned(breached: Rig) -> None:
    ssm, name = breached.aws.direct.client("ssm"), "ModelPackageName"
    ssm.put_parameter(Name=name, Value="the-champion", Type="String")
    breached.retrain = {"ssm": {"model_package": name}}
    run = breached.until(RunState.DEPLOYED)
    breached.act()
    assert ssm.get_parameter(Name=name)["Parameter"]["Value"] == run.model_package
    breached.answered_by_challenger(error=9.0)
    breached.aws.direct.client("sagemaker").delete_endpoint_config(EndpointConfigName=OLD_CONFIG)
    breached.aws.meets("UpdateModelPackage", Fault.THROTTLE)
    breached.pass_hours("changed", labels=0)
    run = breached.until(RunState.FAILED)
    assert (run.reason, run.helped) == (RunReason.ROLLOUT_FAILED, Helped.NOT)
    assert "from what the challenger predicted before its rollout" in run.told
    assert "The endpoint could not be set back: UpdateEndpoint of endpoint abalone was refused" in run.told
    assert breached.packages() == {run.model_package: "Rejected"}
    assert ssm.get_parameter(Name=name)["Parameter"]["Value"] == "the-champion"


def test_a_version_that_is_gone_from_the_registry_keeps_no_way_back_from_its_end(breached: Rig) -> None:
    ssm, name = breached.aws.direct.client("ssm"), "ModelPackageName"
    ssm.put_parameter(Name=name, Value="the-champion", Type="String")
    breached.retrain = {"ssm": {"model_package": name}}
    run = breached.until(RunState.DEPLOYED)
    breached.act()
    breached.answered_by_challenger(error=9.0)
    sagemaker = breached.aws.direct.client("sagemaker")
    sagemaker.delete_model_package(ModelPackageName=run.model_package)
    breached.pass_hours("changed", labels=0)
    run = breached.until(RunState.ROLLED_BACK)
    assert "from what the challenger predicted before its rollout" in run.told
    assert "Its version in the registry could not be rejected: " in run.told
    assert ssm.get_parameter(Name=name)["Parameter"]["Value"] == "the-champion"
