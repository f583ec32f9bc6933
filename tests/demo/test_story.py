"""The whole loop, played: a real service and worker, an AWS on loopback; a shorter day than the demo's."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from demo import story, survey
from demo.endpoint import ENDPOINT
from demo.script import Plot
from demo.served import ServiceFailedError, free_port
from demo.summary import Summary
from demo.through import Through
from store import decisions, monitors
from store.engine import reading

pytestmark = pytest.mark.timeout(900)  # a minute each where nobody else is on the machine

SHORT: dict[str, Any] = {"quiet_windows": 5, "shifted_windows": 10}


@dataclass(frozen=True)
class Played:
    """How a story went: its summary, the registry's versions, the service's log."""

    summary: Summary
    packages: list[dict[str, Any]]
    log: str
    decided: str
    """What the policy said last, in words."""


def play(folder: Path, through: Through = Through.STEP_FUNCTIONS, **plot: Any) -> Played:
    with story.telling(Plot(**{**SHORT, **plot}), folder, free_port(), lambda line: None, through) as told:
        story.tell_hours(told, lambda at: None)
        sagemaker = told.aws.client("sagemaker")
        group = told.stage.model_package_group
        packages = sagemaker.list_model_packages(ModelPackageGroupName=group)["ModelPackageSummaryList"]
        with reading(told.engine) as connection:
            monitor = monitors.by_name(connection, ENDPOINT)
            assert monitor is not None
            last = decisions.listed(connection, monitor.id)[0]
        return Played(story.result(told), packages, told.served.log.read_text(), last.words)


def test_drift_becomes_a_better_model_once(tmp_path: Path) -> None:
    played = play(tmp_path)
    found = played.summary
    assert (found.retraining_runs, found.executions, found.outcome) == (1, 1, "adopted"), found.reason
    assert found.trial is not None
    assert found.champion_rmse_after is not None
    assert found.challenger_rmse is not None
    assert found.trial["high"] < 0
    # by more than what the trial's interval leaves open
    open_by = found.trial["high"] - (found.trial["challenger"] - found.trial["champion"])
    assert found.champion_rmse_after - found.challenger_rmse > open_by
    assert sorted(each["ModelApprovalStatus"] for each in played.packages) == ["Approved", "Approved"]
    assert found.model_package in {each["ModelPackageArn"] for each in played.packages}
    assert found.model_package_status == "Approved"
    assert found.endpoint_config != found.endpoint_config_before
    assert found.capture_enabled
    assert found.baseline_version == 2
    assert found.quiet_after is True
    assert found.incidents == ["drift"]
    assert '"event": "run_moved"' in played.log


@pytest.mark.parametrize("through", [Through.LOCAL, pytest.param(Through.AIRFLOW, marks=pytest.mark.long)])
def test_another_way_to_train_is_the_same_story(tmp_path: Path, through: Through) -> None:
    played = play(tmp_path, through)
    found = played.summary
    assert (found.retraining_runs, found.executions, found.outcome) == (1, 1, "adopted"), found.reason
    assert found.trial is not None
    assert found.trial["high"] < 0
    assert len(played.packages) == 2
    assert found.model_package_status == "Approved"
    assert found.endpoint_config != found.endpoint_config_before
    assert found.quiet_after is True


@pytest.mark.long
def test_a_pipeline_that_mixes_up_its_labels_changes_nothing(tmp_path: Path) -> None:
    played = play(tmp_path, seed=2, bad_data=True)
    found = played.summary
    assert (found.retraining_runs, found.executions, found.outcome) == (1, 1, "lost"), found.reason
    assert found.endpoint_config == found.endpoint_config_before
    assert len(played.packages) == 1
    assert (found.model_package, found.model_package_status, found.quiet_after) == (None, None, None)
    assert found.baseline_version == 1
    assert found.challenger_rmse is not None


@pytest.mark.parametrize(
    "fault", [pytest.param(False, marks=pytest.mark.long, id="nothing"), pytest.param(True, id="a fault")]
)
def test_what_is_no_drift_is_not_retrained_on(tmp_path: Path, fault: bool) -> None:
    found = play(tmp_path, shift=0.0, fault=fault).summary
    assert (found.retraining_runs, found.executions, found.outcome) == (0, 0, None)
    assert (found.trial, found.reason, found.challenger_rmse) == (None, None, None)
    assert (found.data_faults > 0) is fault
    assert found.endpoint_config == found.endpoint_config_before


def test_a_model_that_is_served_other_inputs_than_it_was_trained_on_is_named_and_not_retrained(
    tmp_path: Path,
) -> None:
    played = play(tmp_path, shift=0.0, skew=True, quiet_windows=2, shifted_windows=6)
    found = played.summary
    assert (found.skew, found.incidents, found.windows_to_detect) == (True, ["skew"], 1)
    assert set(found.drifted_features) >= set(survey.INPUTS)
    assert (found.retraining_runs, found.executions, found.outcome) == (0, 0, None)
    assert found.endpoint_config == found.endpoint_config_before
    assert "training and serving differ" in played.decided
    assert "add up to 1.000 on average in the baseline and to 2.000 now" in played.decided


def test_a_service_that_has_ended_ends_the_story_with_the_end_of_its_log(tmp_path: Path) -> None:
    with story.telling(Plot(**SHORT), tmp_path, free_port(), lambda line: None) as told:
        told.served.stop()
        with pytest.raises(ServiceFailedError, match=r"(?s)kedge serve has ended:\n.*serving"):
            story.tell_hours(told, lambda at: None)


@pytest.mark.long
def test_a_service_that_was_killed_goes_on_where_it_was(tmp_path: Path) -> None:
    with story.telling(Plot(**SHORT), tmp_path, free_port(), lambda line: None) as told:

        def crash(at: int) -> None:
            if at in (2, 9):
                told.served.kill()
                told.served.require_alive()
                told.served.restart()

        story.tell_hours(told, crash)
        found = story.result(told)
    assert (found.retraining_runs, found.executions, found.outcome) == (1, 1, "adopted"), found.reason
    assert found.records == 15 * 240
