"""What a run's input says of the world around it: why it was asked for, and where everything lies."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from baselines import constraints, statistics
from baselines.folder import CONSTRAINTS, STATISTICS
from baselines.profile import codec
from config.model import Endpoint
from objects import Place
from retrain.handover import INPUT
from store import baselines, decisions, executions, windows
from store.records import Deployment, Execution, ExecutionKind
from store.retraining import Decision, Run, SeenValue

_LOOKED_AT = 50
"""Windows among which the newest with records is looked for, at most."""
WINDOW, CHAMPION = "window", "champion"
"""The folders, in a run's own, of the newest window's two files and of those of its baseline."""


@dataclass(frozen=True, slots=True)
class Context:
    """The context of a run: what its input says, and the files to be written for it, by their names."""

    said: dict[str, Any]
    files: dict[str, str]

    def write(self, place: Place) -> None:
        """Write the files into the run's folder; doing it again writes the same."""
        for name, text in self.files.items():
            place.objects.write(place.key(name), text.encode(), "application/json")


def context(
    connection: Connection,
    run: Run,
    endpoint: Endpoint,
    era: Deployment,
    folder: str,
    judging: tuple[datetime, datetime] | None,
) -> Context:
    """Gather it; `folder` is the run's own, `judging` the stretch, if any, that the models are judged on."""
    files: dict[str, str] = {}
    seen = _newest(connection, run)
    window: dict[str, str | None] = dict.fromkeys(("start", "end", "statistics", "constraints"))
    if seen is not None:
        window |= {"start": seen.start.isoformat(), "end": seen.end.isoformat()}
        encoded = windows.profile(connection, seen.window_id)
        if encoded is not None:
            profile = codec.decode(encoded)
            pair = (statistics.write(profile), constraints.write(constraints.suggest(profile)))
            window |= _lay(files, folder, WINDOW, pair)
    baseline: dict[str, str | None] = dict.fromkeys(("statistics", "constraints"))
    if era.baseline_id is not None:
        baseline |= _lay(files, folder, CHAMPION, baselines.texts(connection, era.baseline_id))
    start, end = (moment.isoformat() for moment in judging) if judging else (None, None)
    decision = decisions.of_run(connection, run.id)
    said = {
        "breach": [
            {"condition": each.comparison, "value": _number(each.value), "threshold": _number(each.threshold)}
            for each in _breached(decision)
        ],
        "changed_at": run.change_at.isoformat(),
        "capture": endpoint.capture,
        "ground_truth": endpoint.ground_truth,
        "window": window,
        "baseline": baseline,
        "judging": {"start": start, "end": end},
        "input": f"{folder}/{INPUT}",
    }
    return Context(said, files)


def _breached(decision: Decision | None) -> Iterator[SeenValue]:
    """What each breached condition saw in the newest window in which it held; none may be."""
    for condition in decision.conditions if decision else ():
        if condition.is_breached:
            held = (window for window in condition.windows if window.start == condition.hit)
            yield from (value for window in held for value in window.values)


def _newest(connection: Connection, run: Run) -> Execution | None:
    """The newest judged window that had records."""
    kind = ExecutionKind.DATA_QUALITY
    judged = executions.recent(connection, run.monitor_id, kind, run.variant, run.deployment_id, _LOOKED_AT)
    return next((each for each in judged if each.records), None)


def _lay(files: dict[str, str], folder: str, name: str, texts: tuple[str, str]) -> dict[str, str]:
    """Have statistics and constraints written below `name`; their addresses."""
    at = {"statistics": f"{name}/{STATISTICS}", "constraints": f"{name}/{CONSTRAINTS}"}
    files.update(zip(at.values(), texts, strict=True))
    return {key: f"{folder}/{path}" for key, path in at.items()}


def _number(value: float | None) -> float | None:
    """JSON has no other than finite numbers."""
    return value if value is not None and math.isfinite(value) else None
