"""Data sets of which some records do not fit the baseline: those are told, and the others are judged."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from tests.analysis.container import Container

BATCH = "/opt/ml/processing/batch"
TRAINING = "rings,length\n" + "".join(f"{n % 29 + 1}.0,{0.2 + n % 40 / 100}\n" for n in range(1200))
QUIET = "Completed: Job completed successfully with no violations."


@pytest.fixture
def container(tmp_path: Path) -> Container:
    """A job on a batch transform's data, held against a baseline of two columns."""
    made = Container(tmp_path)
    made.baseline(TRAINING)
    for name in ("start_time", "end_time", "sagemaker_endpoint_name"):
        del made.variables[name]
    made.variables |= {"dataset_source": BATCH, "dataset_format": '{"json": {"lines": true}}'}
    return made


def _record(number: int) -> dict[str, Any]:
    return {"rings": number % 29 + 1.0, "length": 0.2 + number % 40 / 100}


def _write(container: Container, records: list[dict[str, Any]], name: str = "part-0") -> None:
    container.path(f"{BATCH}/{name}").write_text("".join(f"{json.dumps(one)}\n" for one in records))


def _csv(container: Container, rows: list[str], name: str = "part-0", header: bool = False) -> None:
    container.variables["dataset_format"] = json.dumps({"csv": {"header": header}})
    container.path(f"{BATCH}/{name}").write_text("".join(f"{row}\n" for row in rows))


def _row(number: int) -> str:
    return f"{number % 29 + 1}.0,{0.2 + number % 40 / 100}"


def test_records_with_another_key_violate_the_columns(container: Container) -> None:
    _write(container, [{"rings": 90.0 + n, "size": 9} for n in range(300)])
    ended = container.run()
    (violation,) = ended.file("constraint_violations.json")["violations"]
    assert violation["constraint_check_type"] == "extra_column_check", ended.said
    assert "0 records in 1 object, 300 rejected" in ended.said


def test_records_without_a_key_violate_its_completeness(container: Container) -> None:
    _write(container, [{"rings": n % 29 + 1.0} for n in range(300)])
    (violation,) = container.run().file("constraint_violations.json")["violations"]
    assert (violation["feature_name"], violation["constraint_check_type"]) == ("length", "completeness_check")


def test_one_record_with_a_key_too_many_costs_no_other(container: Container) -> None:
    _write(container, [_record(n) | ({"debug": 1} if n == 7 else {}) for n in range(300)])
    ended = container.run()
    assert (ended.status, ended.message) == (0, QUIET), ended.said
    assert "299 records in 1 object, 1 rejected" in ended.said
    assert "part-0 line 8: wrong_columns: the record has 3 columns where the baseline has 2" in ended.said


def test_a_line_that_is_no_record_costs_no_other(container: Container) -> None:
    _write(container, [_record(n) for n in range(300)])
    path = container.path(f"{BATCH}/part-0")
    path.write_text(path.read_text() + "[1]\n{\n")
    ended = container.run()
    assert (ended.status, ended.message) == (0, QUIET), ended.said
    assert "300 records in 1 object, 2 rejected" in ended.said
    assert "part-0 line 302: not_json: the line is not JSON" in ended.said


def test_lines_none_of_which_is_a_record_fail_the_job(container: Container) -> None:
    container.path(f"{BATCH}/part-0").write_text("rings\n1.0\n")
    ended = container.run()
    assert ended.status == 1
    assert "none of 2 lines in 1 object can be used: the line is not JSON" in ended.message


@pytest.mark.parametrize("header", [False, True])
def test_one_ragged_row_costs_no_other(container: Container, header: bool) -> None:
    rows = [_row(n) + (",9" if n == 50 else "") for n in range(100)]
    _csv(container, ["rings,length", *rows] if header else rows, header=header)
    ended = container.run()
    assert (ended.status, ended.message) == (0, QUIET), ended.said
    assert "99 records in 1 object, 1 rejected" in ended.said
    assert f"part-0 line {52 if header else 51}: wrong_columns: the record has 3 columns" in ended.said


def test_lines_are_counted_through_cells_of_several_lines(container: Container) -> None:
    _csv(container, ['"1.0\n",0.3', "", *(_row(n) for n in range(100)), "1.0"])
    ended = container.run()
    assert "part-0 line 104: wrong_columns: the record has 1 columns" in ended.said


def test_a_file_of_another_width_is_counted(container: Container) -> None:
    _csv(container, [_row(n) for n in range(100)])
    _csv(container, [f"{_row(n)},1" for n in range(5)], "part-1")
    ended = container.run()
    assert (ended.status, ended.message) == (0, QUIET), ended.said
    assert "100 records in 2 objects, 5 rejected" in ended.said
    assert "part-1 line 1: wrong_columns" in ended.said


def test_a_parquet_file_of_another_width_is_counted(container: Container) -> None:
    container.variables["dataset_format"] = '{"parquet": {}}'
    good = pl.DataFrame([_record(n) for n in range(100)])
    good.write_parquet(container.path(f"{BATCH}/part-0"))
    good.head(5).with_columns(more=1).write_parquet(container.path(f"{BATCH}/part-1"))
    ended = container.run()
    assert (ended.status, ended.message) == (0, QUIET), ended.said
    assert "100 records in 2 objects, 5 rejected" in ended.said


ID, TIME = "0f3b2a6c-1111-4222-8333-444455556666", "2026-03-02T12:00:00Z"


def test_a_transforms_id_and_time_are_no_columns_of_a_csv(container: Container) -> None:
    rows = [f"{_row(n)},{ID},{TIME}" for n in range(100)]
    _csv(container, [*rows, f"{_row(1)},{ID},never"])
    ended = container.run()
    assert (ended.status, ended.message) == (0, QUIET), ended.said
    assert "100 records in 1 object, 1 rejected" in ended.said
    assert "part-0 line 101: wrong_columns: the record has 4 columns" in ended.said


def test_a_transforms_id_and_time_are_no_columns_of_json(container: Container) -> None:
    added = {"SageMakerInferenceId": ID, "SageMakerInferenceTime": TIME}
    _write(container, [_record(n) | added for n in range(100)])
    ended = container.run()
    assert (ended.status, ended.message) == (0, QUIET), ended.said
    assert "100 records in 1 object, 0 rejected" in ended.said


@pytest.mark.parametrize("nested", [True, False])
def test_what_a_transform_joined_is_one_record(container: Container, nested: bool) -> None:
    _write(
        container,
        [
            {
                "length": one["length"],
                "SageMakerOutput": {"rings": one["rings"]} if nested else one["rings"],
                "SageMakerInferenceId": ID,
            }
            for one in (_record(n) for n in range(100))
        ],
    )
    ended = container.run()
    assert (ended.status, ended.message) == (0, QUIET), ended.said
    assert "100 records in 1 object, 0 rejected" in ended.said


@pytest.mark.parametrize("spelled", ['{"csv": {"header": false}}', '{"json": {"lines": true}}'])
def test_a_manifest_is_no_data_set(container: Container, spelled: str) -> None:
    container.variables["dataset_format"] = spelled
    container.path(f"{BATCH}/output/2026/03/02/12/m").write_text('[{"prefix": "s3://b/job/"}, "x.csv.out"]')
    ended = container.run()
    assert ended.status == 1
    assert "is a batch transform's manifest, which names 1 objects below s3://b/job: give" in ended.message
