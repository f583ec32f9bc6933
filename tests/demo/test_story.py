"""The whole loop, played: a real service and worker, an AWS on loopback; a shorter day than the demo's."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from demo import story
from demo.script import Plot
from demo.served import ServiceFailedError, free_port
from demo.summary import Summary

pytestmark = pytest.mark.timeout(900)  # a minute each where nobody else is on the machine

SHORT: dict[str, Any] = {"quiet_windows": 5, "shifted_windows": 10}


@dataclass(frozen=True)
class Played:
    """How a story went: its summary, the registry's versions, the service's log."""

    summary: Summary
    packages: list[dict[str, Any]]
    log: str


def play(folder: Path, **plot: Any) -> Played:
    with story.telling(Plot(**{**SHORT, **plot}), folder, free_port(), lambda line: None) as told:
        story.tell_hours(told, lambda at: None)
        sagemaker = told.aws.client("sagemaker")
        group = told.stage.model_package_group
        packages = sagemaker.list_model_packages(ModelPackageGroupName=group)["ModelPackageSummaryList"]
        return Played(story.result(told), packages, told.served.log.read_text())


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


def test_a_pipeline_that_mixes_up_its_labels_changes_nothing(tmp_path: Path) -> None:
    played = play(tmp_path, seed=2, bad_data=True)
    found = played.summary
    assert (found.retraining_runs, found.executions, found.outcome) == (1, 1, "lost"), found.reason
    assert found.endpoint_config == found.endpoint_config_before
    assert len(played.packages) == 1
    assert (found.model_package, found.model_package_status, found.quiet_after) == (None, None, None)
    assert found.baseline_version == 1
    assert found.challenger_rmse is not None


@pytest.mark.parametrize("fault", [False, True], ids=["nothing", "a fault"])
def test_what_is_no_drift_is_not_retrained_on(tmp_path: Path, fault: bool) -> None:
    found = play(tmp_path, shift=0.0, fault=fault).summary
    assert (found.retraining_runs, found.executions, found.outcome) == (0, 0, None)
    assert (found.trial, found.reason, found.challenger_rmse) == (None, None, None)
    assert (found.data_faults > 0) is fault
    assert found.endpoint_config == found.endpoint_config_before


def test_a_service_that_has_ended_ends_the_story_with_the_end_of_its_log(tmp_path: Path) -> None:
    with story.telling(Plot(**SHORT), tmp_path, free_port(), lambda line: None) as told:
        told.served.stop()
        with pytest.raises(ServiceFailedError, match=r"(?s)kedge serve has ended:\n.*serving"):
            story.tell_hours(told, lambda at: None)


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
