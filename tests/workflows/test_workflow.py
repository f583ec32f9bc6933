"""The shipped workflow really executes: training, scoring, and every way in which it fails."""

from __future__ import annotations

import io
import json
import time
from typing import Any

import numpy as np
import polars as pl
import pytest

from retrain.targets.base import Cancelled, Failed, Succeeded
from retrain.workflows.definition import definition
from retrain.workflows.steps import Scores
from retrain.workflows.worker import Trained, TrainerError
from tests.faults import Fault
from tests.workflows.conftest import BUCKET, FRESH, OUTPUT, RUN, TRAINING, Stage, end_of, handed
from tests.workflows.linear import Linear


class Flaky(Linear):
    """Fails as often as it is told to, then trains."""

    def __init__(self, failures: int, error: Exception) -> None:
        self.failures = failures
        self.error = error
        self.trained = 0

    def train(self, csv: bytes, label: str, features: list[str], seed_of: str) -> Trained:
        self.trained += 1
        if self.trained <= self.failures:
            raise self.error
        return super().train(csv, label, features, seed_of)


class Slow(Linear):
    """Takes its time."""

    def train(self, csv: bytes, label: str, features: list[str], seed_of: str) -> Trained:
        time.sleep(0.9)
        time.sleep(0.9)
        time.sleep(0.9)
        return super().train(csv, label, features, seed_of)


class Watching(Linear):
    """Remembers what it was given."""

    def __init__(self) -> None:
        self.given: list[Any] = []

    def train(self, csv: bytes, label: str, features: list[str], seed_of: str) -> Trained:
        self.given.append((csv, label, features, seed_of))
        return super().train(csv, label, features, seed_of)


def predictions(stage: Stage, uri: str) -> list[float]:
    table = pl.read_csv(io.BytesIO(stage.read(uri)))
    assert table.columns == ["prediction"]
    return [round(value, 6) for value in table["prediction"].to_list()]


def output_of(stage: Stage, **changes: Any) -> dict[str, Any]:
    target = stage.target()
    with stage.working():
        status = end_of(target, target.start(RUN, handed(**changes)))
    assert isinstance(status, Succeeded), status
    output: dict[str, Any] = json.loads(status.output)
    return output


def test_a_run_succeeds_with_exactly_the_documented_output(stage: Stage) -> None:
    output = output_of(stage)
    assert output == {
        "model_data": f"{OUTPUT}/model.tar.gz",
        "image": "registry/linear:1",
        "evaluation": f"{OUTPUT}/evaluation.json",
        "predictions": {
            "fresh": f"{OUTPUT}/predictions/fresh.csv",
            "captured": f"{OUTPUT}/predictions/captured.csv",
            "test": f"{OUTPUT}/predictions/test.csv",
            "champion_test": None,
        },
    }
    assert predictions(stage, output["predictions"]["fresh"]) == [6, 5, 10]  # 2 length + 3 weight + 1
    assert predictions(stage, output["predictions"]["captured"]) == [21]
    assert predictions(stage, output["predictions"]["test"]) == [3, 4]
    evaluation = json.loads(stage.read(output["evaluation"]))
    assert evaluation["regression_metrics"]["rmse"]["value"] == pytest.approx(0, abs=1e-9)
    assert stage.messages() == 0


def test_the_champion_is_scored_on_the_test_set_where_its_model_is_known(stage: Stage) -> None:
    doubled = TRAINING.replace(b",rings", b",half").replace(b"\n", b",1\n").replace(b"half,1", b"half,rings")
    champion = stage.put(
        "champion.tar.gz", Linear().train(doubled, "rings", ["length", "weight"], "").archive
    )
    output = output_of(stage, champion={"model_data": champion, "model_package": None})
    assert predictions(stage, output["predictions"]["champion_test"]) == [1, 1]
    assert predictions(stage, output["predictions"]["test"]) == [3, 4]


def test_without_a_test_set_there_are_no_predictions_for_it(stage: Stage) -> None:
    sets = f"s3://{BUCKET}/in"
    champion = stage.put("champion.tar.gz", b"nobody reads it")
    output = output_of(
        stage,
        score={"fresh": f"{sets}/fresh.csv", "captured": f"{sets}/captured.csv", "test": None},
        champion={"model_data": champion, "model_package": None},
    )
    assert output["predictions"]["test"] is None
    assert output["predictions"]["champion_test"] is None


def test_the_trainer_gets_the_training_set_alone(stage: Stage) -> None:
    target, trainer = stage.target(), Watching()
    handle = target.start(RUN, handed())
    message = stage.message()
    stage.beat(message["token"])
    assert set(message) == {"token", "step", "run", "training", "output"}
    assert "fresh" not in json.dumps(message)
    stage.states.send_task_failure(taskToken=message["token"], error="TrainError", cause="again")
    with stage.working(trainer):
        assert isinstance(end_of(target, handle), Succeeded)
    assert trainer.given == [(TRAINING, "rings", ["length", "weight"], RUN)]


def test_a_training_that_fails_is_entered_again(stage: Stage) -> None:
    target, trainer = stage.target(attempts=3), Flaky(2, TrainerError("it did not converge"))
    with stage.working(trainer):
        status = end_of(target, target.start(RUN, handed()))
    assert isinstance(status, Succeeded)
    assert trainer.trained == 3


def test_a_training_that_fails_too_often_is_a_named_failure(stage: Stage) -> None:
    target, trainer = stage.target(attempts=2), Flaky(9, TrainerError("it did not converge"))
    with stage.working(trainer):
        status = end_of(target, target.start(RUN, handed()))
    assert status == Failed("TrainingFailed", "it did not converge")
    assert trainer.trained == 2
    assert stage.messages() == 0


def test_a_trainers_own_words_are_kept_out_since_they_may_hold_data(stage: Stage) -> None:
    target = stage.target(attempts=1)
    with stage.working(Flaky(9, ValueError("could not convert 'Ada Lovelace'"))):
        status = end_of(target, target.start(RUN, handed()))
    assert isinstance(status, Failed)
    assert status.cause.startswith("the trainer failed with ValueError in test_workflow.py, line ")
    assert "Ada" not in status.cause


class Odd(Linear):
    """Answers what is no JSON."""

    def train(self, csv: bytes, label: str, features: list[str], seed_of: str) -> Trained:
        return Trained(b"", "registry/odd:1", {"rmse": np.float32(1.0)})


def test_a_trainer_that_answers_no_json_is_a_named_failure_and_the_worker_goes_on(stage: Stage) -> None:
    target = stage.target(attempts=1)
    with stage.working(Odd()):
        for run in (RUN, f"{RUN}-b"):
            status = end_of(target, target.start(run, handed(run=run)))
            assert isinstance(status, Failed)
            assert status.error == "TrainingFailed"
            assert status.cause.startswith("the trainer failed with TypeError in encoder.py")


class Short(Linear):
    def score(self, archive: bytes, csv: bytes) -> list[float]:
        return [1.0]


class Infinite(Linear):
    def score(self, archive: bytes, csv: bytes) -> list[float]:
        return [float("nan")] * (csv.count(b"\n") - 1)


@pytest.mark.parametrize(
    ("trainer", "cause"),
    [
        (Short(), f"the trainer gave 1 predictions for the 3 rows of s3://{BUCKET}/in/fresh.csv"),
        (
            Infinite(),
            f"the trainer's predictions for s3://{BUCKET}/in/fresh.csv are not all finite numbers",
        ),
    ],
)
def test_scores_that_cannot_be_are_a_named_failure(stage: Stage, trainer: Linear, cause: str) -> None:
    target = stage.target()
    with stage.working(trainer):
        assert end_of(target, target.start(RUN, handed())) == Failed("ScoringFailed", cause)


class Classes:
    """Answers two classes: the names alone, or with probabilities beside them, which may be of no number."""

    def __init__(self, probability: float | None = None) -> None:
        self.probability = probability

    def train(self, csv: bytes, label: str, features: list[str], seed_of: str) -> Trained:
        return Linear().train(csv, label, features, seed_of)

    def score(self, archive: bytes, csv: bytes) -> Scores:
        names = ["old" if each > 5 else "young" for each in Linear().score(archive, csv)]
        if self.probability is None:
            return names
        return {"prediction": names, "probability": [self.probability] * len(names)}


@pytest.mark.parametrize("probability", [None, 0.25])
def test_a_trainer_may_answer_classes_and_their_probabilities(
    stage: Stage, probability: float | None
) -> None:
    target = stage.target()
    with stage.working(Classes(probability)):
        status = end_of(target, target.start(RUN, handed()))
    assert isinstance(status, Succeeded), status
    fresh = json.loads(status.output)["predictions"]["fresh"]
    table = pl.read_csv(io.BytesIO(stage.read(fresh)))
    assert table["prediction"].to_list() == ["old", "young", "old"]
    assert table.columns == (["prediction"] if probability is None else ["prediction", "probability"])


def test_a_probability_that_is_no_number_is_a_named_failure(stage: Stage) -> None:
    target = stage.target()
    cause = f"the trainer's probabilities for s3://{BUCKET}/in/fresh.csv are not all finite numbers"
    with stage.working(Classes(float("nan"))):
        assert end_of(target, target.start(RUN, handed())) == Failed("ScoringFailed", cause)


def test_a_worker_that_dies_is_a_named_failure(stage: Stage) -> None:
    target = stage.target(heartbeat_seconds=1)
    handle = target.start(RUN, handed())
    stage.message()  # taken, and never heard of again
    status = end_of(target, handle)
    assert isinstance(status, Failed)
    assert status.error == "WorkerGone"
    assert "no worker gave a sign of life in time" in status.cause


def test_a_worker_that_works_longer_than_the_heartbeat_is_not_given_up(stage: Stage) -> None:
    target = stage.target(heartbeat_seconds=1)
    with stage.working(Slow()):
        assert isinstance(end_of(target, target.start(RUN, handed())), Succeeded)


@pytest.mark.parametrize("missing", ["run", "training", "score", "champion", "output"])
def test_an_input_that_lacks_something_is_told_before_anybody_works(stage: Stage, missing: str) -> None:
    target = stage.target()
    status = end_of(target, target.start(RUN, handed(**{missing: ...})))
    assert isinstance(status, Failed)
    assert status.error == "BadInput"
    assert missing in status.cause
    assert stage.messages() == 0


@pytest.mark.parametrize(
    ("training", "cause"),
    [
        ({"data": f"s3://{BUCKET}/in/none.csv"}, f"there is no object s3://{BUCKET}/in/none.csv"),
        ({"data": "s3://no-such-bucket/a.csv"}, "there is no bucket no-such-bucket"),
        ({"data": "/etc/hostname"}, "is no address of an object"),
        ({"label": "age"}, "has no column 'age'"),
        ({"features": ["length", "height"]}, "has no column 'height'"),
    ],
)
def test_a_training_set_that_cannot_be_used_is_bad_input(
    stage: Stage, training: dict[str, Any], cause: str
) -> None:
    target = stage.target()
    whole = json.loads(handed())["training"] | training
    with stage.working():
        status = end_of(target, target.start(RUN, handed(training=whole)))
    assert isinstance(status, Failed)
    assert status.error == "BadInput"
    assert cause in status.cause


@pytest.mark.parametrize("data", [b"", b"length,weight,rings\n", b"length,weight,rings\n1,2,3,4,5\n"])
def test_a_training_set_that_is_none_is_bad_input(stage: Stage, data: bytes) -> None:
    target = stage.target()
    whole = json.loads(handed())["training"] | {"data": stage.put("in/odd.csv", data)}
    with stage.working():
        status = end_of(target, target.start(RUN, handed(training=whole)))
    assert isinstance(status, Failed)
    assert status.error == "BadInput"


def test_starting_twice_trains_once(stage: Stage) -> None:
    target, trainer = stage.target(), Watching()
    with stage.working(trainer):
        handle = target.start(RUN, handed())
        assert target.start(RUN, handed()) == handle
        end_of(target, handle)
        assert target.start(RUN, handed()) == handle
    assert len(trainer.given) == 1


def test_a_stopped_run_is_dropped_by_the_worker(stage: Stage, caplog: pytest.LogCaptureFixture) -> None:
    target, trainer = stage.target(heartbeat_seconds=3), Watching()
    handle = target.start(RUN, handed())
    while not stage.messages():
        time.sleep(0.05)
    target.cancel(handle, "by hand")
    # moto stops a task that waits for its token at its next heartbeat only, and calls that a time-out
    assert end_of(target, handle) in (Cancelled(), Failed("States.Timeout", ""))
    with stage.working(trainer):
        deadline = time.monotonic() + 20
        while stage.messages():
            assert time.monotonic() < deadline, "it is still on the queue"
            time.sleep(0.05)
    assert trainer.given == []
    assert f"nobody waits for step train of run {RUN} any more: it is dropped" in caplog.text


def test_the_same_message_twice_is_one_training(stage: Stage) -> None:
    target, trainer = stage.target(), Watching()
    handle = target.start(RUN, handed())
    while not stage.messages():
        time.sleep(0.05)
    (twice,) = stage.sqs.receive_message(QueueUrl=stage.queue, VisibilityTimeout=0)["Messages"]
    stage.sqs.send_message(QueueUrl=stage.queue, MessageBody=twice["Body"])
    with stage.working(trainer):
        assert isinstance(end_of(target, handle), Succeeded)
        while stage.messages():
            time.sleep(0.05)
    assert len(trainer.given) == 1


def test_a_message_that_is_no_step_is_left_alone(stage: Stage, caplog: pytest.LogCaptureFixture) -> None:
    stage.sqs.send_message(QueueUrl=stage.queue, MessageBody="somebody else's")
    target = stage.target()
    with stage.working():
        assert isinstance(end_of(target, target.start(RUN, handed())), Succeeded)
    assert stage.messages() == 1
    assert "is no step of the workflow: it is left alone" in caplog.text
    assert "somebody else" not in caplog.text


def test_an_answer_that_is_lost_or_refused_is_given_again(stage: Stage) -> None:
    target, trainer = stage.target(), Watching()
    stage.aws.meets("ReceiveMessage", Fault.FAIL, Fault.DROP)
    stage.aws.meets("SendTaskHeartbeat", None, Fault.THROTTLE)
    stage.aws.meets("SendTaskSuccess", Fault.THROTTLE, Fault.DROP, Fault.FAIL)
    stage.aws.meets("DeleteMessage", Fault.FAIL)
    with stage.working(trainer):
        status = end_of(target, target.start(RUN, handed()))
    assert isinstance(status, Succeeded), status
    assert len(trainer.given) == 1


def test_the_same_run_leaves_the_same_bytes(stage: Stage) -> None:
    output = output_of(stage)
    first = stage.read(output["predictions"]["fresh"])
    target = stage.target()
    with stage.working():
        end_of(target, target.start(f"{RUN}-again", handed()))
    assert stage.read(output["predictions"]["fresh"]) == first
    assert first.count(b"\n") == FRESH.count(b"\n")


def test_the_definition_holds_the_queue_and_what_is_asked_of_it() -> None:
    url = 'https://sqs.eu-west-1.amazonaws.com/1/a"b'
    states = json.loads(
        definition(url, heartbeat_seconds=7, timeout_seconds=70, attempts=5, pause_seconds=2)
    )["States"]
    for name in ("Train", "Score"):
        assert states[name]["Parameters"]["QueueUrl"] == url
        assert (states[name]["HeartbeatSeconds"], states[name]["TimeoutSeconds"]) == (7, 70)
    assert states["Again"]["Choices"][0]["NumericLessThan"] == 5
    assert states["Pause"]["Seconds"] == 2


def test_every_state_that_is_named_exists_and_every_failure_has_a_name() -> None:
    machine = json.loads(definition("https://queue"))
    states = machine["States"]
    named = {machine["StartAt"]}
    for state in states.values():
        named |= {value for key, value in state.items() if key in ("Next", "Default")}
        named |= {branch["Next"] for branch in [*state.get("Choices", ()), *state.get("Catch", ())]}
    assert named == set(states)
    failures = {state["Error"] for state in states.values() if state["Type"] == "Fail"}
    assert failures == {"BadInput", "TrainingFailed", "ScoringFailed", "WorkerGone"}
    for name in ("Train", "Score"):
        assert states[name]["Catch"][-1]["ErrorEquals"] == ["States.ALL"]
        assert "Retry" not in states[name]
