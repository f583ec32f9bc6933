"""constraints.json is read in every spelling in use, written in the documented one, suggested from data."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from baselines import constraints
from baselines.constraints import (
    CategoricalDriftMethod,
    ConfigOverrides,
    Constraints,
    DistanceMethod,
    FeatureConstraints,
    MonitoringConfig,
)
from baselines.profile import DataType, Profile, profile_frame

REAL = ("boston/baseline1_", "boston/baseline2_", "cookbook/")


def text_of(golden: Path, name: str) -> str:
    return (golden / "model-monitor" / f"{name}constraints.json").read_text()


def read(document: dict[str, Any]) -> Constraints:
    return constraints.read(json.dumps(document), "constraints.json")


def a_file(feature: dict[str, Any] | None = None, **monitoring: object) -> dict[str, Any]:
    entry = {"name": "length", "inferred_type": "Fractional", "completeness": 1.0}
    return {"version": 0.0, "features": [entry | (feature or {})], "monitoring_config": monitoring}


def profile(text: tuple[str, ...] = (), **columns: list[str | None]) -> Profile:
    return profile_frame(pl.DataFrame(columns, schema=dict.fromkeys(columns, pl.String)), text=text)


def suggested(text: tuple[str, ...] = (), **columns: list[str | None]) -> FeatureConstraints:
    (feature,) = constraints.suggest(profile(text, **columns)).features
    return feature


@pytest.mark.parametrize("name", REAL)
def test_a_real_file_comes_back_byte_for_byte(golden: Path, name: str) -> None:
    text = text_of(golden, name)
    assert constraints.write(constraints.read(text, name)) == text.rstrip("\n")


def test_the_sdks_file_is_understood_with_its_old_names(golden: Path) -> None:
    found = constraints.read(text_of(golden, "sdk/"), "constraints.json")
    message = found.feature("message")
    assert message is not None
    assert message.domains == ("preproc-not-YET-supported-for-csv-json",)
    assert message.overrides == ConfigOverrides(evaluate_constraints=True, emit_metrics=True)
    assert found.monitoring == MonitoringConfig(comparison_threshold=1.0)
    assert constraints.read(constraints.write(found), "constraints.json") == found


def test_what_a_real_file_says(golden: Path) -> None:
    found = constraints.read(text_of(golden, "cookbook/"), "constraints.json")
    assert found.monitoring == MonitoringConfig()
    assert [feature.name for feature in found.features] == ["label", "a", "b", "c", "d"]
    assert found.feature("a") == FeatureConstraints("a", DataType.FRACTIONAL, 1.0, is_non_negative=False)
    assert found.feature("nothing of the kind") is None


def test_the_defaults_are_those_of_the_files_not_of_the_documentation() -> None:
    config = read({"features": []}).monitoring
    assert config == MonitoringConfig()
    assert (config.datatype_check_threshold, config.domain_content_threshold) == (1.0, 1.0)
    assert (config.comparison_threshold, config.comparison_method) == (0.1, DistanceMethod.ROBUST)


@pytest.mark.parametrize("spelling", ["Simple", "simple", "SIMPLE", "linf_simple", "LINF_SIMPLE"])
def test_a_method_may_be_spelled_in_many_ways(spelling: str) -> None:
    found = read(a_file(distribution_constraints={"comparison_method": spelling}))
    assert found.monitoring.comparison_method is DistanceMethod.SIMPLE
    assert '"comparison_method" : "Simple"' in constraints.write(found)


@pytest.mark.parametrize(
    ("spelling", "on"), [("Disabled", False), ("enabled", True), (False, False), (True, True)]
)
def test_a_switch_may_be_a_word_or_a_boolean(spelling: object, on: bool) -> None:
    found = read(a_file(emit_metrics=spelling)).monitoring
    assert found.emit_metrics is on


def test_the_newer_keys_for_categories() -> None:
    found = read(
        a_file(
            distribution_constraints={
                "categorical_comparison_threshold": 0.2,
                "categorical_drift_method": "ChiSquared",
            }
        )
    )
    assert found.monitoring.categorical_threshold == 0.2
    assert found.monitoring.categorical_drift_method is CategoricalDriftMethod.CHISQUARED
    assert read(json.loads(constraints.write(found))) == found


def test_without_them_categories_are_compared_like_numbers() -> None:
    found = read(a_file(distribution_constraints={"comparison_threshold": 0.3}))
    assert found.monitoring.categorical_threshold == 0.3
    assert found.monitoring.categorical_drift_method is CategoricalDriftMethod.LINFINITY
    assert "categorical" not in constraints.write(found)


OVERRIDE = {
    "evaluate_constraints": "Disabled",
    "distribution_constraints": {"comparison_threshold": 0.5, "perform_comparison": "Disabled"},
}


@pytest.mark.parametrize(
    "feature",
    [
        {"monitoringConfigOverrides": OVERRIDE},
        {"monitoring_config_overrides": OVERRIDE},
        {"string_constraints": {"domains": ["M"], "monitoring_config_overrides": OVERRIDE}},
        {"num_constraints": {"is_non_negative": True, "monitoringConfigOverrides": OVERRIDE}},
    ],
)
def test_overrides_are_found_wherever_they_stand_and_win_over_the_rest(feature: dict[str, Any]) -> None:
    found = read(a_file(feature, distribution_constraints={"comparison_method": "Simple"}))
    config = found.config_for("length")
    assert config.evaluate_constraints is False
    assert config.perform_comparison is False
    assert config.comparison_threshold == 0.5
    assert config.comparison_method is DistanceMethod.SIMPLE
    assert found.config_for("another") == found.monitoring
    entry = json.loads(constraints.write(found))["features"][0]
    assert entry["monitoringConfigOverrides"] == OVERRIDE


def test_overrides_in_several_places_are_taken_together() -> None:
    """A file of the documentation's form in which the SDK then set a switch of its own."""
    textual = {
        "domains": ["M"],
        "monitoring_config_overrides": {"domain_content_threshold": 0.7, "emit_metrics": "Disabled"},
    }
    ours = {"evaluate_constraints": "Enabled", "distribution_constraints": {"comparison_threshold": 0.5}}
    found = read(
        a_file(
            {
                "string_constraints": textual,
                "monitoringConfigOverrides": ours,
                "monitoring_config_overrides": {
                    "evaluate_constraints": "Disabled",
                    "emit_metrics": "Enabled",
                },
            }
        )
    )
    config = found.config_for("length")
    assert config == MonitoringConfig(
        evaluate_constraints=False, domain_content_threshold=0.7, comparison_threshold=0.5
    )
    assert read(json.loads(constraints.write(found))).config_for("length") == config


@pytest.mark.parametrize(
    ("monitoring", "override", "wanted"),
    [
        ("monitoringConfig", {}, MonitoringConfig(comparison_threshold=0.7)),
        (
            "Monitoring_Config",
            {"MonitoringConfigOverrides": {"EvaluateConstraints": "Disabled"}},
            MonitoringConfig(evaluate_constraints=False, comparison_threshold=0.7),
        ),
        (
            "monitoring_config",
            {"monitoringConfigOverrides": {"comparison_threshold": 0.5, "comparisonMethod": "Simple"}},
            MonitoringConfig(comparison_threshold=0.5, comparison_method=DistanceMethod.SIMPLE),
        ),
        (
            "monitoring_config",
            {
                "monitoringConfigOverrides": {
                    "comparison_threshold": 0.4,
                    "DISTRIBUTION_CONSTRAINTS": {"comparison_threshold": 0.5},
                }
            },
            MonitoringConfig(comparison_threshold=0.5),
        ),
    ],
)
def test_keys_are_understood_in_any_case_and_distances_without_their_block(
    monitoring: str, override: dict[str, Any], wanted: MonitoringConfig
) -> None:
    document = a_file(override)
    del document["monitoring_config"]
    document[monitoring] = {"Distribution_Constraints": {"ComparisonThreshold": 0.7}}
    found = read(document)
    assert found.config_for("length") == wanted
    assert read(json.loads(constraints.write(found))) == found


def test_a_completeness_that_is_not_asked_for_stays_so() -> None:
    document = a_file()
    del document["features"][0]["completeness"]
    found = read(document)
    assert found.features[0].completeness is None
    assert "completeness" not in json.loads(constraints.write(found))["features"][0]


@pytest.mark.parametrize("version", [0, 0.0, 1, "1.0", "0", None])
def test_any_version_is_read(version: object) -> None:
    assert read(a_file() | {"version": version}).version == float(str(version or 0))


@pytest.mark.parametrize("block", ["monitoring_config", "version"])
def test_a_block_may_be_missing(block: str) -> None:
    found = read({key: value for key, value in a_file().items() if key != block})
    assert found.config_for("length") == MonitoringConfig()


@pytest.mark.parametrize(
    ("document", "said"),
    [
        ({}, 'it has no "features"'),
        (a_file({"name": None}), 'it has no "features[0].name"'),
        (a_file({"inferred_type": "Number"}), "features[0].inferred_type must be one of Integral"),
        (a_file({"completeness": 1.5}), "features[0].completeness must be a number from 0 to 1"),
        (a_file({"string_constraints": {"domains": [7]}}), "domains must be a list of strings"),
        (
            a_file({"num_constraints": {"is_non_negative": "maybe"}}),
            "is_non_negative must be Enabled or Disabled",
        ),
        (a_file(evaluate_constraints="On"), "evaluate_constraints must be Enabled or Disabled"),
        (a_file(datatype_check_threshold="high"), "datatype_check_threshold must be a number"),
        (
            a_file(distribution_constraints={"comparison_threshold": -1}),
            "monitoring_config.distribution_constraints.comparison_threshold must be a number of at least 0",
        ),
        (
            a_file(datatype_threshold=0.5),
            "monitoring_config.datatype_threshold is no setting of Model Monitor's: write evalu",
        ),
        (
            a_file({"monitoringConfigOverrides": {"distribution_constraints": {"threshold": 0.5}}}),
            "monitoringConfigOverrides.distribution_constraints.threshold is no setting of Model Monitor's: ",
        ),
        (
            a_file(distribution_constraints={"comparison_method": "psi"}),
            "comparison_method must be one of Robust, Simple",
        ),
    ],
)
def test_a_file_that_is_wrong_is_refused_in_a_sentence(document: dict[str, Any], said: str) -> None:
    with pytest.raises(constraints.ConstraintsError) as caught:
        constraints.read(json.dumps(document), "s3://logs/constraints.json")
    assert str(caught.value).startswith("s3://logs/constraints.json is not a data-quality constraints.json")
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("as_text", [False, True])
def test_a_byte_order_mark_is_no_part_of_it(as_text: bool) -> None:
    data = b"\xef\xbb\xbf" + json.dumps(a_file()).encode()
    marked = data.decode() if as_text else data
    assert constraints.read(marked, "constraints.json") == read(a_file())


def test_what_is_not_json_is_refused_with_its_line() -> None:
    with pytest.raises(constraints.ConstraintsError, match="line 2, column"):
        constraints.read('{"features":\n oops}', "constraints.json")


def test_numbers_suggest_their_type_completeness_and_sign() -> None:
    assert suggested(length=["1", "2", None, "4"]) == FeatureConstraints(
        "length", DataType.INTEGRAL, 0.75, is_non_negative=True
    )
    assert suggested(length=["0.5", "-1"]) == FeatureConstraints(
        "length", DataType.FRACTIONAL, 1.0, is_non_negative=False
    )


def test_few_categories_suggest_a_domain() -> None:
    assert suggested(("sex",), sex=["M", "F", "M", "F", "M"]) == FeatureConstraints(
        "sex", DataType.STRING, 1.0, domains=("M", "F")
    )


def test_booleans_suggest_a_domain_of_strings() -> None:
    feature = suggested(("open",), open=["true", "false", "true", "false"])
    assert (feature.inferred_type, feature.domains) == (DataType.STRING, ("false", "true"))


def test_values_that_occur_once_suggest_no_domain() -> None:
    assert suggested(("id",), id=["a", "b", "c", "d"]).domains is None


def test_many_categories_suggest_no_domain() -> None:
    assert suggested(("id",), id=[f"id-{i % 121}" for i in range(1000)]).domains is None
    assert len(suggested(("id",), id=[f"id-{i % 120}" for i in range(1000)]).domains or ()) == 120


def test_nothing_suggests_an_unknown_type_and_no_more() -> None:
    assert suggested(empty=[None, None]) == FeatureConstraints("empty", DataType.UNKNOWN, 0.0)


NAMES = st.text(min_size=1, max_size=10)
SHARES = st.floats(0, 1)
CONFIGS = st.builds(
    MonitoringConfig,
    datatype_check_threshold=SHARES,
    domain_content_threshold=SHARES,
    comparison_threshold=SHARES,
    categorical_comparison_threshold=st.none() | SHARES,
)
OVERRIDES = st.none() | st.builds(
    ConfigOverrides,
    evaluate_constraints=st.none() | st.booleans(),
    domain_content_threshold=st.none() | SHARES,
    comparison_method=st.none() | st.sampled_from(DistanceMethod),
    categorical_drift_method=st.none() | st.sampled_from(CategoricalDriftMethod),
)
FEATURES = st.builds(
    FeatureConstraints,
    name=NAMES,
    inferred_type=st.sampled_from(DataType),
    completeness=SHARES,
    is_non_negative=st.none() | st.booleans(),
    domains=st.none() | st.lists(NAMES, max_size=3).map(tuple),
    overrides=OVERRIDES,
)


@given(st.builds(Constraints, features=st.lists(FEATURES, max_size=4).map(tuple), monitoring=CONFIGS))
def test_whatever_is_written_reads_back(original: Constraints) -> None:
    assert constraints.read(constraints.write(original), "constraints.json") == original
