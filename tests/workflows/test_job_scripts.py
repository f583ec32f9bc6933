"""The jobs' scripts, run as SageMaker's containers run them: processes on folders laid out like /opt/ml."""

from __future__ import annotations

import io
import json
import os
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

import polars as pl
import pytest

from demo import model, survey
from demo.pipeline import dataset
from tests.conftest import ROOT
from tests.workflows.linear import Linear

ABALONE = "demo.worker:AbaloneTrainer"


def run(name: str, root: Path, trainer: str = ABALONE, **given: str) -> subprocess.CompletedProcess[str]:
    """A job's entry point, with /opt/ml elsewhere."""
    return subprocess.run(
        [sys.executable, "-m", f"retrain.workflows.jobs.{name}"],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], "KEDGE_ML_ROOT": str(root), "KEDGE_TRAINER": trainer} | given,
        capture_output=True,
        text=True,
        check=False,
    )


def put(root: Path, name: str, data: bytes) -> Path:
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


def without_label(csv: bytes) -> bytes:
    return pl.read_csv(io.BytesIO(csv), infer_schema=False).drop(survey.RINGS).write_csv().encode()


def test_the_demos_network_goes_through_the_three_jobs(tmp_path: Path) -> None:
    animals = survey.survey(seed=11, rows=700)
    old, new, later = animals[:300], animals[300:600], animals[600:]
    first, second, third = (tmp_path / name for name in ("split", "train", "score"))

    put(first, "processing/input/training/training.csv", dataset(pl.concat([old, new])))
    manifest = put(
        first, "processing/input/manifest/manifest.json", json.dumps({"training": {"count": 300}}).encode()
    )
    assert run("preprocess", first).returncode == 0
    prepared = first / "processing" / "output" / "prepared"

    hyperparameters = {"run": "kedge-abalone-1", "label": "rings"}
    put(second, "input/config/hyperparameters.json", json.dumps(hyperparameters).encode())
    put(second, "input/data/train/train.csv", (prepared / "train" / "train.csv").read_bytes())
    trained = run("train", second)
    assert trained.returncode == 0, trained.stderr
    assert (second / "model" / "1" / "saved_model.pb").exists()

    inputs = "processing/input"
    packed = io.BytesIO()
    with tarfile.open(
        fileobj=packed, mode="w:gz"
    ) as archive:  # as SageMaker packs what lies in /opt/ml/model
        archive.add(second / "model", arcname=".")
    put(third, f"{inputs}/model/model.tar.gz", packed.getvalue())
    put(third, f"{inputs}/champion/other.tar.gz", packed.getvalue())
    shutil.copytree(prepared / "held_out", third / inputs / "held_out")
    put(third, f"{inputs}/fresh/fresh.csv", without_label(dataset(later)))
    put(third, f"{inputs}/captured/captured.csv", without_label(dataset(new)))
    put(third, f"{inputs}/test/manifest.json", manifest.read_bytes())
    scored = run("evaluate", third, KEDGE_LABEL="rings", KEDGE_OUTPUT_URI="s3://models/run")
    assert scored.returncode == 0, scored.stderr

    outputs = third / "processing" / "output"
    evaluation = json.loads((outputs / "evaluation" / "evaluation.json").read_bytes())
    assert evaluation["predictions"] == {
        "fresh": "s3://models/run/predictions/fresh.csv",
        "captured": "s3://models/run/predictions/captured.csv",
        "test": None,
        "champion_test": None,
    }
    compared = evaluation["comparison"]
    assert compared["count"] == 60
    assert compared["challenger"] == compared["champion"], "the same model on the same records"
    fresh = pl.read_csv(outputs / "predictions" / "fresh.csv")["prediction"].to_numpy()
    rings = survey.rings(later)
    assert model.rmse(rings, fresh) < 0.9 * rings.std(), "it has learnt something"
    baseline = pl.read_csv(outputs / "evaluation" / "baseline.csv")
    truth, answers = baseline["label"].to_numpy(), baseline["prediction"].to_numpy()
    assert model.rmse(truth, answers) == pytest.approx(compared["challenger"])


LINEAR = "tests.workflows.linear:Linear"


def test_classes_are_told_where_numbers_are_measured(tmp_path: Path) -> None:
    trained = Linear().train(b"rings,length\n1,1\n9,9\n5,5\n", "rings", ["length"], "any")
    for name in ("model", "champion"):
        put(tmp_path, f"processing/input/{name}/model.tar.gz", trained.archive)
    for name in ("fresh", "captured", "test", "held_out"):
        put(tmp_path, f"processing/input/{name}/{name}.csv", b"rings,length\n2,2\n8,8\n")
    given = {"KEDGE_LABEL": "rings", "KEDGE_OUTPUT_URI": "s3://models/run"}
    done = run("evaluate", tmp_path, "tests.workflows.test_workflow:Classes", **given)
    assert done.returncode == 1
    told = (tmp_path / "output" / "message").read_text()
    assert "this job measures rmse, of numbers, and the model answers classes" in told


def split(root: Path, csv: bytes, manifest: bytes) -> Path:
    put(root, "processing/input/training/training.csv", csv)
    put(root, "processing/input/manifest/manifest.json", manifest)
    return root


@pytest.mark.parametrize(
    ("csv", "manifest", "told"),
    [
        (b"rings,length\n" + b"1,2\n" * 20, b'{"training": {"count": 21}}', "tells of 21 captured records"),
        (b"rings,length\n" + b"1,2\n" * 20, b'{"training": {"count": 3}}', "raise training.minimum"),
        (b"rings,length\n" + b"1,2\n" * 20, b'{"training": {"count": 3}}', "wait for more labels"),
        (b"rings,length\n" + b"1,2\n" * 20, b'{"training": {"count": 0}}', "needs training.from change or"),
        (b"rings,length\n" + b"1,2\n" * 20, b"{}", "does not say how many"),
        (b"", b'{"training": {"count": 20}}', "is no CSV with a header"),
    ],
)
def test_what_cant_be_split_is_told_where_sagemaker_looks(
    tmp_path: Path, csv: bytes, manifest: bytes, told: str
) -> None:
    done = run("preprocess", split(tmp_path, csv, manifest), LINEAR)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    for name in ("failure", "message"):
        assert told in (tmp_path / "output" / name).read_text()


@pytest.mark.parametrize("trainer", ["", "demo.worker", "demo.nowhere:Trainer", "demo.worker:Nobody"])
def test_a_trainer_that_is_not_there_is_told(tmp_path: Path, trainer: str) -> None:
    given = {"run": "r", "label": "rings"}
    put(tmp_path, "input/config/hyperparameters.json", json.dumps(given).encode())
    put(tmp_path, "input/data/train/train.csv", b"rings,length\n1,2\n")
    assert run("train", tmp_path, trainer).returncode == 1
    assert "trainer" in (tmp_path / "output" / "failure").read_text().lower()
