"""Ends of runs whose version is rejected: the end is written down with the rejection, in one transaction.

So a run that is killed between the two ends as it was to, and does not go on with a version that is rejected.
A registry that refuses to reject changes nothing about how a run ends: that is told beside the reason.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection

from retrain import registry
from retrain.aws_calls import CallError
from retrain.bench import Bench
from retrain.training_run import outputs
from store import runs
from store.retraining import Run, RunReason, RunState

_CALL: Final = "decline"


@dataclass(frozen=True, slots=True)
class End:
    """How a run ends: `told` is its sentence, and what the version is rejected with."""

    state: RunState
    reason: RunReason
    told: str


def package_of(run: Run) -> str | None:
    """The challenger's version in the registry, registered by Kedge or by the workflow, if there is one."""
    return run.model_package or (outputs(run).get("model_package_arn") if run.output else None)


def begun(bench: Bench) -> End | None:
    """The end that a run has come to, as far as rejecting its version; None where it goes on."""
    asked = bench.effects.request(_CALL) or {}
    if "state" not in asked:  # the way back rejects too, and the run goes on from there
        return None
    return End(RunState(asked["state"]), RunReason(asked["reason"]), asked["words"])


def intend(connection: Connection, run: Run, end: End, now: datetime) -> None:
    """Write an end down, with what else the caller's transaction holds; `conclude` then brings it about."""
    if package := package_of(run):
        text = json.dumps(_request(package, end.told, end), sort_keys=True, ensure_ascii=False)
        runs.intend(connection, run.id, _CALL, text, now)


def conclude(run: Run, bench: Bench, end: End) -> Run:
    """Reject the version, where there is one, and end the run.

    Raises:
        CallError: where the registry may answer later; the end is written down by then.
    """
    return bench.move(run, end.state, end.reason, rejected(run, bench, end.told, end.told, end))


def rejected(
    run: Run, bench: Bench, told: str, words: str, end: End | None = None, registered: str | None = None
) -> str:
    """What is to be told when the version was rejected with these words: also that the registry refused to.

    The version is `registered`, or the one that is on record.

    Raises:
        CallError: where the registry may answer later.
    """
    package = registered or package_of(run)
    if not package and not bench.effects.is_intended(_CALL):
        return told
    sagemaker = bench.world.sagemaker()

    def request() -> dict[str, Any]:
        return _request(package or "", words, end)

    def call(asked: dict[str, Any]) -> None:
        # earlier releases wrote down neither, and then what is on record by now is what they were to send
        if version := asked.get("package") or package:
            registry.decline(sagemaker, version, asked.get("words") or words)

    try:
        bench.effects.once(_CALL, request, call)
    except CallError as error:
        if error.retryable:
            raise
        return not_rejected(told, error)
    return told


def not_rejected(told: str, error: CallError) -> str:
    """What is to be told where the registry did not take it."""
    return f"{told} Its version in the registry could not be rejected: {error}"


def _request(package: str, words: str, end: End | None) -> dict[str, Any]:
    ending = {"state": end.state, "reason": end.reason} if end else {}
    return {"package": package, "words": words, **ending}
