"""Real captures, labels and merges, which nobody here wrote."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from monitor.capture.columns import Schema
from monitor.capture.decode import Decoded, decode
from monitor.capture.ground_truth import decode_labels, join_ids
from monitor.capture.rejects import RejectKind


def positional(count: int, outputs: int = 1) -> Schema:
    names = tuple(f"_c{i}" for i in range(count))
    return Schema(names, outputs=names[:outputs])


def read(golden: Path, name: str, schema: Schema, need_time: bool = True) -> Decoded:
    return decode((golden / name).read_bytes(), schema, need_time=need_time)


@pytest.mark.parametrize(
    ("name", "columns", "outputs", "records"),
    [
        ("capture/abalone_csv.jsonl", 11, 1, 6),
        ("capture/csv_trailing_newline.jsonl", 17, 1, 6),
        ("capture/csv_with_inference_id.jsonl", 70, 1, 2),
        ("capture/json_nested_multi_record.jsonl", 16, 2, 3),
        ("capture/jsonlines_multi_record.jsonl", 16, 2, 3),
        ("capture/llm_nested_json.jsonl", 6, 1, 3),
        ("model-monitor/sdk/captured-data.jsonl", 2, 1, 6),
        ("model-monitor/merge/endpoint_jsonlines_merged.jsonl", 16, 2, 1),
    ],
)
def test_every_record_is_read(golden: Path, name: str, columns: int, outputs: int, records: int) -> None:
    decoded = read(golden, name, positional(columns, outputs))
    assert decoded.records.height == records
    assert decoded.rejects.lost == 0
    assert decoded.misfits.is_empty()


def test_the_cells_of_csv_are_the_captured_text_output_first(golden: Path) -> None:
    name = "capture/abalone_csv.jsonl"
    decoded = read(golden, name, positional(11))
    for line, record in zip(
        (golden / name).read_text().splitlines(), decoded.records.iter_rows(), strict=True
    ):
        event = json.loads(line)
        capture = event["captureData"]
        cells = capture["endpointOutput"]["data"].split(",") + capture["endpointInput"]["data"].split(",")
        assert list(record[5:]) == cells
        assert record[2] == event["eventMetadata"]["eventId"]
        assert record[4] == datetime.fromisoformat(event["eventMetadata"]["inferenceTime"])


def test_inference_ids_are_read_where_the_caller_sent_them(golden: Path) -> None:
    records = read(golden, "capture/csv_with_inference_id.jsonl", positional(70)).records
    assert records["@inference_id"].to_list() == ["57", "58"]
    assert join_ids(records).to_list() == ["57", "58"]
    records = read(golden, "capture/csv_trailing_newline.jsonl", positional(17)).records
    assert records["@inference_id"].to_list() == [None, None, None, None, "234", "235"]
    assert join_ids(records)[0] == records["@event_id"][0]


@pytest.mark.parametrize("form", ["json_nested_multi_record", "jsonlines_multi_record"])
def test_two_records_of_one_request_stay_apart(golden: Path, form: str) -> None:
    records = read(golden, f"capture/{form}.jsonl", positional(16, 2)).records
    assert records["@line"].to_list() == [1, 2, 2]
    assert records["@row"].to_list() == [0, 0, 1]
    assert records["_c2"].to_list() == ["28", "28", "43"]
    assert records["_c4"].to_list() == ["133937", "133937", "72338"]
    assert records["@event_id"][1] == records["@event_id"][2]


def test_keys_of_json_lines_go_by_name_where_the_baseline_has_them(golden: Path) -> None:
    names = ("score", "predicted_label", *(f"features_{i}" for i in range(14)))
    records = read(golden, "capture/jsonlines_multi_record.jsonl", Schema(names, outputs=names[:2])).records
    assert records["score"].to_list() == ["0.989977359771728", "0.989977359771728", "0.504138827323913"]
    assert records["predicted_label"].to_list() == ["1", "1", "1"]
    assert records["features_1"].to_list() == ["2", "2", "2"]


def test_nested_keys_of_a_language_model_are_joined(golden: Path) -> None:
    parameters = ("max_new_tokens", "temperature", "top_p", "do_sample")
    names = ("generated_text", "inputs", *(f"parameters_{name}" for name in parameters))
    schema = Schema(names, text=frozenset(names), outputs=names[:1])
    records = read(golden, "capture/llm_nested_json.jsonl", schema).records
    assert records["parameters_temperature"].to_list() == ["0.7"] * 3
    assert records["parameters_do_sample"].to_list() == ["true"] * 3
    assert records["inputs"][0] == "When does machine learning performce below bar?"
    assert "\n" in records["generated_text"][0]


def test_lists_of_bare_values_are_one_record_each(golden: Path) -> None:
    records = read(golden, "model-monitor/sdk/captured-data.jsonl", positional(2)).records
    assert records["_c0"].to_list() == ["3.5", "4.0", "5.5"] * 2
    assert records["_c1"].to_list() == ["1.0", "2.0", "5.0"] * 2
    assert records["@time"][3] == datetime(2019, 11, 24, 7, 31, 30, tzinfo=UTC)


def timeless(golden: Path) -> bytes:
    """Captures of the SDK without the placeholder that stands for each time."""
    return (golden / "model-monitor/sdk/capture.jsonl").read_bytes().replace(b',"inferenceTime":"{%s}"', b"")


def test_a_placeholder_for_a_time_is_rejected_and_none_is_taken_unless_it_is_needed(golden: Path) -> None:
    lines = timeless(golden).splitlines()
    for need_time in (True, False):
        strict = read(golden, "model-monitor/sdk/capture.jsonl", positional(8), need_time)
        assert strict.records.is_empty()
        assert strict.rejects.count(RejectKind.BAD_TIME) == len(lines)
    assert decode(timeless(golden), positional(8)).rejects.count(RejectKind.BAD_TIME) == len(lines)
    loose = decode(timeless(golden), positional(8), need_time=False)
    assert loose.records.height == len(lines)
    assert loose.records["@time"].null_count() == len(lines)
    assert loose.records.select("_c0", "_c1", "_c7").row(0) == ("0.302709460258", "9", "0")


def test_a_merged_batch_transform_has_its_prediction_last(golden: Path) -> None:
    name = "model-monitor/merge/batch_csv_merged.jsonl"
    data = json.loads((golden / name).read_text())["captureData"]["batchTransformOutput"]["data"].split(",")
    records = read(golden, name, positional(len(data)), need_time=False).records
    assert records["_c0"].to_list() == ["0.01584203727543354"]
    assert records.row(0)[6:] == tuple(data[:-1])


def test_labels(golden: Path) -> None:
    name = "groundtruth/labels.jsonl"
    lines = [json.loads(line) for line in (golden / name).read_text().splitlines()]
    labels = decode_labels((golden / name).read_bytes())
    assert labels.rejects.lost == 0
    assert labels.frame["label"].to_list() == [line["groundTruthData"]["data"] for line in lines]
    assert labels.frame["join_id"].to_list() == [line["eventMetadata"]["eventId"] for line in lines]


def test_labels_of_the_sdk_join_the_captures_of_the_sdk(golden: Path) -> None:
    labels = decode_labels((golden / "model-monitor/sdk/actuals.jsonl").read_bytes()).frame
    records = decode(timeless(golden), positional(8), need_time=False).records
    assert labels.height == 44
    assert set(labels["join_id"]) == set(join_ids(records))
    assert set(labels["label"]) <= {"0", "1"}


@pytest.mark.parametrize(("form", "label"), [("batch_csv", "1"), ("endpoint_jsonlines", "0")])
def test_labels_of_merged_lines(golden: Path, form: str, label: str) -> None:
    labels = decode_labels((golden / f"model-monitor/merge/{form}_merged.jsonl").read_bytes())
    assert labels.frame["label"].to_list() == [label]
