"""Model Monitor's files between Kedge and the SageMaker SDK: each loads what the other writes."""

from __future__ import annotations

import json
import os
from typing import Any

import boto3
import numpy as np
import polars as pl
import pytest

from baselines import constraints, statistics
from baselines.profile import profile_frame
from config.distance import Distance
from monitor import violations
from monitor.judge import judge
from objects import open_place
from store.records import Outcome

os.environ.setdefault("SAGEMAKER_PYTHON_SDK_TELEMETRY_OPT_OUT", "true")
BUCKET = "sdk"


@pytest.fixture(scope="module")
def sdk() -> Any:
    """The SDK's module of monitoring files."""
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # its imports are no matter of ours
        from sagemaker.core.model_monitor import monitoring_files
    return monitoring_files


@pytest.fixture
def session(sdk: Any, aws: str) -> Any:
    """A session of the SDK's in the AWS on loopback; given a bucket of its own it asks no other address."""
    from sagemaker.core.helper.session_helper import Session

    boto = boto3.Session(region_name="eu-west-1")
    boto.client("s3").create_bucket(
        Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"}
    )
    return Session(boto_session=boto, default_bucket=BUCKET)


def table(shift: float) -> pl.DataFrame:
    lengths = (np.arange(400) / 400 + shift).round(6)
    return pl.DataFrame(
        {"length": [str(each) for each in lengths], "sex": [("M", "F")[at % 2] for at in range(400)]}
    )


BASELINE = profile_frame(table(0), text=["sex"])
CONSTRAINTS = constraints.suggest(BASELINE)


def stored(sdk_file: Any) -> str:
    """What the SDK saved, where it said."""
    place = open_place(sdk_file.file_s3_uri)
    return place.objects.read(place.prefix).decode()


def test_statistics_that_kedge_writes_and_the_sdk_saves(sdk: Any, session: Any) -> None:
    text = statistics.write(BASELINE)
    loaded = sdk.Statistics.from_string(text, sagemaker_session=session)
    assert loaded.body_dict == json.loads(text)
    loaded.save(f"s3://{BUCKET}/elsewhere/statistics.json")
    again = statistics.read(stored(loaded), "saved")
    assert again == statistics.read(text, "written")
    assert again.rows == 400


def test_constraints_that_kedge_writes_and_the_sdk_saves(sdk: Any, session: Any) -> None:
    text = constraints.write(CONSTRAINTS)
    loaded = sdk.Constraints.from_string(text, sagemaker_session=session)
    assert loaded.body_dict == json.loads(text)
    loaded.save(f"s3://{BUCKET}/elsewhere/constraints.json")
    assert constraints.read(stored(loaded), "saved") == CONSTRAINTS


def test_files_of_a_folder_open_in_the_sdk(sdk: Any, session: Any, tmp_path: Any) -> None:
    (tmp_path / "constraints.json").write_text(constraints.write(CONSTRAINTS))
    loaded = sdk.Constraints.from_file_path(str(tmp_path / "constraints.json"), sagemaker_session=session)
    assert [feature["name"] for feature in loaded.body_dict["features"]] == ["length", "sex"]


def outcomes(read: constraints.Constraints) -> dict[str, set[Outcome]]:
    """The verdict on data that drifted, by feature."""
    found: dict[str, set[Outcome]] = {}
    for check in judge(profile_frame(table(0.5), text=["sex"]), BASELINE, read, Distance.CORRECT).checks:
        found.setdefault(check.feature, set()).add(check.outcome)
    return found


def test_the_switch_of_one_feature_that_the_sdk_sets_changes_the_verdict(sdk: Any, session: Any) -> None:
    loaded = sdk.Constraints.from_string(constraints.write(CONSTRAINTS), sagemaker_session=session)
    assert Outcome.VIOLATED in outcomes(constraints.read(stored(loaded), "saved"))["length"]
    loaded.set_monitoring(False, "length")
    loaded.save()
    off = constraints.read(stored(loaded), "saved")
    assert off.config_for("length").evaluate_constraints is False
    assert off.config_for("sex").evaluate_constraints is True
    found = outcomes(off)
    assert found["length"] == {Outcome.NOT_APPLICABLE}
    assert Outcome.OK in found["sex"]


def test_the_switch_of_the_file_that_the_sdk_sets_turns_every_check_off(sdk: Any, session: Any) -> None:
    loaded = sdk.Constraints.from_string(constraints.write(CONSTRAINTS), sagemaker_session=session)
    loaded.set_monitoring(False)
    loaded.set_monitoring(True, "sex")
    loaded.save()
    found = outcomes(constraints.read(stored(loaded), "saved"))
    assert found["length"] == {Outcome.NOT_APPLICABLE}
    assert Outcome.OK in found["sex"]


def test_the_sdks_switch_joins_the_overrides_that_kedge_wrote(sdk: Any, session: Any) -> None:
    """Kedge writes the documentation's name and the SDK its own: then both stand in one feature."""
    document = json.loads(constraints.write(CONSTRAINTS))
    document["features"][0]["monitoringConfigOverrides"] = {
        "evaluate_constraints": "Enabled",
        "distribution_constraints": {"comparison_threshold": 0.9},
    }
    ours = constraints.read(json.dumps(document), "edited")
    loaded = sdk.Constraints.from_string(constraints.write(ours), sagemaker_session=session)
    loaded.set_monitoring(False, "length")
    loaded.save()
    config = constraints.read(stored(loaded), "saved").config_for("length")
    assert (config.evaluate_constraints, config.comparison_threshold) == (False, 0.9)
    back = sdk.Constraints.from_string(
        constraints.write(constraints.read(stored(loaded), "saved")), sagemaker_session=session
    )
    [override] = [value for key, value in back.body_dict["features"][0].items() if "verrides" in key]
    assert override["evaluate_constraints"] == "Disabled"


def test_violations_that_kedge_writes_open_in_the_sdk(sdk: Any, session: Any) -> None:
    verdict = judge(profile_frame(table(0.5), text=["sex"]), BASELINE, CONSTRAINTS, Distance.CORRECT)
    text = violations.write(verdict.violations)
    loaded = sdk.ConstraintViolations.from_string(text, sagemaker_session=session)
    assert [one["feature_name"] for one in loaded.body_dict["violations"]] == ["length"]


@pytest.mark.parametrize("name", ["cookbook/", "boston/baseline1_", "sdk/"])
def test_real_files_are_read_alike(sdk: Any, session: Any, golden: Any, name: str) -> None:
    folder = golden / "model-monitor"
    file = {"cookbook/": "baseline_statistics.json", "sdk/": "statistics.json"}.get(name, "statistics.json")
    text = (folder / f"{name}{file}").read_text()
    loaded = sdk.Statistics.from_string(text, sagemaker_session=session)
    ours = statistics.read(text, name)
    assert [one["name"] for one in loaded.body_dict["features"]] == list(ours.columns)
    assert loaded.body_dict["dataset"]["item_count"] == ours.rows
    text = (folder / f"{name}constraints.json").read_text()
    switched = sdk.Constraints.from_string(text, sagemaker_session=session)
    feature = switched.body_dict["features"][0]["name"]
    switched.set_monitoring(False, feature)
    switched.save()
    read = constraints.read(stored(switched), name)
    assert read.config_for(feature).evaluate_constraints is False
    assert constraints.read(constraints.write(read), name) == read
