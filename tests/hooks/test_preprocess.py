"""`preprocess_handler` scripts, run unchanged on captured lines."""

from __future__ import annotations

import json
import os
import time
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.capture.columns import Schema
from monitor.capture.decode import decode
from monitor.capture.rejects import RejectKind
from monitor.hooks.preprocess import Preprocessed, decode_through
from monitor.hooks.process import LIMITS, HookError, Limits
from monitor.hooks.script import Script, read_script
from tests.capture.events import ABC, captured, csv_line, event, json_line, line, numbered, side
from tests.hooks.scripts import IDIOM


def through(
    source: str, data: bytes, schema: Schema = ABC, limits: Limits = LIMITS, need_time: bool = True
) -> Preprocessed:
    script = Script("hooks/pre.py", source.encode())
    return decode_through(script, data, schema, limits=limits, need_time=need_time)


def returning(expression: str) -> str:
    return f"def preprocess_handler(inference_record):\n    return {expression}\n"


def values(found: Preprocessed) -> list[tuple[str | None, ...]]:
    records = found.decoded.records
    return records.select(name for name in records.columns if not name.startswith("@")).rows()


def test_the_idiom_gives_what_decoding_gives() -> None:
    data = captured(*numbered(300))
    found = through(IDIOM, data)
    assert found.decoded.records.equals(decode(data, ABC).records)
    assert found.decoded.records.height == 300
    assert found.decoded.rejects.counts == {}


@settings(max_examples=10)
@given(st.lists(st.tuples(st.floats(allow_nan=False), st.floats(allow_nan=False)), min_size=1, max_size=20))
def test_any_numbers_go_through_as_they_were_captured(pairs: list[tuple[float, float]]) -> None:
    lines = [csv_line(f"{a},{b}", "1", event_id=f"e-{at}") for at, (a, b) in enumerate(pairs)]
    assert values(through(IDIOM, captured(*lines))) == [("1", str(a), str(b)) for a, b in pairs]


def test_keys_are_columns_in_lexicographical_order() -> None:
    found = through(returning('{"10": "x", "9": "y", "1": "w"}'), captured(*numbered(1)))
    assert values(found) == [("w", "x", "y")]


def test_keys_that_the_baseline_knows_go_by_name_and_absent_ones_are_missing() -> None:
    found = through(returning('{"b": 2, "p": 1.5}'), captured(*numbered(1)))
    assert values(found) == [("1.5", None, "2")]


def test_null_and_an_empty_text_are_missing_and_truth_is_written_as_json_writes_it() -> None:
    assert values(through(returning('{"p": None, "a": "", "b": True}'), captured(*numbered(1)))) == [
        (None, None, "true")
    ]


@pytest.mark.parametrize("nothing", ["[]", "None", "{}", "[None]"])
def test_a_record_for_which_nothing_is_returned_is_dropped_and_is_no_reject(nothing: str) -> None:
    source = (
        "def preprocess_handler(record):\n"
        f"    return {nothing} if record.event_metadata.event_id != 'e-2' else {{'p': 1, 'a': 2, 'b': 3}}\n"
    )
    found = through(source, captured(*numbered(3)))
    assert found.decoded.records["@line"].to_list() == [2]
    assert found.decoded.rejects.counts == {}
    all_dropped = through(returning(nothing), captured(*numbered(3)))
    assert (all_dropped.decoded.records.height, all_dropped.decoded.rejects.counts) == (0, {})


def test_a_list_is_several_records_of_one_request() -> None:
    found = through(returning('[{"p": 1, "a": 2, "b": 3}, {"p": 4, "a": 5, "b": 6}]'), captured(*numbered(2)))
    assert values(found) == [("1", "2", "3"), ("4", "5", "6")] * 2
    assert found.decoded.records.select("@line", "@row").rows() == [(1, 0), (1, 1), (2, 0), (2, 1)]


def test_a_record_with_other_columns_than_the_baseline_is_counted_by_its_width() -> None:
    found = through(returning('{"x": 1, "y": 2}'), captured(*numbered(3)))
    assert found.decoded.misfits["@width"].to_list() == [2, 2, 2]
    assert found.decoded.rejects.counts == {RejectKind.WRONG_COLUMNS: 3}


def test_the_second_argument_is_a_logger() -> None:
    source = (
        "def preprocess_handler(inference_record, logger):\n"
        "    logger.info('seen %s', inference_record.event_metadata.event_id)\n"
        "    return {'p': 1, 'a': 2, 'b': 3}\n"
    )
    found = through(source, captured(*numbered(2)))
    assert found.decoded.records.height == 2
    assert found.said.splitlines() == ["INFO seen e-1", "INFO seen e-2"]


ATTRIBUTES = {
    "endpoint_input.data": "2,3",
    "endpoint_input.encoding": "CSV",
    "endpoint_input.observedContentType": "text/csv",
    "endpoint_input.mode": "INPUT",
    "endpoint_output.data": "1",
    "endpoint_output.mode": "OUTPUT",
    "batch_transform_output": None,
    "ground_truth.data": "7",
    "ground_truth.encoding": "CSV",
    "event_metadata.event_id": "e-9",
    "event_metadata.event_time": "2021-05-26T00:30:11Z",
    "event_metadata.custom_attribute[0]": '{"a": 1}',
    "event_version": "0",
    "event_dict['eventMetadata']['eventId']": "e-9",
    "endpointInput.data": "2,3",
    "endpointOutput.data": "1",
    "batchTransformOutput": None,
    "groundTruth.data": "7",
    "eventMetadata.eventId": "e-9",
    "eventMetadata.customAttributes": ['{"a": 1}'],
    "eventVersion": "0",
}


def test_a_record_has_the_attributes_of_both_spellings() -> None:
    told = event(side("2,3"), side("1", mode="OUTPUT"), event_id="e-9")
    told["eventMetadata"]["customAttributes"] = ['{"a": 1}']
    told["groundTruthData"] = {"data": "7", "encoding": "CSV"}
    printed = ", ".join(f"event_data.{name}" for name in ATTRIBUTES)
    source = f"import json\ndef preprocess_handler(event_data):\n    print(json.dumps([{printed}]))\n"
    found = through(source, captured(line(told)))
    assert dict(zip(ATTRIBUTES, json.loads(found.said), strict=True)) == ATTRIBUTES


def test_a_side_that_was_not_captured_is_none() -> None:
    found = through(
        returning("{'p': str(inference_record.endpoint_output), 'a': 1, 'b': 2}"),
        captured(csv_line("2,3", None)),
    )
    assert values(found) == [("None", "1", "2")]


def test_json_payloads_are_the_scripts_to_read() -> None:
    source = (
        "import json\n"
        "def preprocess_handler(record):\n"
        "    asked = json.loads(record.endpoint_input.data)['deep']['er']\n"
        "    return {'p': json.loads(record.endpoint_output.data), 'a': asked[0], 'b': asked[1]}\n"
    )
    found = through(source, captured(json_line({"deep": {"er": [0.1, 1e-7]}}, "3")))
    assert values(found) == [("3", "0.1", "1e-07")]


def test_numbers_of_numpy_are_numbers() -> None:
    source = "import numpy as np\n" + returning("{'p': np.float64(0.5), 'a': np.int64(3), 'b': np.nan}")
    assert values(through(source, captured(*numbered(1)))) == [("0.5", "3", "NaN")]


def test_decimals_and_dates_are_their_texts() -> None:
    source = "import datetime, decimal\n" + returning(
        "{'1': decimal.Decimal('1.50'), '2': datetime.date(2026, 3, 2), '3': decimal.Decimal('NaN')}"
    )
    assert values(through(source, captured(*numbered(1)))) == [("1.50", "2026-03-02", "NaN")]


def test_a_handler_that_a_decorator_made_is_called_with_the_record() -> None:
    source = (
        "def logged(handler):\n    def wrapper(*args, **kwargs):\n        return handler(*args, **kwargs)\n"
        "    return wrapper\n@logged\n" + returning("{'1': 1, '2': 2, '3': 3}")
    )
    assert values(through(source, captured(*numbered(1)))) == [("1", "2", "3")]


def test_where_the_script_fails_its_line_and_the_captured_line_are_named_and_no_captured_value() -> None:
    source = (
        "def half(text):\n"
        "    return float(text) / 2\n"
        "def preprocess_handler(record):\n"
        "    p = half(record.endpoint_output.data)\n"
        "    return {'p': p, 'a': 1, 'b': 2}\n"
    )
    lines = [csv_line("1,2", "8" if at != 3 else "secret", event_id=f"e-{at}") for at in range(1, 6)]
    found = through(source, captured(*lines))
    assert found.decoded.records["@line"].to_list() == [1, 2, 4, 5]
    assert found.decoded.rejects.counts == {RejectKind.HOOK_FAILED: 1}
    (example,) = found.decoded.rejects.examples
    assert (example.line, example.detail) == (
        3,
        "the preprocess script hooks/pre.py failed in its line 2 (ValueError)",
    )
    assert "line 3: Traceback" in found.said  # for the owner at a terminal, the whole of it


@pytest.mark.parametrize(
    ("returned", "told"),
    [
        ("7", "failed to return a dict, a list of dicts or None: it returned int"),
        ("'a,b'", "failed to return a dict, a list of dicts or None: it returned str"),
        ("[{'a': 1}, 3]", "failed to return a dict, a list of dicts or None: it returned int"),
        ("{'a': object()}", "failed to return numbers and texts: under the key 'a' it returned object"),
        ("{'a': 1, 'b': b'x'}", "failed to return numbers and texts: under the key 'b' it returned bytes"),
        (
            "{'a': 1, 'b': {'c': {1}}}",
            "failed to return numbers and texts: under the key 'b' it returned dict",
        ),
        ("1 / 0", "failed in its line 2 (ZeroDivisionError)"),
        ("exit(3)", "failed in its line 2 (SystemExit)"),
    ],
)
def test_what_is_no_record_is_a_reject(returned: str, told: str) -> None:
    found = through(returning(returned), captured(*numbered(2)))
    assert found.decoded.rejects.counts == {RejectKind.HOOK_FAILED: 2}
    assert found.decoded.rejects.examples[0].detail.endswith(told)


def test_lines_that_are_no_captures_are_rejected_as_without_a_script() -> None:
    bad = [
        b"{", b"[]", b"\xff\xfe", b'{"captureData":1}',
        csv_line("1,2", "3", event_id=""), csv_line("1,2", "3", time="soon"),
    ]  # fmt: skip
    data = captured(*numbered(2), *bad) + b'{"captureData":'
    plain, found = decode(data, ABC), through(IDIOM, data).decoded
    assert found.rejects.counts == plain.rejects.counts
    assert {(one.kind, one.line) for one in found.rejects.examples} == {
        (one.kind, one.line) for one in plain.rejects.examples
    }
    assert found.records.equals(plain.records)


def test_times_are_utc_and_may_be_absent_where_nobody_needs_them() -> None:
    lines = [
        csv_line("1,2", "3", time="2021-05-26T02:30:11.25+02:00"),
        csv_line("1,2", "3", time=None),
    ]
    found = through(IDIOM, captured(*lines), need_time=False)
    assert found.decoded.records["@time"].to_list() == [
        datetime(2021, 5, 26, 0, 30, 11, 250_000, tzinfo=UTC),
        None,
    ]


@pytest.mark.parametrize(
    ("source", "told"),
    [
        ("x = (", "is no Python in its line 1 (SyntaxError)"),
        ("import nowhere_to_be_found", "fails when it is read, in its line 1 (ModuleNotFoundError)"),
        ("def other(): pass", "has no function preprocess_handler"),
        ("def preprocess_handler(): pass", "has a preprocess_handler of 0 arguments"),
        ("def preprocess_handler(a, b, c): pass", "has a preprocess_handler of 3 arguments"),
        ("import os\nos._exit(4)", "can't be loaded: its process ended itself with status 4"),
    ],
)
def test_a_script_that_cannot_be_used_is_the_owners_to_mend(source: str, told: str) -> None:
    with pytest.raises(HookError) as raised:
        through(source, captured(*numbered(1)))
    assert f"the script hooks/pre.py {told}" in str(raised.value)
    assert "\n" not in str(raised.value)


ON_THE_SECOND = """
import os, signal, time
def preprocess_handler(record):
    if record.event_metadata.event_id == "e-2":
        {what}
    return {{"p": 1, "a": 2, "b": 3}}
"""


@pytest.mark.parametrize(
    ("what", "told", "limits"),
    [
        ("os._exit(9)", "ended itself with status 9", LIMITS),
        ("os.kill(os.getpid(), signal.SIGSEGV)", "was ended by signal 11", LIMITS),
        ("time.sleep(600)", "took longer than 1 s", replace(LIMITS, seconds=1)),
        ("while True: pass", "used more than 1 s of processor time", replace(LIMITS, cpu_seconds=1)),
    ],
)
def test_a_line_that_takes_the_process_down_is_lost_alone(what: str, told: str, limits: Limits) -> None:
    found = through(ON_THE_SECOND.format(what=what), captured(*numbered(4)), limits=limits)
    assert found.decoded.records["@line"].to_list() == [1, 3, 4]
    (example,) = found.decoded.rejects.examples
    assert (example.kind, example.line) == (RejectKind.HOOK_FAILED, 2)
    assert example.detail == f"the process of the preprocess script hooks/pre.py {told} at this line"


def test_a_script_that_takes_its_process_down_at_every_line_is_given_up_and_every_line_is_counted() -> None:
    source = "import os\ndef preprocess_handler(record):\n    os._exit(1)\n"
    found = through(source, captured(*numbered(50)))
    assert found.decoded.records.is_empty()
    assert found.decoded.rejects.counts == {RejectKind.HOOK_FAILED: 50}
    last = found.decoded.rejects.examples[-1]
    assert "took its process down at 3 lines: what follows was not tried" in last.detail
    assert last.line == 4


def test_memory_is_bounded() -> None:
    source = ON_THE_SECOND.format(what="bytearray(1 << 40)")
    found = through(source, captured(*numbered(3)))
    assert found.decoded.records["@line"].to_list() == [1, 3]
    assert found.decoded.rejects.examples[0].detail.endswith("failed in its line 5 (MemoryError)")


def test_a_file_is_bounded_and_lies_where_nothing_stays() -> None:
    source = (
        "import os\n"
        "def preprocess_handler(record):\n"
        "    print(os.getcwd())\n"
        "    with open('big', 'wb', buffering=0) as file:\n"
        "        while True: file.write(bytes(1 << 20))\n"
    )
    found = through(source, captured(*numbered(1)), limits=replace(LIMITS, file_bytes=1 << 21))
    assert found.decoded.rejects.examples[0].detail.endswith("failed in its line 5 (OSError)")
    assert not Path(found.said.splitlines()[0]).exists()


def test_an_answer_is_bounded() -> None:
    source = returning("{'p': 'x' * 1000000, 'a': 1, 'b': 2}")
    found = through(source, captured(*numbered(1)), limits=replace(LIMITS, answer_bytes=1000))
    assert found.decoded.rejects.counts == {RejectKind.HOOK_FAILED: 1}
    assert "answered with more than 1000 bytes" in found.decoded.rejects.examples[0].detail


def test_what_it_prints_is_bounded() -> None:
    source = (
        "def preprocess_handler(record):\n    print('x' * 1000000)\n    return {'p': 1, 'a': 2, 'b': 3}\n"
    )
    found = through(source, captured(*numbered(5)))
    assert found.decoded.records.height == 5
    assert len(found.said) <= LIMITS.said_bytes
    assert set(found.said[:1000]) == {"x"}


def test_standard_output_is_not_the_scripts_to_answer_on() -> None:
    source = "import os\n" + ON_THE_SECOND.format(what="os.write(1, b'junk'); os.write(2, b'junk')")
    assert through(source, captured(*numbered(3))).decoded.records.height == 3


def test_the_environment_is_bare(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_SECRET_ACCESS_KEY", "AWS_PROFILE", "KEDGE_TOKEN", "DATABASE_PASSWORD", "PYTHONPATH"):
        monkeypatch.setenv(name, "secret")
    source = "import json, os\ndef preprocess_handler(record):\n    print(json.dumps(dict(os.environ)))\n"
    environment = json.loads(through(source, captured(*numbered(1))).said)
    assert set(environment) == {
        "HOME", "LANG", "MKL_NUM_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "PATH", "TMPDIR", "TZ",
    }  # fmt: skip
    assert "secret" not in json.dumps(environment)


def test_what_the_script_started_ends_with_it(tmp_path: Path) -> None:
    source = (
        "import subprocess\n"
        "started = subprocess.Popen(['sleep', '600'])\n"
        "def preprocess_handler(record):\n    print(started.pid)\n"
    )
    left = int(through(source, captured(*numbered(1))).said)
    deadline = time.monotonic() + 10
    while _runs(left) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not _runs(left)


def _runs(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_one_process_takes_a_whole_object() -> None:
    source = "import os\ndef preprocess_handler(record):\n    print(os.getpid())\n"
    printed = through(source, captured(*numbered(500))).said.split()
    assert len(printed) == 500
    assert len(set(printed)) == 1
    assert printed[0] != str(os.getpid())


def test_an_object_of_several_messages_keeps_its_lines_in_order() -> None:
    wide = csv_line("1," + "9" * 4000, "3")
    found = through(IDIOM, captured(*[wide] * 3000))  # some 13 MB
    assert found.decoded.records["@line"].to_list() == list(range(1, 3001))


def test_a_script_imports_what_lies_beside_it(tmp_path: Path) -> None:
    (tmp_path / "beside.py").write_text("def row(record):\n    return {'p': 1, 'a': 2, 'b': 3}\n")
    (tmp_path / "pre.py").write_text("from beside import row\npreprocess_handler = row\n")
    script = read_script(str(tmp_path / "pre.py"))
    assert decode_through(script, captured(*numbered(2)), ABC).decoded.records.height == 2


def test_values_outside_the_times_are_rejects_as_without_a_script() -> None:
    times = (datetime(2022, 1, 1, tzinfo=UTC), datetime(2023, 1, 1, tzinfo=UTC))
    found = decode_through(Script("pre.py", IDIOM.encode()), captured(*numbered(2)), ABC, between=times)
    assert found.decoded.rejects.counts == {RejectKind.BAD_TIME: 2}


def test_real_captures_go_through(golden: Path) -> None:
    data = (golden / "capture" / "abalone_csv.jsonl").read_bytes()
    schema = Schema(tuple(f"_c{n}" for n in range(11)))
    plain = decode(data, schema)
    source = (
        "def preprocess_handler(record):\n"
        "    row = record.endpoint_output.data.strip() + ',' + record.endpoint_input.data.strip()\n"
        "    return {'_c%d' % n: cell for n, cell in enumerate(row.split(','))}\n"
    )
    found = through(source, data, schema).decoded
    assert found.records.height > 0
    assert found.records.equals(plain.records)
