"""The platform's scripts in the image: record_preprocessor_script and post_analytics_processor_script."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.analysis.container import BASELINING, Container
from tests.clock import MINUTE, NOON
from tests.hooks.scripts import COUNTING, IDIOM
from tests.judging.test_comparison import line

CODE = "/opt/ml/processing/code"
TRAINING = "rings,length\n" + "".join(f"{n % 29 + 1}.0,{0.2 + n % 40 / 100}\n" for n in range(1200))


@pytest.fixture
def container(tmp_path: Path) -> Container:
    """A job on an hour of quiet traffic."""
    made = Container(tmp_path)
    made.baseline(TRAINING)
    quiet = [line(NOON + n * MINUTE / 10, n % 29 + 1.0, f"{0.2 + n % 40 / 100}") for n in range(580)]
    made.capture("2026/03/02/12/00-00-000-a.jsonl", quiet)
    return made


def _with(container: Container, pre: str | None = None, post: str | None = None) -> None:
    for source, folder, variable in (
        (pre, "preprocessing", "record_preprocessor_script"),
        (post, "postprocessing", "post_analytics_processor_script"),
    ):
        if source is not None:
            inside = f"{CODE}/{folder}/script.py"
            container.path(inside).write_text(source)
            container.variables[variable] = inside


def test_the_idiom_gives_the_files_that_the_captures_give(container: Container) -> None:
    plain = container.run().file("statistics.json")
    _with(container, IDIOM, COUNTING)
    ended = container.run()
    assert (ended.status, ended.message) == (
        0,
        "Completed: Job completed successfully with no violations.",
    ), ended.said
    assert ended.file("statistics.json") == plain
    assert "records 580\nviolations 0\n" in ended.said


def test_a_script_that_fails_at_every_record_fails_the_job_with_its_line(container: Container) -> None:
    _with(container, "def preprocess_handler(record):\n    return record.nothing_of_the_kind\n")
    ended = container.run()
    assert ended.status != 0
    assert ended.message.startswith("Failed: Job inputs had no data: none of 580 lines in 1 object")
    assert "preprocessing/script.py failed in its line 2 (AttributeError)" in ended.message


def test_lines_at_which_it_fails_are_named_and_the_others_are_judged(container: Container) -> None:
    failing = IDIOM.replace("    row =", "    if '0.25' in record: 1 / 0\n    row =").replace(
        "in record", "in inference_record.endpoint_input.data"
    )
    _with(container, failing)
    ended = container.run()
    assert ended.status == 0, ended.said
    count = ended.file("statistics.json")["dataset"]["item_count"]
    assert 0 < count < 580
    assert f"{count} records in 1 object, {580 - count} rejected" in ended.said
    assert "00-00-000-a.jsonl line 6: hook_failed: the preprocess script" in ended.said


@pytest.mark.parametrize("which", ["pre", "post"])
def test_a_script_that_cannot_be_used_fails_the_job_in_a_sentence(container: Container, which: str) -> None:
    _with(container, **{which: "import nowhere_to_be_found\n"})
    ended = container.run()
    assert ended.status == 1
    assert ended.message.startswith("Failed: the script ")
    assert "in its line 1 (ModuleNotFoundError)" in ended.message


def test_a_baseline_of_a_data_set_gets_its_lines_as_texts(container: Container) -> None:
    container.variables = dict(BASELINING)
    container.path(f"{BASELINING['dataset_source']}/training.csv").write_text(TRAINING)
    _with(
        container,
        "def preprocess_handler(line):\n"
        "    rings, length = line.split(',')\n"
        "    return {'rings': rings, 'centimetres': float(length) * 100}\n",
    )
    ended = container.run()
    assert ended.status == 0, ended.said
    features = {each["name"]: each for each in ended.file("statistics.json")["features"]}
    assert list(features) == ["centimetres", "rings"]
    assert features["rings"]["numerical_statistics"]["common"] == {"num_present": 1200, "num_missing": 0}
    assert features["centimetres"]["numerical_statistics"]["min"] == 20.0


def test_a_baseline_of_captures_has_the_scripts_columns(container: Container) -> None:
    for name in ("baseline_constraints", "baseline_statistics", "start_time", "end_time"):
        del container.variables[name]
    _with(container, "def preprocess_handler(r):\n    return {'b': r.endpoint_output.data, 'a': 'text'}\n")
    ended = container.run()
    assert ended.status == 0, ended.said
    found = json.loads((ended.output / "constraints.json").read_text())["features"]
    assert [(each["name"], each["inferred_type"]) for each in found] == [("a", "String"), ("b", "Fractional")]


@pytest.mark.parametrize("captured", [True, False])
def test_a_script_that_drops_every_record_is_told_as_such(container: Container, captured: bool) -> None:
    _with(container, "def preprocess_handler(record):\n    return []\n")
    if not captured:
        container.variables |= {"dataset_format": '{"csv": {"header": true}}', "dataset_source": "/data"}
    ended = container.run()
    assert ended.status == 1
    assert f"preprocessing/script.py dropped all of {580 if captured else 1200} lines in 1" in ended.message
