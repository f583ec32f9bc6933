"""A blue/green deployment as SageMaker plays it: new instances, traffic in steps, alarms, the old ones gone.

Its states are those of DescribeEndpoint's API reference. What no public page gives is the wording of the
reason after a rollback; here it names the alarms.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from moto.cloudwatch.models import cloudwatch_backends

LOOK_SECONDS = 0.02
"""So often alarms are looked at."""

AlarmStates = Callable[[], Mapping[str, str]]


def alarm_states(account: str, region: str) -> dict[str, str]:
    """The state of every CloudWatch alarm, by its name."""
    return {
        alarm.name: alarm.state_value for alarm in list(cloudwatch_backends[account][region].alarms.values())
    }


class Deployment:
    """One update of an endpoint of moto's, in a thread of its own; `seconds` is what it takes in all."""

    def __init__(
        self,
        endpoint: Any,  # noqa: ANN401 - moto's own types are untyped
        config: Any,  # noqa: ANN401
        wanted: Mapping[str, Any],
        seconds: float,
        alarms: AlarmStates,
    ) -> None:
        self._endpoint = endpoint
        self._config = config
        self._alarms = alarms
        policy = wanted.get("BlueGreenUpdatePolicy") or {}
        self._shares = shares(policy.get("TrafficRoutingConfiguration") or {"Type": "ALL_AT_ONCE"})
        rollback = wanted.get("AutoRollbackConfiguration") or {}
        self._watched = {each["AlarmName"] for each in rollback.get("Alarms", ())}
        # one stage to start the new instances, one after each shift of traffic
        self._stage_seconds = seconds / (1 + len(self._shares))
        self._passing = threading.Event()

    def start(self) -> None:
        """Say that it is under way, and go on by itself."""
        self._endpoint.endpoint_status = "Updating"
        self._endpoint.last_modified_time = datetime.now(UTC)
        self._endpoint.failure_reason = None
        self._tell("Creating", 0)
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self) -> None:
        gone_off = self._stage()
        for share in self._shares:
            if gone_off:
                break
            self._tell("Baking", share)
            gone_off = self._stage()
        if gone_off:
            self._roll_back(gone_off)
        else:
            self._switch()

    def _stage(self) -> list[str]:
        """Let a stage pass; the watched alarms that went off meanwhile end it at once."""
        left = self._stage_seconds
        while left > 0:
            if gone_off := self._gone_off():
                return gone_off
            self._passing.wait(min(LOOK_SECONDS, left))
            left -= LOOK_SECONDS
        return self._gone_off()

    def _gone_off(self) -> list[str]:
        states = self._alarms() if self._watched else {}
        return sorted(name for name in self._watched if states.get(name) == "ALARM")

    def _tell(self, status: str, share: int) -> None:
        variants = [
            {
                "VariantName": variant["VariantName"],
                "VariantStatus": [
                    {
                        "Status": status,
                        "StatusMessage": f"{share}% of traffic",
                        "StartTime": datetime.now(UTC),
                    }
                ],
            }
            for variant in self._config.production_variants
        ]
        self._endpoint.pending_deployment_summary = {
            "EndpointConfigName": self._config.endpoint_config_name,
            "ProductionVariants": variants,
        }

    def _roll_back(self, gone_off: list[str]) -> None:
        endpoint = self._endpoint
        endpoint.endpoint_status = "RollingBack"
        self._passing.wait(self._stage_seconds)
        endpoint.failure_reason = f"Alarms {', '.join(gone_off)} went off: the deployment was rolled back."
        self._settle()

    def _switch(self) -> None:
        endpoint, config = self._endpoint, self._config
        endpoint.endpoint_config_name = config.endpoint_config_name
        endpoint.production_variants = endpoint._process_production_variants(config.production_variants)
        endpoint.data_capture_config = config.data_capture_config
        self._settle()

    def _settle(self) -> None:
        self._endpoint.pending_deployment_summary = None
        self._endpoint.last_modified_time = datetime.now(UTC)
        self._endpoint.endpoint_status = "InService"


def shares(routing: Mapping[str, Any]) -> tuple[int, ...]:
    """The percent of traffic that the new instances have after each step."""
    match routing["Type"]:
        case "CANARY":
            return routing["CanarySize"]["Value"], 100
        case "LINEAR":
            step = routing["LinearStepSize"]["Value"]
            return *range(step, 100, step), 100
        case _:
            return (100,)
