"""Which records a run learns from, in which form, and what it does where labels are too few."""

from __future__ import annotations

import json
from collections.abc import Sequence

import polars as pl
import pytest

from retrain import actions
from retrain.actions import ActionError
from store.engine import writing
from store.retraining import RunReason, RunState
from tests.capture import events
from tests.clock import HOUR
from tests.loop import world
from tests.loop.rig import ENDPOINT, ROWS, Rig


def manifest(rig: Rig) -> dict[str, object]:
    found: dict[str, object] = json.loads(
        (rig.folder / "output" / rig.runs()[0].name / "manifest.json").read_text()
    )
    return found


def test_a_period_reaches_back_behind_the_change_and_parquet_is_taken(breached: Rig) -> None:
    """Two quiet hours before the change are learnt from too; the run comes to its end on Parquet alone."""
    rig = breached
    rig.training = {"from": "period", "period": "5h", "format": "parquet"}
    run = rig.until(RunState.DEPLOYED, RunState.LOST)
    folder = rig.folder / "output" / run.name
    training = pl.read_parquet(folder / "training.parquet")
    assert training.height == 4 * ROWS
    assert training.schema == {"rings": pl.Float64, "length": pl.Float64, "weight": pl.Float64}
    assert pl.read_parquet(folder / "fresh.parquet").columns == list(world.FEATURES)
    assert not list(folder.glob("training.csv"))
    assert run.input is not None
    assert json.loads(run.input)["training"]["format"] == "parquet"
    told = manifest(rig)
    assert told["from"] == {"records": "period", "since": rig.hours[0].start.isoformat()}


def test_an_event_id_that_came_twice_is_learnt_from_once_and_told(breached: Rig) -> None:
    rig = breached
    day = f"{rig.hours[2].start:%Y/%m/%d/%H}"
    first = rig.folder / "captures/abalone/AllTraffic" / day / "00-00-000-a.jsonl"
    lines = first.read_bytes().splitlines(keepends=True)
    first.with_name("30-00-000-b.jsonl").write_bytes(b"".join(lines[:7]))
    rig.observe()
    rig.until(RunState.STARTED)
    told = manifest(rig)
    assert told["dropped"] == {"duplicates": 7, "unanswered": 0, "not_trained_on": 0}
    assert told["training"]["count"] == 2 * ROWS  # type: ignore[index]


def test_labels_of_the_original_set_that_are_no_numbers_end_the_run(breached: Rig) -> None:
    breached.write("sets/training.csv", b"rings,length,weight\nnine,1,2\n,1,2\n7,1,2\n")
    breached.training = {"original": breached.uri("sets/training.csv")}
    run = breached.until(RunState.FAILED)
    assert run.reason is RunReason.BAD_TRAINING_SET
    assert run.told.startswith("2 of the 163 labels (rings) of the training set are no finite number")
    assert run.handle is None


def test_what_is_odd_about_the_training_set_is_told_and_kept_in_its_manifest(breached: Rig) -> None:
    breached.write("sets/training.csv", world.dataset(8, rows=50) + b"9,,-3.0\n")
    breached.training = {"original": breached.uri("sets/training.csv")}
    breached.until(RunState.STARTED)
    warnings = manifest(breached)["warnings"]
    assert [(each["feature"], each["check"]) for each in warnings] == [  # type: ignore[attr-defined]
        ("length", "completeness_check"),
        ("weight", "non_negative_check"),
    ]


def test_records_that_a_hook_would_change_are_not_trained_on(breached: Rig) -> None:
    breached.entry = {"hooks": {"preprocess": "pre.py"}}
    run = breached.until(RunState.FAILED)
    assert run.reason is RunReason.BAD_TRAINING_SET
    assert "abalone has hooks.preprocess, which its records pass before they are judged" in run.told
    assert run.handle is None


def test_records_whose_captures_are_gone_are_not_waited_for(breached: Rig) -> None:
    """The ledger has labels enough; to wait would be to read all captures again in every round."""
    captures = sorted((breached.folder / "captures").rglob("*.jsonl"))
    for gone in captures[2:4]:
        gone.unlink()
    run = breached.until(RunState.FAILED)
    assert run.reason is RunReason.BAD_TRAINING_SET
    assert "labelled records can still be read from file://" in run.told
    assert "2 captured objects are gone" in run.told
    assert run.told.endswith("keep captures until their labels were learnt from")


def test_a_person_may_go_on_with_what_can_still_be_read(breached: Rig) -> None:
    sorted((breached.folder / "captures").rglob("*.jsonl"))[2].unlink()
    breached.training = {"labels": "ask", "minimum": 100, "judging": 60}
    asked = breached.until_so(lambda run: run.reason is RunReason.ASKING)
    assert "160 of 240 labelled records can still be read" in asked.told
    assert asked.told.endswith("it goes on by itself when enough came.")
    assert breached.act() == 0
    breached.say(actions.go_on)
    assert breached.until(RunState.STARTED, RunState.FAILED).state is RunState.STARTED


def test_few_requests_are_gone_on_with_where_a_person_says_so(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each hour's records come in two requests."""
    size = ROWS // 2

    def captured(hour: world.Hour, answers: Sequence[float]) -> bytes:
        parts = [slice(at, at + size) for at in range(0, ROWS, size)]
        return events.captured(
            *(
                events.csv_line(
                    "\n".join(f"{length},{weight}" for length, weight in hour.inputs[part].tolist()),
                    "\n".join(f"{answer:.6f}" for answer in answers[part]),
                    event_id=hour.ids[part.start],
                    time=f"{hour.times[part.start]:%Y-%m-%dT%H:%M:%SZ}",
                )
                for part in parts
            )
        )

    def labelled(hour: world.Hour, count: int | None = None) -> bytes:
        lines = [
            {
                "groundTruthData": {
                    "data": "\n".join(map(str, hour.truth[at : at + size].tolist())),
                    "encoding": "CSV",
                },
                "eventMetadata": {"eventId": hour.ids[at]},
                "eventVersion": "0",
            }
            for at in range(0, ROWS, size)
        ]
        return b"".join(json.dumps(line).encode() + b"\n" for line in lines)

    monkeypatch.setattr(world.Hour, "captured", captured)
    monkeypatch.setattr(world.Hour, "labelled", labelled)
    rig.training = {"labels": "ask", "minimum": 100, "judging": 60}
    rig.pass_hours("quiet", "quiet", "changed", "changed", "changed")
    asked = rig.until_so(lambda run: run.reason is RunReason.ASKING)
    assert "came in 6 requests, and the records of one err alike: 10 requests are wanted" in asked.told
    rig.say(actions.go_on)
    assert rig.until(RunState.STARTED, RunState.FAILED).state is RunState.STARTED


def test_a_run_that_a_person_asks_for_is_judged_by_a_metric_that_the_model_has(breached: Rig) -> None:
    with writing(breached.engine) as connection:
        now = breached.clock.now()
        actions.start(connection, ENDPOINT, variant=None, time_limit=HOUR, label_horizon=720 * HOUR, now=now)
    breached.entry = {"problem_type": "binary_classification"}
    breached.retrain = {"when": ("recall < 0.5",), "dry_run": True}
    run = breached.until(RunState.FAILED)
    assert run.reason is RunReason.BAD_TRAINING_SET
    assert "judged by rmse < champion, and rmse is no metric of binary_classification" in run.told
    assert run.told.endswith("write accept: f1 > champion")
    assert run.handle is None


ASKS = {"labels": "ask", "minimum": 200, "judging": 100, "wait": "1h"}


def test_a_run_that_asks_goes_on_when_a_person_says_so(breached: Rig) -> None:
    breached.training = ASKS
    asked = breached.until(RunState.REQUESTED)
    assert asked.reason is RunReason.ASKING
    assert asked.told == (
        "Too few labels: 240 captured records have a label so far: 200 to train on and 100 to judge on are "
        "wanted. Continue with those there are, or cancel; it goes on by itself when enough came."
    )
    assert actions.possible(asked) == ("continue", "cancel")
    breached.clock.at += 5 * HOUR
    assert breached.act() == 0
    breached.say(actions.go_on)
    run = breached.until(RunState.DEPLOYED)
    told = manifest(breached)
    assert (told["training"]["count"], told["judging"]["count"]) == (2 * ROWS, ROWS)  # type: ignore[index]
    assert run.approval is None


def test_a_run_that_asks_goes_on_by_itself_when_labels_come(breached: Rig) -> None:
    breached.training = ASKS
    breached.until(RunState.REQUESTED)
    breached.pass_hours("changed", "changed")
    assert breached.until(RunState.STARTED).judged_end == breached.hours[-1].start + HOUR


def test_a_run_that_asks_about_judging_goes_on_with_the_labels_there_are(breached: Rig) -> None:
    breached.training = {"labels": "ask"}
    breached.until(RunState.STARTED)
    labels = f"labels/{breached.hours[-1].start:%Y/%m/%d/%H}/00-00-000-a.jsonl"
    breached.write(labels, breached.hours[-1].labelled(40))
    breached.observe()
    asked = breached.until(RunState.WAITING)
    assert asked.reason is RunReason.ASKING
    assert asked.told.startswith("Too few labels: 40 labelled records to judge by, and 50 are wanted.")
    breached.say(actions.go_on)
    assert breached.until(RunState.DEPLOYED).reason is RunReason.IN_SERVICE


def test_a_run_that_does_not_ask_is_not_told_to_go_on(breached: Rig) -> None:
    breached.training = {"minimum": 5000}
    breached.until(RunState.REQUESTED)
    with pytest.raises(ActionError, match="can't be told to continue"):
        breached.say(actions.go_on)
