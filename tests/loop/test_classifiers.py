"""Classifiers from drift to a better model: names, probabilities, two classes and several."""

from __future__ import annotations

import csv
import json
import shlex
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from baselines import constraints, statistics
from baselines.create import create
from store import retention, runs
from store.engine import reading, writing
from store.retraining import Helped, Run, RunReason, RunState, Trial
from tests.capture.events import captured, csv_line
from tests.clock import HOUR, NOON
from tests.loop.classifier import answers, fitted
from tests.loop.rig import ENDPOINT, GRACE, GROUP, VARIANT, Rig
from tests.observing.yard import labels_body

ROWS = 80
TRAINER = Path(__file__).with_name("classifier.py")


@dataclass(frozen=True)
class Kind:
    """A kind of classifier: what its classes are called, the columns of its answer, and its policy."""

    name: str
    classes: tuple[str, ...]
    answer: str
    columns: tuple[str, ...]
    entry: dict[str, Any]
    retrain: dict[str, Any]
    metrics: str


TEXTS = Kind(
    "texts and probabilities",
    ("fresh", "old"),
    "both",
    ("age", "p"),
    {
        "problem_type": "binary_classification",
        "prediction": "age",
        "probability": "p",
        "positive_class": "old",
    },
    {"when": ("recall < 0.8",), "accept": "f1 > champion and auc > 0.7"},
    "binary_classification_metrics",
)
PROBABILITIES = Kind(
    "a probability alone",
    ("0", "1"),
    "probability",
    ("p",),
    {"problem_type": "binary_classification", "prediction": "p", "probability": "p"},
    {"when": ("auc < 0.8",), "accept": "auc > champion"},
    "binary_classification_metrics",
)
NUMBERED = Kind(
    "numbered classes",
    ("0", "1", "2"),
    "class",
    ("kind",),
    {"problem_type": "multiclass_classification", "prediction": "kind"},
    {"when": ("accuracy < 0.8",), "accept": "weighted_f1 > champion"},
    "multiclass_classification_metrics",
)


@dataclass
class World:
    """An endpoint of such a classifier in a world whose classes change places."""

    rig: Rig
    kind: Kind
    champion: dict[str, Any] = field(init=False)
    answering: dict[str, Any] = field(init=False)
    passed: int = 0
    positives: int | None = None
    """So many of the last class in an hour at most; None as many as there are."""

    def __post_init__(self) -> None:
        inputs, truth = self.drawn(1, 2000, changed=False)
        self.champion = self.answering = fitted(inputs, truth)
        self.rig.write("models/1/model.csv", json.dumps(self.champion).encode())
        self.rig.write("test.csv", self._table(inputs[:400], truth[:400]))
        header = ",".join([*self.kind.columns, "length", "weight"])
        lines = self._lines(self.champion, self.drawn(2, 2000, changed=False)[0])
        profile, suggested = create("\n".join([header, *lines]).encode(), where="baseline.csv")
        self.rig.write("baseline/statistics.json", statistics.write(profile).encode())
        self.rig.write("baseline/constraints.json", constraints.write(suggested).encode())
        command = shlex.join([sys.executable, str(TRAINER), self.kind.answer])
        self.rig.entry = self.kind.entry
        self.rig.retrain = {**self.kind.retrain, "target": {"local": command}, "for": "2 of 3"}

    def _table(self, inputs: np.ndarray, truth: list[str]) -> bytes:
        lines = [f"{label},{length},{weight}" for label, (length, weight) in zip(truth, inputs, strict=True)]
        return "\n".join([f"{self.kind.columns[0]},length,weight", *lines]).encode()

    def drawn(self, seed: int, rows: int, *, changed: bool) -> tuple[np.ndarray, list[str]]:
        """Inputs and what they are; each class is the next one in the changed world."""
        rng = np.random.default_rng(seed)
        inputs = rng.normal([5.0, 3.0], [1.0, 0.5], (rows, 2)).round(4)
        length, weight = (inputs - [5.0, 3.0]).T
        scores = np.column_stack([-length, length, 3 * weight][: len(self.kind.classes)])
        found = (scores + rng.normal(0, 0.2, scores.shape)).argmax(axis=1) + changed
        return inputs, [self.kind.classes[at % len(self.kind.classes)] for at in found]

    def _lines(self, model: dict[str, Any], inputs: np.ndarray) -> Iterator[str]:
        for answer, (length, weight) in zip(answers(model, inputs, self.kind.answer), inputs, strict=True):
            yield f"{answer},{length},{weight}"

    def hours(self, *kinds: str) -> None:
        """Hours are captured, labelled and judged."""
        for kind in kinds:
            start = NOON + self.passed * HOUR
            inputs, truth = self.drawn(100 + self.passed, 4 * ROWS, changed=kind == "changed")
            is_last = np.array(truth) == self.kind.classes[-1]
            kept = (
                np.ones_like(is_last)
                if self.positives is None
                else ~is_last | (np.cumsum(is_last) <= self.positives)
            )
            places = np.flatnonzero(kept)[:ROWS]
            inputs, truth = inputs[places], [truth[at] for at in places]
            answered = answers(self.answering, inputs, self.kind.answer)
            moments = [start + timedelta(seconds=40 * at) for at in range(ROWS)]
            lines = [
                csv_line(
                    f"{inputs[at, 0]},{inputs[at, 1]}",
                    answered[at],
                    event_id=f"{start:%d-%H}-{at}",
                    time=f"{moments[at]:%Y-%m-%dT%H:%M:%SZ}",
                )
                for at in range(ROWS)
            ]
            day = f"{start:%Y/%m/%d/%H}"
            self.rig.write(f"captures/{ENDPOINT}/{VARIANT}/{day}/00-00-000-a.jsonl", captured(*lines))
            labelled = [(f"{start:%d-%H}-{at}", label) for at, label in enumerate(truth)]
            self.rig.write(f"labels/{day}/00-00-000-a.jsonl", labels_body(labelled))
            self.passed += 1
            self.rig.clock.at = start + HOUR + GRACE
            self.rig.observe()

    def take_up(self, run: Run) -> None:
        """The run's model answers from now on."""
        self.answering = json.loads((self.rig.folder / "output" / run.name / "model.json").read_text())


@pytest.fixture(params=[TEXTS, PROBABILITIES, NUMBERED], ids=lambda kind: kind.name)
def of_classes(request: pytest.FixtureRequest, rig: Rig) -> World:
    return World(rig, request.param)


def trials(rig: Rig, run: Run) -> dict[tuple[str, str], Trial]:
    with reading(rig.engine) as connection:
        return {(each.dataset, each.metric): each for each in runs.trials_of(connection, run.id)}


def test_from_a_changed_world_to_a_better_model(of_classes: World) -> None:
    rig, kind = of_classes.rig, of_classes.kind
    rig.training = {"test": rig.uri("test.csv")}
    of_classes.hours("quiet", "quiet")
    assert rig.act() == 0
    of_classes.hours("changed", "changed", "changed")
    run = rig.until(RunState.DEPLOYED)
    found = trials(rig, run)
    leading = kind.retrain["accept"].split()[0]
    fresh, test = found["fresh", leading], found["test", leading]
    assert fresh.low > 0.2, "the champion's classes have changed places"
    assert fresh.challenger > 0.8
    assert test.high < -0.2, "and so have they in the old world"
    trained = csv.DictReader((rig.folder / "output" / run.name / "training.csv").read_text().splitlines())
    assert {row[kind.columns[0]] for row in trained} == set(kind.classes)
    quality = json.loads((rig.folder / "output" / run.name / "model_quality/statistics.json").read_text())
    assert quality[kind.metrics]["accuracy"]["value"] > 0.8
    of_classes.take_up(run)
    of_classes.hours("changed", "changed")
    adopted = rig.until(RunState.ADOPTED)
    assert adopted.helped is Helped.HELPED
    with reading(rig.engine) as connection:
        assert not [each for each in runs.history(connection, run.monitor_id) if each.id != run.id]


def test_its_new_baseline_is_of_its_own_answers(of_classes: World) -> None:
    rig, kind = of_classes.rig, of_classes.kind
    of_classes.hours("quiet", "changed", "changed", "changed")
    run = rig.until(RunState.DEPLOYED)
    baseline = json.loads((rig.folder / "output" / run.name / "baseline/statistics.json").read_text())
    before = json.loads((rig.folder / "baseline/statistics.json").read_text())
    shapes = [[(each["name"], each["inferred_type"]) for each in of["features"]] for of in (baseline, before)]
    assert shapes[0] == shapes[1]
    of_classes.take_up(run)
    of_classes.hours("changed")
    assert rig.until_so(lambda run: run.state.is_end).state is RunState.ADOPTED
    assert not any(each.state is RunState.ROLLED_BACK for each in rig.runs())
    assert kind.columns[0] in {name for name, _ in shapes[0]}


def test_a_classifier_that_learnt_nothing_loses(rig: Rig) -> None:
    """The world is as it was, and a person asked: who learnt less of the same is not better."""
    of = World(rig, TEXTS)
    of.rig.retrain |= {"when": ("volume < 1",), "every": "1h"}
    of.hours("quiet", "quiet", "quiet", "quiet")
    run = of.rig.until_so(lambda run: run.state.is_end)
    assert run.state is RunState.LOST
    assert "The challenger is not shown to be better: f1 0." in run.told
    assert not of.rig.packages()


def test_answers_of_another_form_end_the_run(rig: Rig) -> None:
    of = World(rig, TEXTS)
    command = shlex.join([sys.executable, str(TRAINER), "class"])
    of.rig.retrain |= {"target": {"local": command}}
    of.hours("quiet", "changed", "changed", "changed")
    run = of.rig.until(RunState.FAILED)
    assert run.reason is RunReason.BAD_OUTPUT
    assert (
        "is no CSV with a column of classes called prediction and a column of numbers called prob" in run.told
    )


@pytest.mark.parametrize(
    ("rows", "given", "told"),
    [
        (("ancient,1,2", "old,1,2"), {}, "are of 3 classes, and the model tells two apart"),
        (("old,1,2",), {"positive_class": "Old"}, "positive_class of kedge.yaml is none of the labels (age)"),
        (("old,1,2",), {"positive_class": None}, "does not say which is the positive one: write positive_cl"),
        ((",1,2",), {}, "1 of the 161 labels (age) of the training set are no name of a class"),
    ],
)
def test_labels_that_are_no_such_classes_are_told_before_anything_is_trained(
    rig: Rig, rows: tuple[str, ...], given: dict[str, Any], told: str
) -> None:
    of = World(rig, TEXTS)
    of.hours("quiet", "changed", "changed", "changed")
    rig.write("original.csv", "\n".join(["age,length,weight", *rows]).encode())
    rig.training = {"original": rig.uri("original.csv")}
    entry = {**rig.entry, **given}
    rig.entry = {name: value for name, value in entry.items() if value is not None}
    run = rig.until(RunState.FAILED)
    assert run.reason is RunReason.BAD_TRAINING_SET
    assert told in run.told
    assert run.handle is None


def test_a_class_has_one_spelling_in_the_training_set(rig: Rig) -> None:
    """That of the original set."""
    of = World(rig, PROBABILITIES)
    old = ["True,1,2", "False,1,2", "true,1,2", "0,1,2"]
    rig.write("original.csv", "\n".join(["p,length,weight", *old]).encode())
    rig.training = {"original": rig.uri("original.csv")}
    of.hours("quiet", "changed", "changed", "changed")
    run = rig.until_so(lambda run: run.training_uri is not None)
    lines = (rig.folder / "output" / run.name / "training.csv").read_text().splitlines()
    trained = list(csv.DictReader(lines))
    assert [row["p"] for row in trained[:4]] == ["True", "False", "True", "False"]
    assert {row["p"] for row in trained} == {"True", "False"}


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ("percent", "predictions/fresh.csv has a probability outside of 0 to 1 in"),
        ("nan", "predictions/captured.csv has a probability that is no finite number in 1 of"),
        (
            "unseen",
            "the challenger's answers can't be held against the labels: 2 classes are answered or lab",
        ),
    ],
)
def test_answers_that_can_not_be_end_the_run_and_say_where(rig: Rig, wrong: str, told: str) -> None:
    of = World(rig, TEXTS)
    command = shlex.join([sys.executable, str(TRAINER), TEXTS.answer, wrong])
    rig.retrain |= {"target": {"local": command}}
    of.hours("quiet", "changed", "changed", "changed")
    run = rig.until(RunState.FAILED)
    assert run.reason is RunReason.BAD_OUTPUT
    assert told in run.told


def test_files_that_a_workflow_wrote_more_into_are_read_all_the_same(rig: Rig) -> None:
    of = World(rig, TEXTS)
    command = shlex.join([sys.executable, str(TRAINER), TEXTS.answer, "widens"])
    rig.retrain |= {"target": {"local": command}}
    of.hours("quiet", "changed", "changed", "changed")
    assert rig.until(RunState.DEPLOYED, RunState.FAILED).state is RunState.DEPLOYED


@pytest.mark.parametrize("accept", ["f1 > champion", "f1 > champion and f1(test) > 0.1"])
def test_a_test_set_that_can_not_be_told_decides_nothing_unless_it_is_asked_for(
    rig: Rig, accept: str
) -> None:
    of = World(rig, TEXTS)
    rig.write("test.csv", b"age,length,weight\nold,1,2\nfresh,3,2\nstrange,2,2\n")
    rig.training = {"test": rig.uri("test.csv")}
    rig.retrain |= {"accept": accept}
    of.hours("quiet", "changed", "changed", "changed")
    run = rig.until(RunState.DEPLOYED, RunState.FAILED)
    if "test" in accept:
        assert (run.state, run.reason) == (RunState.FAILED, RunReason.BAD_TRAINING_SET)
    else:
        assert run.state is RunState.DEPLOYED
    assert f"On the original test set {rig.uri('test.csv')} they can't be compared" in told_of(rig, run)


def test_few_of_a_rare_class_send_no_model_back(rig: Rig) -> None:
    """The first windows have hardly a positive, and none of them is known: nobody can tell."""
    of = World(rig, TEXTS)
    of.hours("quiet", "changed", "changed", "changed")
    rig.retrain |= {"accept": "recall > champion"}
    run = rig.until(RunState.DEPLOYED)
    of.take_up(run)
    of.positives = 3
    of.hours("changed", "changed")
    assert rig.act() == 0
    assert rig.runs()[0].state is RunState.DEPLOYED
    of.positives = None
    of.hours("changed", "changed")
    assert rig.until(RunState.ADOPTED).helped is Helped.HELPED


@pytest.mark.parametrize(("accuracy", "end"), [(0.9, RunState.DEPLOYED), (0.7, RunState.LOST)])
def test_a_workflow_that_measures_its_classifier_by_itself(rig: Rig, accuracy: float, end: RunState) -> None:
    of = World(rig, TEXTS)
    rig.write("models/1/evaluation.json", _evaluation(0.8))
    rig.write("e-2/evaluation.json", _evaluation(accuracy))
    rows = [f"{'old,0.9' if at % 3 else 'fresh,0.2'},{'old' if at % 4 else 'fresh'}" for at in range(60)]
    rig.write("e-2/baseline.csv", "\n".join(["prediction,probability,label", *rows]).encode())
    package = packaged(rig)
    command = [sys.executable, str(TRAINER), "own", package]
    target = {"local": shlex.join([*command, rig.uri("e-2/evaluation.json"), rig.uri("e-2/baseline.csv")])}
    own = {"judge": "evaluation", "approval": "always", "accept": "accuracy > champion", "target": target}
    rig.retrain = {**rig.retrain, **own}
    of.hours("quiet", "changed", "changed", "changed")
    run = rig.until_so(lambda run: run.state in (RunState.DEPLOYED, *ENDS))
    assert run.state is end
    assert f"accuracy {accuracy:.3f} against 0.800, as each was stated, without an interval" in told_of(
        rig, run
    )
    if end is RunState.LOST:
        assert rig.packages()[package] == "Rejected"
        return
    place = rig.folder / "output" / run.name
    quality = json.loads((place / "model_quality/statistics.json").read_text())
    assert quality["binary_classification_metrics"]["confusion_matrix"] == {
        "fresh": {"fresh": 5, "old": 10},
        "old": {"fresh": 15, "old": 30},
    }
    features = json.loads((place / "baseline/statistics.json").read_text())["features"]
    assert [each["name"] for each in features] == ["age", "p", "length", "weight"]
    assert features[1]["numerical_statistics"]["mean"] == pytest.approx((0.9 * 40 + 0.2 * 20) / 60)


ENDS = tuple(state for state in RunState if state.is_end)


def told_of(rig: Rig, run: Run) -> str:
    with reading(rig.engine) as connection:
        return " ".join(event.told for event in runs.events(connection, run.id))


def packaged(rig: Rig) -> str:
    """A version that the workflow has registered."""
    specification: dict[str, Any] = {
        "Containers": [{"Image": "registry/classes:1", "ModelDataUrl": rig.uri("e-2/model.json")}],
        "SupportedContentTypes": ["text/csv"],
        "SupportedResponseMIMETypes": ["text/csv"],
    }
    made = rig.aws.direct.client("sagemaker").create_model_package(
        ModelPackageGroupName=GROUP,
        ModelApprovalStatus="PendingManualApproval",
        InferenceSpecification=specification,
    )
    return str(made["ModelPackageArn"])


def _evaluation(accuracy: float) -> bytes:
    metrics = {"accuracy": {"value": accuracy, "standard_deviation": "NaN"}, "auc": {"value": 0.9}}
    return json.dumps({"binary_classification_metrics": metrics}).encode()


def test_a_run_whose_entry_tells_of_another_kind_of_model_goes_on(rig: Rig) -> None:
    of = World(rig, TEXTS)
    of.hours("quiet", "changed", "changed", "changed")
    run = rig.until(RunState.DEPLOYED)
    of.take_up(run)
    of.hours("changed", "changed")
    rig.entry = {"prediction": "age"}
    rig.retrain = {name: value for name, value in rig.retrain.items() if name not in ("accept", "when")}
    run = rig.until(RunState.ADOPTED)
    assert (run.reason, run.helped) == (RunReason.NO_LABELS, Helped.UNKNOWN)
    assert "Kedge failed on this run" not in told_of(rig, run)


def test_windows_whose_labels_are_not_kept_any_more_are_passed_over(rig: Rig) -> None:
    of = World(rig, TEXTS)
    of.hours("quiet", "changed", "changed", "changed")
    run = rig.until(RunState.DEPLOYED)
    of.take_up(run)
    of.hours("changed")
    with writing(rig.engine) as connection:
        nothing = NOON - HOUR
        retention.forget(
            connection,
            run.monitor_id,
            segments_before=nothing,
            predictions_before=rig.clock.now(),
            profiles_before=nothing,
            metrics_before=nothing,
        )
    assert rig.act() == 0
    assert rig.runs()[0].state is RunState.DEPLOYED
    of.hours("changed")
    adopted = rig.until(RunState.ADOPTED)
    assert f"on {ROWS} records, where the champion had" in adopted.told
