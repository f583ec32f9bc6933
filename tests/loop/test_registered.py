"""What a version is registered with: its baselines in Model Monitor's formats, and where it all came from."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from baselines.quality import constraints, statistics
from baselines.quality.constraints import Operator
from store import runs
from store.engine import reading
from store.retraining import RunState
from tests.loop.rig import Rig


def content(uri: str) -> bytes:
    return Path(uri.removeprefix("file://")).read_bytes()


def test_a_version_tells_how_it_was_judged_and_what_it_was_made_of(breached: Rig) -> None:
    run = breached.until(RunState.DEPLOYED)
    sagemaker = breached.aws.direct.client("sagemaker")
    package = sagemaker.describe_model_package(ModelPackageName=run.model_package)
    assert package["ModelMetrics"]["ModelQuality"] == package["DriftCheckBaselines"]["ModelQuality"]
    places = package["DriftCheckBaselines"]["ModelQuality"]
    told = statistics.read(content(places["Statistics"]["S3Uri"]), "statistics.json")
    bounds = constraints.read(content(places["Constraints"]["S3Uri"]), "constraints.json").bounds
    with reading(breached.engine) as connection:
        (trial,) = runs.trials_of(connection, run.id)
        events = runs.events(connection, run.id)
        calls = {call.name: json.loads(call.request) for call in runs.all_effects(connection, run.id)}
    assert (told.item_count, told.evaluation_time) == (trial.count, run.judged_end)
    assert told.quality.metrics["rmse"].value == pytest.approx(trial.challenger)
    assert bounds["rmse"].threshold == pytest.approx(trial.challenger)
    assert bounds["rmse"].operator is Operator.GREATER_THAN
    assert set(bounds) == {"mae", "mse", "rmse", "r2"}
    manifest = json.loads((breached.folder / "output" / run.name / "manifest.json").read_text())
    found = package["CustomerMetadataProperties"]
    assert found["kedge-code-version"] == "a1b2c3d"
    assert found["kedge-captured-records"] == "160"
    assert found["kedge-captured-ids-sha256"] == manifest["training"]["ids_sha256"]
    assert found["kedge-captured-from"] == manifest["training"]["first"]
    assert found["kedge-breach"].startswith("Retrain. rmse")
    card = json.loads(calls["register"]["ModelCard"]["ModelCardContent"])
    assert card["additional_information"]["custom_details"]["why"] == events[0].told
    assert card["evaluation_details"][0]["metric_groups"][0]["metric_data"][0]["value"] == trial.challenger
    assert card["training_details"]["training_observations"].startswith("Trained on 160 captured records")
    assert not (breached.folder / "output" / run.name / "model_quality" / "baseline.csv").exists()
