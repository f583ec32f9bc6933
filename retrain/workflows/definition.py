"""The workflow's definition in Amazon States Language, made ready for one queue."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

_FILE = Path(__file__).with_name("train.asl.json")


def definition(
    queue_url: str,
    *,
    heartbeat_seconds: int = 120,
    timeout_seconds: int = 86_400,
    attempts: int = 3,
    pause_seconds: int = 30,
) -> str:
    """The state machine whose workers read `queue_url`.

    Args:
        queue_url: of the SQS queue.
        heartbeat_seconds: how long a step may go without a sign of life of a worker; the time a step waits
            in the queue counts.
        timeout_seconds: how long a step may take.
        attempts: how often training is tried where the trainer fails.
        pause_seconds: the wait between two attempts.
    """
    machine = json.loads(_FILE.read_text(encoding="utf-8"))
    states: dict[str, Any] = machine["States"]
    for name in ("Train", "Score"):
        states[name]["Parameters"]["QueueUrl"] = queue_url
        states[name] |= {"HeartbeatSeconds": heartbeat_seconds, "TimeoutSeconds": timeout_seconds}
    states["Again"]["Choices"][0]["NumericLessThan"] = attempts
    states["Pause"]["Seconds"] = pause_seconds
    return json.dumps(machine)
