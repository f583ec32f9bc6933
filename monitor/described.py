"""What AWS says of an endpoint: asked in the endpoint's own role, and not at every tick."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from math import inf
from typing import Any

import structlog

from config.clock import Clock, SystemClock
from config.discovery import look_up
from config.facts import DiscoveryError
from config.model import Endpoint
from config.schedules import FailedExecution, failed_executions
from monitor.eras import InForce
from objects import aws_told

log = structlog.get_logger(__name__)

DESCRIBE_SECONDS = 60.0
"""Wall time for which an answer is believed; a fleet that asked at each tick would meet the API's quota."""


@dataclass(slots=True)
class Described:
    """Answers which endpoint config is in force, or None where AWS can't be asked.

    Attributes:
        sagemaker: a boto3 SageMaker client in a role, or in the process's own.
        clock: business time.
        seconds: for how long an answer is believed, while the endpoint's entry and its era stay the same.
    """

    sagemaker: Callable[[str | None], Any]
    clock: Clock
    seconds: float = DESCRIBE_SECONDS
    _known: dict[str, tuple[tuple[str, int | None], float, InForce | None]] = field(default_factory=dict)
    _told: dict[str, str] = field(default_factory=dict)
    _models: dict[str, Mapping[str, str | None]] = field(default_factory=dict)

    def __call__(self, endpoint: Endpoint, era_id: int | None) -> InForce | None:
        """What is in force on the endpoint, asked no earlier than the era on record began."""
        if not endpoint.capture.startswith("s3://"):
            return None
        asked_for = (endpoint.digest, era_id)
        known, asked, found = self._known.get(endpoint.name, (None, 0.0, None))
        if known == asked_for and time.monotonic() - asked < self.seconds:
            return found
        found = self._ask(endpoint)
        self._known[endpoint.name] = (asked_for, time.monotonic(), found)
        return found

    def _ask(self, endpoint: Endpoint) -> InForce | None:
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            described = self.sagemaker(endpoint.role).describe_endpoint(EndpointName=endpoint.name)
        except ClientError as error:
            self._tell(endpoint, str(error.response.get("Error", {}).get("Code", "")) or "ClientError")
            return None
        except BotoCoreError as error:
            self._tell(endpoint, type(error).__name__, aws_told(error))
            return None
        self._told.pop(endpoint.name, None)
        models = self._models_of(endpoint, described["EndpointConfigName"])
        packages = set(models.values())
        return InForce(
            described["EndpointConfigName"],
            # AWS tells the machine's time, which says nothing about a business time that is played
            described["LastModifiedTime"].astimezone(UTC)
            if isinstance(self.clock, SystemClock)
            else self.clock.now(),
            updating=described["EndpointStatus"] == "Updating",
            model_package=packages.pop() if len(packages) == 1 else None,
            models=models,
        )

    def _models_of(self, endpoint: Endpoint, config: str) -> Mapping[str, str | None]:
        """The model packages behind a config's variants, asked for once: a config never changes."""
        if config not in self._models:
            try:
                found = look_up(self.sagemaker(endpoint.role), endpoint.name)
            except DiscoveryError as error:
                log.debug("model_package_not_found", endpoint=endpoint.name, reason=str(error))
                return {}
            if found.endpoint_config != config:
                return {}
            self._models[config] = {each.name: each.model_package for each in found.variants}
        return self._models[config]

    def _tell(
        self, endpoint: Endpoint, reason: str, advice: str = "allow sagemaker:DescribeEndpoint on it"
    ) -> None:
        """Once for each reason: an owner may let Kedge read captures and nothing else."""
        if self._told.get(endpoint.name) == reason:
            return
        self._told[endpoint.name] = reason
        log.warning(
            "endpoint_not_described",
            endpoint=endpoint.name,
            role=endpoint.role,
            reason=reason,
            advice=f"deployments are not told apart: {advice}",
        )


@dataclass(slots=True)
class Failures:
    """Answers which executions of a followed schedule failed; none where AWS can't be asked."""

    sagemaker: Callable[[str | None], Any]
    seconds: float = DESCRIBE_SECONDS
    _asked: dict[str, float] = field(default_factory=dict)

    def __call__(self, endpoint: Endpoint, since: datetime) -> tuple[FailedExecution, ...]:
        """Those since then; asked again when the last answer is old enough."""
        from botocore.exceptions import BotoCoreError

        name = endpoint.schedule
        if name is None or time.monotonic() - self._asked.get(endpoint.name, -inf) < self.seconds:
            return ()
        self._asked[endpoint.name] = time.monotonic()
        try:
            return failed_executions(self.sagemaker(endpoint.role), name, since)
        except DiscoveryError as error:
            reason = str(error)
        except BotoCoreError as error:
            reason = aws_told(error)
        log.warning("failed_executions_not_listed", endpoint=endpoint.name, reason=reason)
        return ()
