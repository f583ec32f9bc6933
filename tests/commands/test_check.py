"""`kedge check`: a capture against a baseline, without a database."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from tests.clock import HOUR, NOON
from tests.commands.line import kedge, kedge_process
from tests.hooks.scripts import COUNTING, IDIOM
from tests.judging.test_comparison import capture, line

RESULTS = {"constraint_violations.json", "constraints.json", "statistics.json"}
QUIET = "Completed: Job completed successfully with no violations.\n"


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _json(text: str) -> Any:
    """Numbers keep the digits that were captured."""
    return json.loads(text, parse_float=str, parse_int=str)


def _csv_rows(asked: str, answered: str) -> Iterator[list[str]]:
    yield [*answered.strip().split(","), *asked.strip().split(",")]


def _json_rows(asked: str, answered: str) -> Iterator[list[str]]:
    pairs = zip(_json(answered)["predictions"], _json(asked)["instances"], strict=True)
    for prediction, instance in pairs:
        yield [*prediction.values(), *instance["features"]]


def _json_lines_rows(asked: str, answered: str) -> Iterator[list[str]]:
    for prediction, instance in zip(answered.strip().split("\n"), asked.strip().split("\n"), strict=True):
        yield [*_json(prediction).values(), *_json(instance)["features"]]


def _llm_rows(asked: str, answered: str) -> Iterator[list[str]]:
    (answer,) = json.loads(answered).values() if answered.startswith("{") else [answered]
    question = _json(asked)
    yield [answer, question["inputs"], *map(_text, question["parameters"].values())]


CAPTURES = {
    "abalone_csv": (_csv_rows, 11, 6),
    "csv_trailing_newline": (_csv_rows, 17, 6),
    "csv_with_inference_id": (_csv_rows, 70, 2),
    "json_nested_multi_record": (_json_rows, 16, 3),
    "jsonlines_multi_record": (_json_lines_rows, 16, 3),
    "llm_nested_json": (_llm_rows, 6, 3),
}


def rows_of(path: Path) -> list[list[str]]:
    """What was captured, as rows with the output first, read without Kedge."""
    read = CAPTURES[path.stem][0]
    found: list[list[str]] = []
    for text in path.read_text().splitlines():
        sides = json.loads(text)["captureData"]
        found.extend(read(sides["endpointInput"]["data"], sides["endpointOutput"]["data"]))
    return found


def baseline_of(rows: list[list[str]], folder: Path) -> Path:
    """A baseline of these rows, made by `kedge baseline create`."""
    data = folder / "training.jsonl"
    records = [{f"_c{i}": cell for i, cell in enumerate(row)} for row in rows]
    data.write_text("".join(json.dumps(record) + "\n" for record in records))
    assert kedge("baseline", "create", data, "--output", folder / "made").status == 0
    return folder / "made"


@pytest.mark.parametrize("name", CAPTURES)
@pytest.mark.parametrize("distance", ["correct", "compat"])
def test_a_real_capture_against_a_baseline_of_its_own_rows(
    golden: Path, folder: Path, name: str, distance: str
) -> None:
    captured = golden / "capture" / f"{name}.jsonl"
    made = baseline_of(rows_of(captured), folder)
    given = ("--capture", captured, "--baseline", made, "--output", folder / "out", "--distance", distance)
    ran = kedge("check", *given, "--fail-on-violations")
    assert ran.status == 0
    assert ran.out.startswith(f"{CAPTURES[name][2]} records in 1 object, 0 rejected\n")
    assert ran.out.endswith(QUIET)
    assert {path.name for path in (folder / "out").iterdir()} == RESULTS
    for written in ("statistics.json", "constraints.json"):
        assert (folder / "out" / written).read_bytes() == (made / written).read_bytes()
    assert json.loads((folder / "out" / "constraint_violations.json").read_text()) == {"violations": []}


def test_a_change_of_unit_is_told_apart_from_what_the_file_counts(folder: Path) -> None:
    (folder / "training.csv").write_text("rings,length\n" + "".join(f"{n + 500}.5,{n}\n" for n in range(300)))
    assert kedge("baseline", "create", "training.csv", "--output", "made").status == 0
    constraints = json.loads((folder / "made" / "constraints.json").read_text())
    constraints["monitoring_config"]["distribution_constraints"]["comparison_threshold"] = 1.0
    (folder / "made" / "constraints.json").write_text(json.dumps(constraints))
    capture(folder / "capture" / "1.jsonl", *(line(NOON, (n + 500.5) * 100, str(n)) for n in range(300)))
    given = ("check", "--capture", "capture", "--baseline", "made", "--output", "out", "--fail-on-violations")
    ran = kedge(*given)
    written = json.loads((folder / "out" / "constraint_violations.json").read_text())
    assert written == {"violations": []}
    assert "\nrings  unit_change_check  The values are distributed as the baseline's times 100: " in ran.out
    assert ran.out.endswith(
        QUIET + "1 feature has another unit, which Model Monitor does not check and its files do not say.\n"
    )
    told = json.loads(kedge(*given, "--json").out)
    assert (ran.status, told["violations"], told["unit_changes"]) == (3, 0, 1)


@pytest.mark.parametrize("name", CAPTURES)
@pytest.mark.parametrize(("change", "word"), [(-1, "extra"), (+1, "missing")])
def test_a_real_capture_against_a_baseline_of_other_columns(
    golden: Path, folder: Path, name: str, change: int, word: str
) -> None:
    captured = golden / "capture" / f"{name}.jsonl"
    columns = CAPTURES[name][1]
    other = [[*row, "0"][: columns + change] for row in rows_of(captured)]
    ran = kedge("check", "--capture", captured, "--baseline", baseline_of(other, folder), "--output", "out")
    assert ran.status == 0
    (violation,) = json.loads((folder / "out" / "constraint_violations.json").read_text())["violations"]
    assert violation == {
        "feature_name": f"{word.capitalize()} columns",
        "constraint_check_type": f"{word}_column_check",
        "description": (
            f"There are {word} columns in current dataset. Number of columns in current dataset: {columns}, "
            f"Number of columns in baseline constraints: {columns + change}"
        ),
    }
    assert violation["description"] in ran.out
    assert ran.out.endswith("CompletedWithViolations: Job completed successfully with 1 violations.\n")


@pytest.fixture
def drifted(folder: Path, baseline: Path) -> tuple[str, ...]:
    """A capture that drifted, as arguments."""
    capture(folder / "capture" / "1.jsonl", *(line(NOON, 90.0 + n, "0.5") for n in range(60)), "garbage")
    return ("check", "--capture", "capture", "--baseline", "baseline")


def test_violations_are_told_and_are_an_exit_status_where_that_is_asked_for(drifted: tuple[str, ...]) -> None:
    ran = kedge(*drifted)
    assert ran.status == 0
    assert "rings  baseline_drift_check  Baseline drift distance: " in ran.out
    assert kedge(*drifted, "--fail-on-violations").status == 3


def test_bad_lines_are_told_on_standard_error_without_what_they_held(drifted: tuple[str, ...]) -> None:
    ran = kedge(*drifted)
    assert "60 records in 1 object, 1 rejected\n" in ran.out
    assert ran.err.startswith("1.jsonl line 61: not_json: ")
    assert "garbage" not in ran.err


def test_examples_say_how_many_more_there_are(folder: Path, baseline: Path) -> None:
    good = [line(NOON, 1.0 + n, "0.5") for n in range(60)]
    capture(folder / "capture" / "1.jsonl", *good, *["garbage"] * 23)
    ran = kedge("check", "--capture", "capture", "--baseline", "baseline")
    assert ran.err.count("1.jsonl line ") == 20
    assert ran.err.endswith("1.jsonl: not_json: and 3 more\n")
    told = json.loads(kedge("check", "--capture", "capture", "--baseline", "baseline", "--json").out)
    assert told["rejects_by_kind"] == [{"key": "1.jsonl", "kind": "not_json", "count": 23}]


def test_json_is_one_line_that_says_all_of_it(drifted: tuple[str, ...]) -> None:
    ran = kedge(*drifted, "--json")
    assert ran.out.count("\n") == 1
    told = json.loads(ran.out)
    assert (told["objects"], told["records"], told["rejected"]) == (1, 60, 1)
    assert [(reject["key"], reject["line"], reject["kind"]) for reject in told["rejects"]] == [
        ("1.jsonl", 61, "not_json")
    ]
    violated = [check for check in told["checks"] if check["outcome"] == "VIOLATED"]
    assert told["violations"] == len(violated) > 0
    assert {check["check"] for check in told["checks"] if check["feature"] == "length"} == {
        "data_type_check",
        "completeness_check",
        "categorical_values_check",
        "baseline_drift_check",
        "unit_change_check",
    }


def test_the_distance_is_model_monitors_where_that_is_asked_for(folder: Path, baseline: Path) -> None:
    # the same few values, in other shares: what Model Monitor cannot see
    values = [0.0] * 280 + [float(n) for n in range(30)]
    capture(folder / "capture" / "1.jsonl", *(line(NOON, value) for value in values))
    given = ("check", "--capture", "capture", "--baseline", "baseline", "--json")

    def rings(*more: str) -> str:
        checks = json.loads(kedge(*given, *more).out)["checks"]
        (outcome,) = (
            check["outcome"]
            for check in checks
            if check["feature"] == "rings" and check["check"] == "baseline_drift_check"
        )
        return str(outcome)

    assert rings() == rings("--distance", "correct") == "VIOLATED"
    assert rings("--distance", "compat") == "OK"


def test_a_stretch_of_time_can_be_chosen_in_any_zone(folder: Path, baseline: Path) -> None:
    capture(folder / "capture" / "1.jsonl", *(line(NOON + n * HOUR) for n in range(10)))
    given = ("check", "--capture", "capture", "--baseline", "baseline", "--json")
    for stretch, records in (
        (("--start", "2026-03-02T14:00"), 8),
        (("--start", "2026-03-02T14:00Z", "--end", "2026-03-02T16:00Z"), 2),
        (("--end", "2026-03-02T15:30+02:00"), 2),
    ):
        assert json.loads(kedge(*given, *stretch).out)["records"] == records


def test_only_the_objects_of_the_stretch_are_counted_and_told_of(folder: Path, baseline: Path) -> None:
    for n in range(4):
        capture(folder / "capture" / f"{n}.jsonl", line(NOON + n * HOUR), "garbage")
    given = ("check", "--capture", "capture", "--baseline", "baseline", "--json")
    told = json.loads(kedge(*given, "--start", "2026-03-02T13:00", "--end", "2026-03-02T15:00").out)
    assert (told["objects"], told["records"], told["rejected"]) == (2, 2, 2)
    assert {reject["key"] for reject in told["rejects"]} == {"1.jsonl", "2.jsonl"}


def test_half_a_gzip_is_no_success(folder: Path, baseline: Path) -> None:
    """Nobody knows how much the other half held."""
    whole = gzip.compress("".join(line(NOON, float(n)) + "\n" for n in range(500)).encode())
    (folder / "capture").mkdir()
    (folder / "capture" / "1.jsonl.gz").write_bytes(whole[: len(whole) // 2])
    ran = kedge("check", "--capture", "capture", "--baseline", "baseline", "--fail-on-violations")
    assert ran.status == 3
    assert "Data fault: 1.jsonl.gz is damaged gzip, and nobody can say how many" in ran.out


def test_results_are_written_to_this_machine_alone(folder: Path, baseline: Path) -> None:
    capture(folder / "capture" / "1.jsonl", line(NOON))
    for ran in (
        kedge("check", "--capture", "capture", "--baseline", "baseline", "--output", "s3://results/x"),
        kedge("baseline", "create", "training.csv", "--output", "s3://results/x"),
    ):
        assert ran.status == 2
        assert "give a path on this machine" in ran.err
    assert not (folder / "s3:").exists()


def test_what_another_run_left_is_not_taken_for_this_ones(folder: Path, drifted: tuple[str, ...]) -> None:
    assert kedge(*drifted, "--distance", "both", "--output", "results").status == 0
    assert (folder / "results" / "compat" / "constraint_violations.json").exists()
    assert kedge(*drifted, "--output", "results").status == 0
    assert not (folder / "results" / "compat" / "constraint_violations.json").exists()


BAD_TIMES = ["1969-12-31T23:59:59Z", "2999-01-01T00:00:00Z", "yesterday", "0001-01-01T00:00:00+23:00", ""]


def _timed(value: str | None) -> str:
    event = json.loads(line(NOON))
    if value is None:
        del event["eventMetadata"]["inferenceTime"]
    else:
        event["eventMetadata"]["inferenceTime"] = value
    return json.dumps(event)


@pytest.mark.parametrize("hook", [(), ("--preprocess", "pre.py")])
def test_a_time_that_no_inference_can_have_is_lost_as_in_the_service(
    folder: Path, baseline: Path, hook: tuple[str, ...]
) -> None:
    (folder / "pre.py").write_text(IDIOM)
    capture(folder / "capture" / "1.jsonl", line(NOON), *map(_timed, BAD_TIMES), _timed(None))
    given = ("check", "--capture", "capture", "--baseline", "baseline", "--json", *hook)
    told = json.loads(kedge(*given).out)
    assert (told["records"], told["rejected"]) == (2, 5)
    assert {(reject["kind"], reject["line"]) for reject in told["rejects"]} == {
        ("bad_time", at) for at in range(2, 7)
    }
    of_a_day = json.loads(kedge(*given, "--start", "2026-03-02").out)
    assert (of_a_day["records"], of_a_day["rejected"]) == (1, 6), "a line without a time lies in no period"


USABLE = "give captured objects, each line of them a JSON object with captureData and eventMetadata"


@pytest.mark.parametrize(
    ("held", "counted", "first"),
    [
        (b"", "1 empty_file", "1.jsonl: empty_file: the object holds no line"),
        (b"rings,length\n9,0.5\n8,0.4\n", "3 not_json", "1.jsonl line 1: not_json: the line is not JSON"),
        (
            b'{"a": 1}\n[]\n{"b": 2}\n',
            "3 not_capture",
            "1.jsonl line 1: not_capture: the line has no captureData or no eventMetadata",
        ),
    ],
    ids=["empty", "csv", "json"],
)
def test_a_capture_without_a_usable_record_is_no_success(
    folder: Path, baseline: Path, held: bytes, counted: str, first: str
) -> None:
    (folder / "capture").mkdir()
    (folder / "capture" / "1.jsonl").write_bytes(held)
    ran = kedge("check", "--capture", "capture", "--baseline", "baseline", "--output", "out")
    assert ran.sentence == (
        f"capture holds no record that can be used: {counted}; the first is {first}; {USABLE}"
    )
    assert not (folder / "out").exists()


def test_bytes_of_chance_are_no_success(folder: Path, baseline: Path) -> None:
    (folder / "capture").mkdir()
    (folder / "capture" / "1.jsonl").write_bytes(b"".join(sha256(bytes([n])).digest() for n in range(157)))
    capture(folder / "capture" / "2.jsonl", "{}")
    ran = kedge("check", "--capture", "capture", "--baseline", "baseline", "--fail-on-violations")
    assert ran.sentence.startswith("capture (2 objects) holds no record that can be used: ")
    assert "not_utf8" in ran.sentence
    assert "; the first is 1.jsonl line 1: not_utf8: " in ran.sentence


def test_a_stretch_without_records_is_no_success(folder: Path, baseline: Path) -> None:
    capture(folder / "capture" / "1.jsonl", *(line(NOON + n * HOUR) for n in range(3)))
    given = ("check", "--capture", "capture", "--baseline", "baseline")
    lies = "its records are from 2026-03-02 12:00:00 UTC to 2026-03-02 14:00:00 UTC: check --start and --end"
    assert kedge(*given, "--start", "2026-03-03").sentence == (
        f"capture holds no record from 2026-03-03 00:00:00 UTC, {lies}"
    )
    assert kedge(*given, "--start", "2026-03-01", "--end", "2026-03-02").sentence == (
        f"capture holds no record from 2026-03-01 00:00:00 UTC before 2026-03-02 00:00:00 UTC, {lies}"
    )


@pytest.mark.parametrize(("bad", "status"), [(3, 0), (4, 3)])
def test_more_than_one_record_in_twenty_lost_counts_as_a_violation(
    folder: Path, baseline: Path, bad: int, status: int
) -> None:
    good = (line(NOON, float(n), str(n * 0.37)) for n in range(60))
    (folder / "training.csv").write_text(
        "rings,length\n" + "".join(f"{float(n)},{n * 0.37}\n" for n in range(60))
    )
    assert kedge("baseline", "create", "training.csv", "--output", "own").status == 0
    capture(folder / "capture" / "1.jsonl", *good, *["garbage"] * bad)
    (folder / "capture" / "2.jsonl").write_text("")  # an object without a line loses nothing
    given = ("check", "--capture", "capture", "--baseline", "own", "--fail-on-violations")
    ran = kedge(*given)
    assert ran.status == status
    told = "Data fault: 4 of 64 records (6.2%) could not be used, and more than 5% is too many."
    assert (told in ran.out) is bool(status)
    assert json.loads(kedge(*given, "--json").out)["data_fault"] == (told if status else None)


def test_it_runs_in_a_process_of_its_own(folder: Path, drifted: tuple[str, ...]) -> None:
    ran = kedge_process(*drifted, "--output", "results", "--fail-on-violations", cwd=folder)
    assert ran == kedge(*drifted, "--output", "again", "--fail-on-violations")
    assert {path.name for path in (folder / "results").iterdir()} == RESULTS


def test_both_distances_stand_side_by_side_with_a_sentence_where_they_disagree(
    folder: Path, baseline: Path
) -> None:
    values = [0.0] * 280 + [float(n) for n in range(30)]
    capture(folder / "capture" / "1.jsonl", *(line(NOON, value) for value in values))
    given = ("check", "--capture", "capture", "--baseline", "baseline", "--distance", "both")
    ran = kedge(*given, "--output", "out")
    (told,) = (row for row in ran.out.splitlines() if row.startswith("rings  baseline_drift_check  OK"))
    assert " | VIOLATED " in told
    assert "30 of 310 values count (now)" in told
    assert "awslabs/deequ#392" in told
    files = (folder / "out" / name for name in ("", "compat"))
    right, theirs = (
        {each["constraint_check_type"] for each in json.loads(text)["violations"]}
        for text in ((file / "constraint_violations.json").read_text() for file in files)
    )
    assert "baseline_drift_check" in right
    assert "baseline_drift_check" not in theirs
    both = json.loads(kedge(*given, "--json").out)["both"]
    pair = next(
        each for each in both if (each["feature"], each["check"]) == ("rings", "baseline_drift_check")
    )
    assert (pair["compat"]["outcome"], pair["correct"]["outcome"]) == ("OK", "VIOLATED")
    assert {each["check"] for each in both if each["compat"] is None} == {"unit_change_check"}


def test_where_both_distances_agree_that_is_said(folder: Path) -> None:
    rows = [f"{float(n)},{n * 0.37}" for n in range(400)]
    (folder / "training.csv").write_text("\n".join(("rings,length", *rows)) + "\n")
    assert kedge("baseline", "create", "training.csv", "--output", "own").status == 0
    capture(folder / "capture" / "1.jsonl", *(line(NOON, float(n), str(n * 0.37)) for n in range(400)))
    ran = kedge("check", "--capture", "capture", "--baseline", "own", "--distance", "both")
    assert ran.out.endswith(
        "\nModel Monitor's verdict (compat) and the right one (correct) agree on every check.\n"
    )
    assert "where they differ" not in ran.out


def test_what_is_not_public_is_read_as_the_owner_says(folder: Path, baseline: Path) -> None:
    capture(folder / "capture" / "1.jsonl", *(line(NOON, -1.0 - n, "0.5") for n in range(60)))
    given = ("check", "--capture", "capture", "--baseline", "baseline")
    assert "non_negative_check" not in kedge(*given).out
    told = kedge(*given, "--assume", "non_negative=true").out
    assert "rings  non_negative_check  Non-negative requirement is not met." in told


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ("colour=red", "'colour=red' is no assumption: write NAME=VALUE"),
        ("non_negative", "is no assumption"),
        ("non_negative=perhaps", "non_negative is 'perhaps': write true or false"),
        ("non_negative=[", "non_negative is '[': write true or false"),
        ("chi_squared=up", "chi_squared: 'up' is none of p_value_below, value_above"),
    ],
)
def test_an_assumption_that_is_none_is_refused(folder: Path, baseline: Path, setting: str, said: str) -> None:
    capture(folder / "capture" / "1.jsonl", line(NOON, 1.0))
    ran = kedge("check", "--capture", "capture", "--baseline", "baseline", "--assume", setting)
    assert ran.status == 2
    assert said in " ".join(ran.err.replace("│", " ").split())


def test_the_owners_scripts_run_before_and_behind_the_comparison(folder: Path, baseline: Path) -> None:
    capture(folder / "capture" / "1.jsonl", line(NOON), line(NOON), line(NOON))
    (folder / "pre.py").write_text(IDIOM)
    (folder / "post.py").write_text(COUNTING)
    hooks = ("--preprocess", "pre.py", "--postprocess", "post.py")
    ran = kedge("check", "--capture", "capture", "--baseline", baseline, "--output", "results", *hooks)
    assert ran.status == 0, ran.err
    assert ran.err == "records 3\nviolations 0\n"
    plain = kedge("check", "--capture", "capture", "--baseline", baseline, "--output", "plain")
    assert ran.out == plain.out
    for name in RESULTS:
        assert (folder / "results" / name).read_text() == (folder / "plain" / name).read_text()


def test_a_script_that_fails_is_named_with_its_line_and_the_record(folder: Path, baseline: Path) -> None:
    capture(folder / "capture" / "1.jsonl", line(NOON), line(NOON))
    (folder / "pre.py").write_text("def preprocess_handler(record):\n    return {}['absent']\n")
    given = ("check", "--capture", "capture", "--baseline", baseline)
    ran = kedge(*given, "--preprocess", "pre.py")
    assert ran.status == 1
    assert (
        "capture holds no record that can be used: 2 hook_failed; the first is 1.jsonl line 1: hook_failed: "
        "the preprocess script pre.py failed in its line 2 (KeyError)" in ran.err
    )
    assert "KeyError: 'absent'" in ran.err
    (folder / "post.py").write_text("def postprocess_handler():\n    raise OSError\n")
    ending = ("--postprocess", "post.py", "--output", "results")
    assert (
        kedge(*given, *ending).sentence
        == "the postprocess script post.py failed in its line 2 (OSError): mend it"
    )
    assert kedge(*given, "--preprocess", "absent.py").status == 1
    assert kedge(*given, "--postprocess", "post.py").status == 2


ENTRY = """\
endpoints:
  - name: census
    capture: s3://nowhere/capture
    columns: [score, age, weight, plan]
    output_columns: [score]
    exclude: [plan]
    fields:
      score: predictions[].score
      age: instances[].features[0]
      weight: instances[].features[2]
"""


def test_an_entry_says_where_columns_lie_and_which_are_left_out(folder: Path, golden: Path) -> None:
    (folder / "kedge.yaml").write_text(ENTRY)
    (folder / "training.csv").write_text("score,age,weight,plan\n0.9,28,133937,a\n0.5,43,72338,b\n")
    assert kedge("baseline", "create", "training.csv", "--output", "made").status == 0
    source = golden / "capture" / "json_nested_multi_record.jsonl"
    ran = kedge(
        "check",
        "--capture",
        source,
        "--baseline",
        "made",
        "--endpoint",
        "census",
        "--output",
        "out",
        "--json",
    )
    assert ran.status == 0, ran.err
    found = json.loads(ran.out)
    assert (found["records"], found["rejected"]) == (3, 0)
    assert {check["feature"] for check in found["checks"]} == {"score", "age", "weight"}
    written = json.loads((folder / "out" / "statistics.json").read_text())
    means = {one["name"]: one["numerical_statistics"]["mean"] for one in written["features"]}
    assert means["age"] == (28 + 28 + 43) / 3
    assert means["weight"] == (133937 * 2 + 72338) / 3


def test_an_entry_that_is_not_there(folder: Path, baseline: Path) -> None:
    (folder / "kedge.yaml").write_text(ENTRY)
    given = ("check", "--capture", "a.jsonl", "--baseline", "baseline")
    (folder / "a.jsonl").write_text("")
    assert "kedge.yaml has no endpoint other" in kedge(*given, "--endpoint", "other").sentence


@pytest.mark.parametrize(("form", "columns"), [("batch_csv", 70), ("endpoint_jsonlines", 16)])
def test_merged_files_are_read_like_captures(folder: Path, golden: Path, form: str, columns: int) -> None:
    """What Model Monitor's merge wrote: the labels in it are no column of the model's data."""
    source = golden / "model-monitor" / "merge" / f"{form}_merged.jsonl"
    names = [f"_c{at}" for at in range(columns)]
    (folder / "training.csv").write_text(
        "\n".join([",".join(names), *[",".join(str(at) for at in range(columns))] * 2])
    )
    assert kedge("baseline", "create", "training.csv", "--output", "made").status == 0
    ran = kedge("check", "--capture", source, "--baseline", "made", "--json")
    assert ran.status == 0, ran.err
    found = json.loads(ran.out)
    assert (found["records"], found["rejected"]) == (1, 0)
