"""The steps as a command: a whole run by files, one step by a variable, a failure by status and sentence."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest

from retrain.workflows import command
from tests.workflows.conftest import OUTPUT, Stage, handed
from tests.workflows.linear import Linear


def test_a_whole_run_is_done_by_files(stage: Stage, tmp_path: Path) -> None:
    (tmp_path / "input.json").write_text(handed())
    files = {"KEDGE_INPUT": str(tmp_path / "input.json"), "KEDGE_OUTPUT": str(tmp_path / "output.json")}
    out = io.StringIO()
    assert command.run(Linear(), stage.s3, files, out) == 0
    answered = json.loads((tmp_path / "output.json").read_text())
    assert answered["model_data"] == f"{OUTPUT}/model.tar.gz"
    assert stage.read(answered["predictions"]["fresh"]).splitlines()[0] == b"prediction"
    assert out.getvalue() == ""


def test_one_step_is_told_as_the_last_line(stage: Stage) -> None:
    asked: dict[str, Any] = json.loads(handed())
    step = {"step": "train"} | {name: asked[name] for name in ("run", "training", "output")}
    out = io.StringIO()
    assert command.run(Linear(), stage.s3, {"KEDGE_STEP": json.dumps(step)}, out) == 0
    assert json.loads(out.getvalue().splitlines()[-1])["image"] == "registry/linear:1"


@pytest.mark.parametrize("environment", [{}, {"KEDGE_STEP": "train"}, {"KEDGE_STEP": '{"step": "train"}'}])
def test_what_is_no_step_ends_with_a_sentence(
    stage: Stage, environment: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    out = io.StringIO()
    assert command.run(Linear(), stage.s3, environment, out) == 1
    assert capsys.readouterr().err.startswith("BadInput: ")
    assert out.getvalue() == ""
