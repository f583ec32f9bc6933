"""What a data fault touched is neither trained on nor judged by, and a run waits until it is over."""

from __future__ import annotations

import json
from typing import Any

import polars as pl
import pytest

from retrain import actions
from store import incidents, monitors
from store.engine import reading, writing
from store.records import Incident, IncidentKind
from store.retraining import DecisionReason, Run, RunReason, RunState
from tests.clock import HOUR, MINUTE
from tests.loop.rig import ENDPOINT, VARIANT, Rig

INCHES = 25.4
BEYOND = 50.0
"""No length is so large but one of the wrong unit."""


def faults(rig: Rig) -> list[Incident]:
    with reading(rig.engine) as connection:
        monitor = monitors.by_name(connection, ENDPOINT)
        assert monitor is not None
        found = incidents.history(connection, monitor.id)
    return [incident for incident in found if incident.kind is IncidentKind.DATA_FAULT]


def spoilt(rig: Rig, run: Run) -> int:
    """Rows of the wrong unit in what is trained on and judged by."""
    files = [pl.read_csv(rig.folder / "output" / run.name / name) for name in ("training.csv", "fresh.csv")]
    return sum(file.filter(pl.col("length") > BEYOND).height for file in files)


def manifest(rig: Rig, run: Run) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((rig.folder / "output" / run.name / "manifest.json").read_text())
    return found


def waiting(rig: Rig) -> Run:
    """A run that waits for labels, and a data fault that began since."""
    rig.pass_hours("quiet", "changed", "changed", "changed", labels=30)
    asked = rig.until(RunState.REQUESTED)
    rig.pass_hours("changed", "changed", unit=INCHES)
    return asked


def test_a_run_waits_while_the_data_is_at_fault_and_leaves_out_what_it_touched(rig: Rig) -> None:
    asked = waiting(rig)
    rig.label_all()
    rig.act()
    (waits,) = rig.runs()
    assert (waits.id, waits.state, waits.reason) == (asked.id, RunState.REQUESTED, RunReason.DATA_FAULT)
    assert waits.told.startswith(
        "Waiting while the data is at fault. Data fault: unit_change_check on length"
    )
    assert rig.act() == 0
    rig.pass_hours("changed", "changed")
    (fault,) = faults(rig)
    assert fault.closed_at is not None
    run = rig.until(RunState.DEPLOYED)
    assert spoilt(rig, run) == 0
    assert run.judged_start == rig.hours[-1].start
    told = manifest(rig, run)
    assert told["left_out"] == [
        {"start": rig.hours[4].start.isoformat(), "end": rig.hours[6].start.isoformat(), "why": "data fault"}
    ]
    assert told["training"]["count"] == 4 * 80  # the changed hours before the fault, and one after it
    assert not [each["key"] for each in told["objects"] if "/2026/03/02/16/" in each["key"]]


def test_a_data_fault_that_outlasts_the_wait_ends_the_run(rig: Rig) -> None:
    rig.training = {"wait": "6h"}
    waiting(rig)
    rig.label_all()
    (fault,) = faults(rig)
    rig.clock.at = fault.opened_at + 6 * HOUR
    rig.act()
    assert rig.runs()[0].reason is RunReason.DATA_FAULT
    rig.clock.at += MINUTE
    run = rig.until(RunState.FAILED)
    assert run.reason is RunReason.DATA_FAULT
    assert "was still at fault" in run.told
    assert not (rig.folder / "output" / run.name).exists()


def test_a_run_that_asked_for_long_waits_for_a_data_fault_as_any_other(breached: Rig) -> None:
    breached.training = {"labels": "ask", "minimum": 250, "wait": "6h"}
    asked = breached.until(RunState.REQUESTED)
    assert asked.reason is RunReason.ASKING
    breached.pass_hours(*["changed"] * 7, labels=0)
    breached.act()
    assert breached.runs()[0].reason is RunReason.ASKING
    breached.pass_hours("changed", unit=INCHES)
    assert breached.clock.at > asked.requested_at + 6 * HOUR
    breached.act()
    (waits,) = breached.runs()
    assert (waits.state, waits.reason) == (RunState.REQUESTED, RunReason.DATA_FAULT)
    breached.pass_hours("changed", "changed")
    breached.label_all()
    assert breached.until(RunState.STARTED).id == asked.id


def test_a_data_fault_that_came_and_went_before_the_run_is_left_out(rig: Rig) -> None:
    rig.retrain = {"for": "2 of 8"}
    rig.pass_hours("quiet", "changed", "changed")
    rig.pass_hours("changed", unit=INCHES)
    rig.pass_hours("changed", "changed", "changed", "changed")
    (fault,) = faults(rig)
    assert fault.closed_at is not None
    run = rig.until(RunState.DEPLOYED)
    assert run.change_at < fault.first_window < rig.hours[-1].start
    assert spoilt(rig, run) == 0
    (left,) = manifest(rig, run)["left_out"]
    assert left["start"] == fault.first_window.isoformat()


def test_a_window_that_was_not_judged_yet_is_not_used(breached: Rig) -> None:
    """Nobody knows whether its data is at fault."""
    breached.entry = {"grace": "2h"}
    breached.pass_hours("changed", unit=INCHES)
    run = breached.until(RunState.DEPLOYED)
    assert spoilt(breached, run) == 0
    assert run.judged_start == breached.hours[-2].start


def skewed(rig: Rig) -> None:
    """A skew is open on the endpoint, as the observing half opens one on a model of more columns."""
    opened(rig, IncidentKind.SKEW, "Train/serve skew: nearly every column.")


def opened(rig: Rig, kind: IncidentKind, summary: str) -> Incident:
    """An incident since the first hour, as the observing half opens one."""
    with writing(rig.engine) as connection:
        monitor = monitors.by_name(connection, ENDPOINT)
        assert monitor is not None
        return incidents.add(
            connection,
            monitor_id=monitor.id,
            deployment_id=rig.eras()[-1].id,
            variant=VARIANT,
            kind=kind,
            window=rig.hours[0].start,
            severity=0.6,
            features=("length",),
            summary=summary,
            execution_id=None,
            now=rig.clock.now(),
        )


def test_nothing_is_retrained_while_training_and_serving_differ(breached: Rig) -> None:
    skewed(breached)
    assert breached.act() == 0
    assert breached.runs() == ()
    decision = breached.decided()[0]
    assert decision.reason is DecisionReason.DATA_FAULT
    assert decision.words.startswith(
        "No retraining while training and serving differ, since 2026-03-02 12:00"
    )
    with (
        writing(breached.engine) as connection,
        pytest.raises(actions.ActionError, match="has an open skew, and training on it would do harm"),
    ):
        actions.start(
            connection,
            ENDPOINT,
            variant=None,
            time_limit=HOUR,
            label_horizon=720 * HOUR,
            now=breached.clock.now(),
        )


def test_a_loss_of_quality_forbids_nothing_and_moves_no_change(rig: Rig) -> None:
    rig.retrain = {"when": ("drifted_features_share > 0.3",)}
    rig.pass_hours("quiet", labels=0)
    loss = opened(rig, IncidentKind.QUALITY, "Quality loss on rmse.")
    rig.pass_hours("changed", "changed", "changed", labels=0)
    (drift,) = everything_open(rig, IncidentKind.DRIFT)
    rig.act()
    (run,) = rig.runs()
    assert loss.id < drift.id
    assert run.incident_id == drift.id, "drift goes first"
    assert run.change_at == rig.hours[1].start


def test_a_run_names_the_loss_of_quality_where_nothing_drifts(rig: Rig) -> None:
    rig.retrain = {"when": ("volume > 1",)}
    rig.pass_hours("quiet", "quiet")
    loss = opened(rig, IncidentKind.QUALITY, "Quality loss on rmse.")
    assert rig.until(RunState.REQUESTED).incident_id == loss.id


def everything_open(rig: Rig, kind: IncidentKind) -> list[Incident]:
    with reading(rig.engine) as connection:
        monitor = monitors.by_name(connection, ENDPOINT)
        assert monitor is not None
        return [each for each in incidents.open_ones(connection, monitor.id) if each.kind is kind]
