"""Retraining runs of the history's endpoint, moved by the store's own functions."""

from __future__ import annotations

import json
from datetime import datetime, timedelta

from sqlalchemy import Connection

from store import baselines, decisions, deployments, runs
from store.retraining import DecisionReason, Helped, Run, RunReason, RunState, Trial
from tests.web.history import BEGIN, ENDPOINT, HOUR, Told

RUN = f"kedge-{ENDPOINT}-1"
FOLDER = f"s3://logs/retraining/{RUN}"
PACKAGE = "arn:aws:sagemaker:eu-west-1:123456789012:model-package/abalone/5"
EXECUTION = f"arn:aws:states:eu-west-1:123456789012:execution:abalone:{RUN}"
WHY = "Retrain. rmse 3.41 (3.2 to 3.6) is above 1.15 × baseline 2.04 = 2.35: so in 3 of 4 windows."
WON = "The challenger wins: rmse 2.21 against 3.38, less by 1.17 (1.02 to 1.33) on 240 records."
TRIALS = (
    Trial("fresh", "rmse", 3.38, 2.21, -1.17, -1.33, -1.02, 240),
    Trial("fresh", "r2", 0.31, 0.62, 0.31, 0.22, 0.4, 240),
    Trial("test", "rmse", 2.04, 2.31, 0.27, -0.02, 0.51, 900),
)
_REQUESTED = BEGIN + 36 * HOUR + timedelta(minutes=16)


def at(minutes: float) -> datetime:
    """So long after the run was requested."""
    return _REQUESTED + timedelta(minutes=minutes)


def refused(connection: Connection, told: Told) -> None:
    """Two decisions that said no."""
    for execution, reason, words in (
        (told.judged[33], DecisionReason.UNKNOWN, "Nothing is known yet. rmse was not measured."),
        (told.judged[35], DecisionReason.NOT_LASTING, "Not for long enough: 3 of 4 windows are asked for."),
    ):
        decisions.record(
            connection,
            monitor_id=told.monitor.id,
            upto_execution_id=execution.id,
            reason=reason,
            words=words,
            seen=(("rmse > 1.15 * baseline", None, None),),
            incident_id=None,
            run_id=None,
            config_digest="c" * 64,
            now=execution.judged_at,
        )


def requested(connection: Connection, told: Told, words: str = WHY) -> Run:
    """A run that the policy asked for, and its decision."""
    era = deployments.eras(connection, told.monitor.id)[-1]
    run = runs.request(
        connection,
        monitor_id=told.monitor.id,
        endpoint=ENDPOINT,
        variant="AllTraffic",
        deployment_id=era.id,
        incident_id=told.drift_incident,
        reason=RunReason.BREACH,
        told=words,
        change_at=told.judged[30].start,
        deadline=at(24 * 60),
        now=at(0),
    )
    decisions.record(
        connection,
        monitor_id=told.monitor.id,
        upto_execution_id=told.judged[36].id,
        reason=DecisionReason.BREACH,
        words=words,
        seen=(("rmse > 1.15 * baseline", 3.41, 2.346),),
        incident_id=told.drift_incident,
        run_id=run.id,
        config_digest="c" * 64,
        now=at(0),
    )
    return run


def asking(connection: Connection, told: Told) -> Run:
    """The run while it asks whether to go on with few labels."""
    said = (
        "Too few labels: 90 captured records have a label so far. Continue with those there are, or cancel."
    )
    return runs.move(
        connection, requested(connection, told), RunState.REQUESTED, RunReason.ASKING, said, at(1)
    )


def started(connection: Connection, told: Told, words: str = WHY) -> Run:
    """The run once its target trains."""
    run = requested(connection, told, words)
    given = {
        "run": RUN,
        "training": {"data": f"{FOLDER}/training.csv", "manifest": f"{FOLDER}/manifest.json"},
        "score": {"fresh": f"{FOLDER}/fresh.csv", "captured": f"{FOLDER}/captured.csv", "test": None},
        "champion": {"model_data": None, "model_package": None},
    }
    parted = "812 captured records to train on, 240 to judge on."
    run = runs.move(
        connection,
        run,
        RunState.REQUESTED,
        RunReason.TRAINING,
        parted,
        at(1),
        input=json.dumps(given),
        training_uri=f"{FOLDER}/training.csv",
        judged_start=told.judged[34].start,
        judged_end=told.judged[35].end,
    )
    runs.intend(connection, run.id, "start", json.dumps({"name": RUN}), at(1))
    runs.answered(connection, run.id, "start", json.dumps({"handle": EXECUTION}), at(2))
    return runs.move(
        connection, run, RunState.STARTED, RunReason.TRAINING, "The target trains.", at(2), handle=EXECUTION
    )


def registered(connection: Connection, told: Told) -> Run:
    """The run once its model won and waits for approval."""
    run = started(connection, told)
    answer = {
        "model_data": f"{FOLDER}/model.tar.gz",
        "image": "123456789012.dkr.ecr.eu-west-1.amazonaws.com/abalone:3",
        "evaluation": f"{FOLDER}/evaluation.json",
        "predictions": {"fresh": f"{FOLDER}/predictions/fresh.csv"},
    }
    run = runs.move(
        connection,
        run,
        RunState.TRAINED,
        RunReason.TRAINING,
        "Trained.",
        at(9),
        output=json.dumps(answer),
    )
    runs.set_trials(connection, run.id, TRIALS)
    run = runs.move(connection, run, RunState.WON, RunReason.BETTER, WON, at(10))
    runs.intend(connection, run.id, "register", "{}", at(10))
    runs.answered(connection, run.id, "register", json.dumps({"arn": PACKAGE}), at(11))
    return runs.move(
        connection,
        run,
        RunState.REGISTERED,
        RunReason.WAITING_FOR_APPROVAL,
        "Registered; it waits for approval.",
        at(11),
        model_package=PACKAGE,
    )


def adopted(connection: Connection, told: Told) -> Run:
    """The run once its model took over, helped, and had its baseline."""
    run = registered(connection, told)
    baseline = baselines.add(
        connection,
        told.monitor.id,
        statistics="{}",
        constraints="{}",
        source=f"{FOLDER}/baseline",
        source_digest="e" * 64,
        records=812,
        features=10,
        now=at(20),
    )
    run = runs.move(
        connection, run, RunState.APPROVED, RunReason.APPROVED_BY_HAND, "Approved by hand.", at(19)
    )
    run = runs.move(
        connection,
        run,
        RunState.DEPLOYED,
        RunReason.IN_SERVICE,
        f"In service on {RUN}.",
        at(25),
        old_endpoint_config=f"{ENDPOINT}-2026-03",
        new_endpoint_config=RUN,
        new_baseline_id=baseline.id,
    )
    return runs.move(
        connection,
        run,
        RunState.ADOPTED,
        RunReason.FIRST_WINDOWS_GOOD,
        "The first windows are good: rmse 2.19. It helped.",
        at(170),
        helped=Helped.HELPED,
    )
