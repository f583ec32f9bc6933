"""The columns of a captured record follow from the endpoint's entry and its baseline."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from baselines.constraints import Constraints, FeatureConstraints
from baselines.profile.types import DataType
from config.model import Endpoint
from monitor.capture.schema import SchemaError, schema_of, schema_of_baseline
from tests.judging.profiles import asking

BASELINE = Constraints(
    (
        FeatureConstraints("rings", DataType.FRACTIONAL),
        FeatureConstraints("sex", DataType.STRING, domains=("M", "F", "I")),
        FeatureConstraints("adult", DataType.BOOLEAN),
        FeatureConstraints("length", DataType.FRACTIONAL),
    )
)


def endpoint(**given: Any) -> Endpoint:
    return Endpoint(name="abalone", capture="s3://logs/capture", **given)


def test_without_a_word_from_the_owner_the_baselines_columns_are_it_output_first() -> None:
    schema = schema_of(endpoint(), BASELINE)
    assert schema.names == ("rings", "sex", "adult", "length")
    assert schema.outputs == ("rings",)
    assert schema.text == {"sex", "adult"}
    assert schema.domains == {"sex": {"M", "F", "I"}}


def test_the_owner_may_name_columns_that_the_baseline_lacks() -> None:
    schema = schema_of(endpoint(columns=("rings", "trace_id", "sex")), BASELINE)
    assert schema.names == ("rings", "trace_id", "sex")
    assert schema.text == {"sex"}


def test_the_prediction_is_the_output_where_no_outputs_are_named() -> None:
    assert schema_of(endpoint(prediction="rings"), BASELINE).outputs == ("rings",)
    two = endpoint(output_columns=("rings", "sex"), prediction="sex")
    assert schema_of(two, BASELINE).outputs == ("rings", "sex")


def test_excluded_columns_hold_their_place() -> None:
    schema = schema_of(endpoint(exclude=("sex",)), BASELINE)
    assert schema.names == ("rings", "sex", "adult", "length")
    assert schema.exclude == {"sex"}


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"exclude": ("weight",)}, "the column 'weight' is neither"),
        ({"prediction": "age"}, "the column 'age' is neither"),
        ({"output_columns": ("sex",)}, "the output columns sex do not come first"),
        ({"prediction": "length"}, "the output columns length do not come first"),
        ({"columns": ("@time", "rings")}, "'@time' begins with @"),
    ],
)
def test_columns_that_do_not_agree_are_told_with_the_endpoint(given: dict[str, Any], said: str) -> None:
    with pytest.raises(SchemaError, match=r"^endpoint abalone: ") as caught:
        schema_of(endpoint(**given), BASELINE)
    assert said in str(caught.value)


@pytest.mark.parametrize(("names", "said"), [(("a", "a"), "named twice"), (("a", "@row"), "begins with @")])
def test_a_baseline_that_no_table_can_have_is_told_with_its_place(names: tuple[str, ...], said: str) -> None:
    with pytest.raises(SchemaError, match=f"^the baseline in s3://logs/baseline: .*{said}"):
        schema_of_baseline(asking(*names), "s3://logs/baseline")
    with pytest.raises(SchemaError, match=f"^endpoint abalone: .*{said}"):
        schema_of(endpoint(), asking(*names))


def test_without_an_entry_nobody_says_which_columns_are_outputs() -> None:
    found = schema_of_baseline(BASELINE, "baseline")
    assert found == replace(schema_of(endpoint(), BASELINE), outputs=())
