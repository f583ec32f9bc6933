"""A local target's command that trains a classifier: least squares for each class, the largest says which.

python classifier.py KIND [WRONG], with KEDGE_INPUT and KEDGE_OUTPUT as docs/retraining.md has them. KIND is
what it answers: "class" (its name), "probability" (of the last class) or "both"; or, with the ARN of a
version and two addresses behind it, "own": a workflow that has trained and measured that version by itself.
"""

from __future__ import annotations

import csv
import json
import os
import sys
from pathlib import Path
from typing import Any

import numpy as np

HEADERS = {"class": "prediction", "probability": "prediction", "both": "prediction,probability"}


def fitted(inputs: np.ndarray, labels: list[str]) -> dict[str, Any]:
    """A model: its classes, and weights of shape (inputs + 1, classes)."""
    names = sorted(set(labels))
    wanted = np.array([[2.0 * (label == name) - 1 for name in names] for label in labels])
    weights = np.linalg.lstsq(np.column_stack([inputs, np.ones(len(inputs))]), wanted, rcond=None)[0]
    return {"names": names, "weights": weights.tolist()}


def answers(model: dict[str, Any], inputs: np.ndarray, kind: str) -> list[str]:
    """What it answers to each row, as a line of CSV."""
    scores = np.column_stack([inputs, np.ones(len(inputs))]) @ np.array(model["weights"])
    told = [model["names"][at] for at in scores.argmax(axis=1)]
    chances = [f"{each:.4f}" for each in 1 / (1 + np.exp(-4 * (scores[:, -1] - scores[:, 0])))]
    match kind:
        case "class":
            return told
        case "probability":
            return chances
        case _:
            return [f"{name},{chance}" for name, chance in zip(told, chances, strict=True)]


def _path(uri: str) -> Path:
    path = Path(uri.removeprefix("file://"))
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


def _rows(uri: str) -> list[dict[str, str]]:
    with _path(uri).open() as file:
        return list(csv.DictReader(file))


def _inputs(uri: str, features: list[str]) -> np.ndarray:
    return np.array([[float(row[name]) for name in features] for row in _rows(uri)])


def main(kind: str, wrong: str = "") -> None:
    given: dict[str, Any] = json.loads(Path(os.environ["KEDGE_INPUT"]).read_text())
    training, score, output = given["training"], given["score"], given["output"]
    features = training["features"]
    labels = [row[training["label"]] for row in _rows(training["data"])]
    model = fitted(_inputs(training["data"], features), labels)
    champion = json.loads(_path(given["champion"]["model_data"]).read_text())

    def scored(name: str, by: dict[str, Any], of: str) -> str | None:
        if score[of] is None:
            return None
        uri = f"{output}/predictions/{name}.csv"
        lines = [HEADERS[kind], *answers(by, _inputs(score[of], features), kind)]
        if wrong == "percent":
            lines[3] = lines[3].split(",")[0] + ",97.5"
        if wrong == "nan" and name == "captured":
            lines[3] = lines[3].split(",")[0] + ",nan"
        if wrong == "unseen":
            lines[3] = "Fresh," + lines[3].split(",")[1]
        if wrong == "widens" and of != "test":
            rows = _path(score[of]).read_text().splitlines()
            wider = [f"{row},{line}" for row, line in zip(rows, [*lines], strict=True)]
            wider[0] = f"{rows[0]},age,p"
            _path(score[of]).write_text("\n".join(wider) + "\n")
        _path(uri).write_text("\n".join(lines) + "\n")
        return uri

    _path(f"{output}/model.json").write_text(json.dumps(model))
    answer = {
        "model_data": f"{output}/model.json",
        "image": "registry/classes:1",
        "predictions": {
            "fresh": scored("fresh", model, "fresh"),
            "captured": scored("captured", model, "captured"),
            "test": scored("test", model, "test"),
            "champion_test": scored("champion_test", champion, "test"),
        },
    }
    Path(os.environ["KEDGE_OUTPUT"]).write_text(json.dumps(answer))


def own(package: str, evaluation: str, baseline: str) -> None:
    answer = {"model_package_arn": package, "evaluation": evaluation, "baseline_data": baseline}
    Path(os.environ["KEDGE_OUTPUT"]).write_text(json.dumps(answer))


if __name__ == "__main__":
    own(*sys.argv[2:]) if sys.argv[1] == "own" else main(*sys.argv[1:])
