"""statistics.json is read and written as Model Monitor does, to the byte."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from baselines import statistics
from baselines.jackson import Json, java_double, render
from baselines.profile import DataType, Profile, TypeCounts, profile_frame
from baselines.profile.column import NotAppendableError
from baselines.profile.moments import Moments

REAL = ("boston/baseline1", "boston/baseline2", "cookbook/baseline", "cookbook/monitor", "sdk/")


def text_of(golden: Path, name: str) -> str:
    file = f"{name}statistics.json" if name.endswith("/") else f"{name}_statistics.json"
    return (golden / "model-monitor" / file).read_text()


def written(profile: Profile, **options: int) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(statistics.write(profile, **options))
    return document


def profile(text: tuple[str, ...] = (), **columns: Sequence[str | None]) -> Profile:
    frame = pl.DataFrame(columns, schema=dict.fromkeys(columns, pl.String))
    return profile_frame(frame, text=text, exact=True)


@pytest.mark.parametrize("name", REAL)
def test_a_real_file_comes_back_as_the_same_json(golden: Path, name: str) -> None:
    text = text_of(golden, name)
    assert json.loads(statistics.write(statistics.read(text, name))) == json.loads(text)


@pytest.mark.parametrize("name", REAL[:3])
def test_a_file_that_model_monitor_wrote_comes_back_byte_for_byte(golden: Path, name: str) -> None:
    text = text_of(golden, name)
    assert statistics.write(statistics.read(text, name)) == text.rstrip("\n")


@pytest.mark.parametrize("name", REAL[:2])
def test_profiling_the_same_data_writes_the_same_file(golden: Path, name: str) -> None:
    text = text_of(golden, name)
    features = json.loads(text)["features"]
    columns = {
        each["name"]: [
            repr(value) for value in each["numerical_statistics"]["distribution"]["kll"]["sketch"]["data"][0]
        ]
        for each in features
    }
    whole = statistics.write(profile_frame(pl.DataFrame(columns), exact=True))
    assert whole == text.rstrip("\n")


def test_a_real_file_reads_as_a_profile(golden: Path) -> None:
    read = statistics.read(text_of(golden, "cookbook/baseline"), "statistics.json")
    assert (read.rows, list(read.columns)) == (3000, ["label", "a", "b", "c", "d"])
    label = read.columns["label"]
    assert label.inferred_type is DataType.INTEGRAL
    assert label.types == TypeCounts(integral=3000)
    assert (label.moments.total, label.moments.minimum, label.moments.maximum) == (1502.0, 0.0, 1.0)
    assert label.std_dev == 0.499999555555358
    assert label.completeness == 1.0
    assert len(label.sketch.levels) > 1
    assert label.sketch.count == 3000


def test_a_histogram_reads_as_categories(golden: Path) -> None:
    column = statistics.read(text_of(golden, "sdk/"), "statistics.json").columns["message"]
    assert column.inferred_type is DataType.STRING
    assert column.categories.counts == {"preproc-not-YET-supported-for-csv-json": 418}
    assert column.distinct_count == 1.0


def test_what_was_read_is_not_added_to(golden: Path) -> None:
    read = statistics.read(text_of(golden, "sdk/"), "statistics.json")
    with pytest.raises(NotAppendableError):
        _ = read + read


def test_a_numeric_feature() -> None:
    (feature,) = written(profile(length=["1", "2", None, "4.5"]))["features"]
    numbers = feature["numerical_statistics"]
    assert feature["inferred_type"] == "Fractional"
    assert numbers["common"] == {"num_present": 3, "num_missing": 1}
    assert (numbers["sum"], numbers["mean"], numbers["min"], numbers["max"]) == (7.5, 2.5, 1.0, 4.5)
    assert numbers["distribution"]["kll"]["sketch"] == {
        "parameters": {"c": 0.64, "k": 2048.0},
        "data": [[1.0, 2.0, 4.5]],
    }
    assert sum(bucket["count"] for bucket in numbers["distribution"]["kll"]["buckets"]) == 3.0


def test_a_text_feature_has_its_most_frequent_value_first() -> None:
    (feature,) = written(profile(("sex",), sex=["I", "M", "M", None]))["features"]
    assert feature == {
        "name": "sex",
        "inferred_type": "String",
        "string_statistics": {
            "common": {"num_present": 3, "num_missing": 1},
            "distinct_count": 2.0,
            "distribution": {
                "categorical": {"buckets": [{"value": "M", "count": 2}, {"value": "I", "count": 1}]}
            },
        },
    }


def test_booleans_are_strings_in_the_file() -> None:
    (feature,) = written(profile(("open",), open=["true", "false", "true"]))["features"]
    assert feature["inferred_type"] == "String"
    assert feature["string_statistics"]["distinct_count"] == 2.0


def test_numbers_that_were_profiled_as_text_are_strings_in_the_file() -> None:
    (feature,) = written(profile(("zip",), zip=["10115", "80331"]))["features"]
    assert feature["inferred_type"] == "String"
    assert feature["string_statistics"]["distinct_count"] == 2.0


def test_a_column_of_nothing_is_unknown() -> None:
    (feature,) = written(profile(empty=[None, None]))["features"]
    assert feature["inferred_type"] == "Unknown"
    assert feature["string_statistics"]["common"] == {"num_present": 0, "num_missing": 2}


def test_text_among_numbers_has_no_histogram_of_the_text_alone() -> None:
    (feature,) = written(profile(length=["1", "2", "M"]))["features"]
    assert feature["inferred_type"] == "String"
    assert feature["string_statistics"] == {"common": {"num_present": 3, "num_missing": 0}}


def test_many_categories_have_no_histogram_and_the_bound_can_be_set() -> None:
    many = profile(("id",), id=[f"id-{i}" for i in range(121)])
    (feature,) = written(many)["features"]
    assert feature["string_statistics"]["distinct_count"] == 121.0
    assert "distribution" not in feature["string_statistics"]
    (feature,) = written(many, histogram_bound=121)["features"]
    assert len(feature["string_statistics"]["distribution"]["categorical"]["buckets"]) == 121


def test_a_string_feature_without_a_histogram_reads_as_overflowed() -> None:
    many = profile(("id",), id=[f"id-{i}" for i in range(500)])
    column = statistics.read(statistics.write(many), "statistics.json").columns["id"]
    assert column.categories.overflowed
    assert column.distinct_count == 500.0


def test_names_and_categories_may_hold_anything() -> None:
    nasty = '<script>alert("1")</script>\n\t\\ é \u2028 \U0001f980'
    read = statistics.read(statistics.write(profile((nasty,), **{nasty: [nasty]})), "statistics.json")
    assert read.columns[nasty].categories.counts == {nasty: 1}


VALUES = st.lists(st.floats(-1e12, 1e12), min_size=1, max_size=30)


@given(VALUES)
def test_what_was_written_reads_back(values: list[float]) -> None:
    original = profile(x=[repr(value) for value in values]).columns["x"]
    again = statistics.read(
        statistics.write(Profile(len(values), {"x": original})), "statistics.json"
    ).columns["x"]
    assert again.moments.total == original.moments.total
    assert (again.moments.minimum, again.moments.maximum) == (
        original.moments.minimum,
        original.moments.maximum,
    )
    assert again.std_dev == pytest.approx(original.std_dev, rel=1e-15)
    assert again.sketch == original.sketch
    assert again.num_present == len(values)


@given(st.floats(1e-6, 1e6), st.integers(1, 10**7))
def test_a_standard_deviation_survives_being_read(std_dev: float, count: int) -> None:
    m2 = statistics.squared_distances(std_dev, count)
    assert Moments(count=count, m2=m2).std_dev == pytest.approx(std_dev, rel=3e-16, abs=0)


def feature_json(**changes: object) -> dict[str, Any]:
    document = written(profile(length=["1", "2"]))
    document["features"][0] |= changes
    return document


@pytest.mark.parametrize("version", [0, 0.0, "1.0", None])
def test_any_version_is_read(version: object) -> None:
    read = statistics.read(json.dumps(feature_json() | {"version": version}), "statistics.json")
    assert read.rows == 2


def test_a_sketch_or_moments_may_be_absent() -> None:
    common = {"common": {"num_present": 2.0, "num_missing": 0}}
    read = statistics.read(json.dumps(feature_json(numerical_statistics=common)), "statistics.json")
    column = read.columns["length"]
    assert (column.num_present, column.sketch.count, column.moments.count) == (2, 0, 0)


def test_a_nan_is_spelled_as_a_string() -> None:
    document = feature_json()
    document["features"][0]["numerical_statistics"]["std_dev"] = "NaN"
    read = statistics.read(json.dumps(document), "statistics.json")
    assert math.isnan(read.columns["length"].std_dev)
    assert '"std_dev" : "NaN"' in statistics.write(read)


def drop(*path: str | int) -> Callable[[dict[str, Any]], None]:
    def change(document: dict[str, Any]) -> None:
        inner: Any = document
        for step in path[:-1]:
            inner = inner[step]
        del inner[path[-1]]

    return change


def put(value: object, *path: str | int) -> Callable[[dict[str, Any]], None]:
    def change(document: dict[str, Any]) -> None:
        inner: Any = document
        for step in path[:-1]:
            inner = inner[step]
        inner[path[-1]] = value

    return change


NUMBERS = ("features", 0, "numerical_statistics")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (drop("features"), 'it has no "features"'),
        (drop("dataset"), 'it has no "dataset"'),
        (drop("features", 0, "name"), 'it has no "features[0].name"'),
        (put("Text", "features", 0, "inferred_type"), "features[0].inferred_type must be one of Integral"),
        (put(7, "features", 0), "features[0] must be an object"),
        (put(-1, *NUMBERS, "common", "num_present"), "num_present must be a whole number of at least 0"),
        (put(1.5, "dataset", "item_count"), "dataset.item_count must be a whole number"),
        (put("secret", *NUMBERS, "mean"), "features[0].numerical_statistics.mean must be a number"),
        (
            put([["x"]], *NUMBERS, "distribution", "kll", "sketch", "data"),
            "sketch.data must be a list of lists",
        ),
        (put([], *NUMBERS, "distribution"), "numerical_statistics.distribution must be an object"),
    ],
)
def test_a_file_that_is_not_one_is_refused_in_a_sentence(
    change: Callable[[dict[str, Any]], None], said: str
) -> None:
    document = feature_json()
    change(document)
    with pytest.raises(statistics.StatisticsError) as caught:
        statistics.read(json.dumps(document), "s3://logs/statistics.json")
    message = str(caught.value)
    assert message.startswith("s3://logs/statistics.json is not a data-quality statistics.json")
    assert said in message
    assert "secret" not in message
    assert "\n" not in message


@pytest.mark.parametrize("text", ["", "{", "[1]", '"text"', "\ud800"])
def test_what_is_not_json_or_no_object_is_refused(text: str) -> None:
    with pytest.raises(statistics.StatisticsError, match=r"^here is not a .*statistics.json"):
        statistics.read(text, "here")


def test_a_model_quality_file_is_told_apart(golden: Path) -> None:
    text = (golden / "model-monitor" / "model_quality" / "regression_statistics.json").read_text()
    with pytest.raises(statistics.StatisticsError, match='no "features"'):
        statistics.read(text, "statistics.json")


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (0.0, "0.0"),
        (-0.0, "-0.0"),
        (1.0, "1.0"),
        (0.001, "0.001"),
        (0.0009, "9.0E-4"),
        (1e-05, "1.0E-5"),
        (1.5e-17, "1.5E-17"),
        (9999999.0, "9999999.0"),
        (1e7, "1.0E7"),
        (12345678.9, "1.23456789E7"),
        (-4.1022740759899534e-14, "-4.1022740759899534E-14"),
        (1e22, "1.0E22"),
        (1e100, "1.0E100"),
        (123456789012345680.0, "1.2345678901234568E17"),
        (math.nan, '"NaN"'),
        (-math.inf, '"-Infinity"'),
    ],
)
def test_numbers_are_spelled_as_java_spells_doubles(number: float, text: str) -> None:
    assert java_double(number) == text


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_spelled_number_is_the_number(number: float) -> None:
    spelled = java_double(number)
    assert float(spelled) == number
    assert math.copysign(1, float(spelled)) == math.copysign(1, number)
    assert "." in spelled


def test_the_layout_is_jacksons() -> None:
    value: Json = {"a": 1, "b": [], "c": {}, "d": [1.0, 2.0], "e": [{"f": None}, {"g": True}], "h": "é\n"}
    assert render(value) == (
        '{\n  "a" : 1,\n  "b" : [ ],\n  "c" : { },\n  "d" : [ 1.0, 2.0 ],\n'
        '  "e" : [ {\n    "f" : null\n  }, {\n    "g" : true\n  } ],\n  "h" : "é\\n"\n}'
    )


def test_a_big_profile_is_written_whole() -> None:
    values = np.random.default_rng(0).normal(size=20_000)
    big = profile_frame(pl.DataFrame({"x": values}).cast(pl.String))
    read = statistics.read(statistics.write(big), "statistics.json")
    assert read.columns["x"].sketch.levels[0].tolist() == big.columns["x"].sketch.levels[0].tolist()
    assert read.columns["x"].sketch.count == 20_000
