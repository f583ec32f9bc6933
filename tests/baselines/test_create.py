"""A baseline is made of CSV, JSON Lines or Parquet alike; what it cannot be made of is said in a sentence."""

from __future__ import annotations

import io
import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from baselines import constraints, datasets, statistics
from baselines.create import DatasetError, DatasetFormat, create, profile_dataset
from baselines.profile import DataType, Profile, TypeCounts, profile_frame

CSV = b"sex,length,rings\nM,0.5,15\nF,0.25,7\nM,,9\nF,1.0,11\n"


def parquet(frame: pl.DataFrame) -> bytes:
    file = io.BytesIO()
    frame.write_parquet(file)
    return file.getvalue()


def types(profile: Profile) -> dict[str, DataType]:
    return {name: column.inferred_type for name, column in profile.columns.items()}


def survey(rows: int) -> pl.DataFrame:
    random = np.random.default_rng(3)
    return pl.DataFrame(
        {
            "sex": random.choice(["M", "F", "I"], rows),
            "length": random.normal(size=rows).round(4),
            "rings": random.integers(1, 30, rows),
        }
    )


def test_a_csv_becomes_a_profile_and_constraints() -> None:
    profile, suggested = create(CSV, where="abalone.csv")
    assert profile.rows == 4
    assert types(profile) == {
        "sex": DataType.STRING,
        "length": DataType.FRACTIONAL,
        "rings": DataType.INTEGRAL,
    }
    assert profile.columns["sex"].categories.counts == {"M": 2, "F": 2}
    assert profile.columns["length"].types == TypeCounts(fractional=3, missing=1)
    assert profile.columns["rings"].moments.total == 42.0
    assert profile.widths == {3: 4}
    length = suggested.feature("length")
    assert length is not None
    assert (length.completeness, length.is_non_negative) == (0.75, True)


def test_without_a_header_columns_are_numbered(golden: Path) -> None:
    file = golden / "model-monitor" / "sdk" / "baseline_dataset.csv"
    profile = profile_dataset(file, header=False)
    assert profile.rows == 418
    assert list(profile.columns) == [f"_c{i}" for i in range(10)]
    assert set(types(profile).values()) == {DataType.FRACTIONAL}


def test_a_real_survey(golden: Path) -> None:
    profile, suggested = create(golden / "abalone" / "abalone.csv")
    assert profile.rows == 4177
    assert profile.columns["sex"].distinct_count == 3.0
    assert types(profile)["rings"] is DataType.INTEGRAL
    sex = suggested.feature("sex")
    assert sex is not None
    assert sex.domains == ("M", "I", "F")
    lengths = pl.read_csv(golden / "abalone" / "abalone.csv")["length"].to_numpy()
    assert profile.columns["length"].moments.total == float(np.cumsum(lengths)[-1])
    assert profile.columns["length"].std_dev == pytest.approx(float(np.std(lengths)), rel=1e-12)


@pytest.mark.parametrize(
    ("where", "spelling"),
    [
        ("x.csv", DatasetFormat.CSV),
        ("x.jsonl", DatasetFormat.JSON_LINES),
        ("x.parquet", DatasetFormat.PARQUET),
    ],
)
def test_the_same_data_make_the_same_baseline_in_every_format(where: str, spelling: DatasetFormat) -> None:
    frame = survey(3000)
    data = {
        DatasetFormat.CSV: frame.write_csv().encode(),
        DatasetFormat.JSON_LINES: frame.write_ndjson().encode(),
        DatasetFormat.PARQUET: parquet(frame),
    }[spelling]
    wanted = profile_frame(frame.cast(pl.String), text=("sex",), exact=True)
    assert profile_dataset(data, where=where) == wanted
    assert profile_dataset(data, format=spelling) == wanted


@pytest.mark.parametrize("where", ["x.csv", "x.jsonl", "x.parquet"])
def test_batches_leave_no_trace(monkeypatch: pytest.MonkeyPatch, where: str) -> None:
    frame = survey(5000)
    data = {
        "x.csv": frame.write_csv().encode(),
        "x.jsonl": frame.write_ndjson().encode(),
        "x.parquet": parquet(frame),
    }[where]
    at_once = profile_dataset(data, where=where)
    monkeypatch.setattr(datasets, "_BYTES", 999)
    monkeypatch.setattr(datasets, "_ROWS", 77)
    assert profile_dataset(data, where=where) == at_once


def test_a_type_is_that_of_the_whole_data_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(datasets, "_BYTES", 64)
    data = b"zip\n" + b"10115\n" * 100 + b"D-80331\n"
    column = profile_dataset(data, where="x.csv").columns["zip"]
    assert column.inferred_type is DataType.STRING
    assert column.categories.counts == {"10115": 100, "D-80331": 1}


def test_a_json_array_is_read_as_the_lines_that_its_records_make() -> None:
    records = [{"a": 1, "b": "x"}, {"a": 2}, {"b": "y"}]
    lines = "".join(json.dumps(each) + "\n" for each in records)
    listed = profile_dataset(b"\n " + json.dumps(records, indent=1).encode(), where="x.json")
    assert listed == profile_dataset(lines.encode(), where="x.jsonl")
    with pytest.raises(DatasetError, match=r"x\.json, record 2: is not a JSON object"):
        profile_dataset(b'[{"a": 1}, 2]', where="x.json")
    with pytest.raises(DatasetError, match=r"x\.json begins with \[ and is not JSON"):
        profile_dataset(b'[{"a": 1}', where="x.json")


def test_json_lines_of_one_type_a_key_and_of_many_read_alike() -> None:
    lines = [{"a": 1, "b": 1.0, "c": True}, {"a": None, "b": 2.5, "d": "x"}, {"a": 3}]
    plain = "\n".join(map(json.dumps, lines)) + "\n\n"
    mixed = plain + json.dumps({"e": 1}) + "\n" + json.dumps({"e": True}) + "\n"
    profile = profile_dataset(plain.encode(), where="x.jsonl")
    assert profile.rows == 3
    assert profile.columns["a"].types == TypeCounts(integral=2, missing=1)
    assert profile.columns["b"].types == TypeCounts(fractional=2, missing=1)
    assert profile.columns["c"].types == TypeCounts(boolean=1, missing=2)
    exact = profile_dataset(mixed.encode(), where="x.jsonl")
    assert exact.rows == 5
    for name, column in profile.columns.items():
        assert exact.columns[name].types == column.types + TypeCounts(missing=2)
        assert exact.columns[name].categories == column.categories
    assert exact.columns["e"].types == TypeCounts(integral=1, boolean=1, missing=3)


def test_a_key_that_comes_late_was_missing_before(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(datasets, "_BYTES", 8)
    profile = profile_dataset(b'{"a":1}\n{"a":2}\n{"b":3}\n', where="x.jsonl")
    assert list(profile.columns) == ["a", "b"]
    assert profile.columns["a"].types == TypeCounts(integral=2, missing=1)
    assert profile.columns["b"].types == TypeCounts(integral=1, missing=2)


def test_parquet_types_become_model_monitors() -> None:
    frame = pl.DataFrame(
        {
            "whole": [1, 2, None],
            "double": [1.0, float("nan"), 1e-7],
            "single": pl.Series([0.1, 0.5, None], dtype=pl.Float32),
            "flag": [True, False, None],
            "^kind$": pl.Series(["a", "b", "a"], dtype=pl.Categorical),
        }
    )
    profile = profile_dataset(parquet(frame), where="x.parquet")
    assert profile.columns["whole"].types == TypeCounts(integral=2, missing=1)
    assert profile.columns["double"].types == TypeCounts(fractional=2, missing=1)
    assert profile.columns["single"].moments.minimum == float(np.float32(0.1))
    assert profile.columns["flag"].types == TypeCounts(boolean=2, missing=1)
    assert profile.columns["^kind$"].categories.counts == {"a": 2, "b": 1}


def test_the_files_of_a_new_baseline_read_back() -> None:
    profile, suggested = create(CSV, where="x.csv")
    read = statistics.read(statistics.write(profile), "statistics.json")
    assert list(read.columns) == list(profile.columns)
    assert read.columns["rings"].moments == profile.columns["rings"].moments
    assert constraints.read(constraints.write(suggested), "constraints.json") == suggested


@pytest.mark.parametrize(
    ("data", "where", "said"),
    [
        (b"", "x.csv", "x.csv holds no rows"),
        (b"a,b\n", "x.csv", "x.csv holds no rows"),
        (b"", "x.jsonl", "x.jsonl holds no rows"),
        (parquet(pl.DataFrame({"a": [1]}).clear()), "x.parquet", "x.parquet holds no rows"),
        (b"a,b\n1,2\n3\n", "x.csv", "x.csv, line 3: has 1 cells where the first line has 2"),
        (b'{"a":1}\n{"a":\n', "x.jsonl", "x.jsonl, line 2: is not JSON"),
        (b'{"a":1}\n\n[2]\n', "x.jsonl", "x.jsonl, line 3: is not a JSON object"),
        (b'{"a":1}\n{"a":{"b":2}}\n', "x.jsonl", "x.jsonl, line 2, key a: holds an object or a list"),
        (b"PAR1 but no more", "x.parquet", "x.parquet is not parquet that can be read"),
        (parquet(pl.DataFrame({"a": [[1]]})), "x.parquet", "x.parquet, column a: holds List(Int64) values"),
        (b"a,b\n1,2\n", "x.xlsx", "x.xlsx has a suffix that says no format: give it one of .csv"),
        (
            b"\x1f\x8b\x08damaged",
            "x.csv.gz",
            "x.csv.gz is gzip that is damaged or breaks off; write it again",
        ),
        (b"a,b\n1,2\n", None, "the data set has a suffix that says no format"),
    ],
)
def test_what_is_no_data_set_is_refused_in_a_sentence(data: bytes, where: str | None, said: str) -> None:
    with pytest.raises(DatasetError) as caught:
        create(data, where=where)
    assert str(caught.value).startswith(said)
    assert "\n" not in str(caught.value)


def test_no_such_file_and_an_empty_folder_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="cannot be read: No such file"):
        create(tmp_path / "absent.csv")
    with pytest.raises(DatasetError, match="holds no files; give the one that holds the data set"):
        create(tmp_path, format=DatasetFormat.CSV)


def test_a_path_names_itself_and_its_format(tmp_path: Path) -> None:
    file = tmp_path / "abalone.CSV"
    file.write_bytes(CSV)
    assert profile_dataset(file) == profile_dataset(CSV, where="abalone.csv")
