"""The quality that an era's model was registered with, which ``baseline`` stands for in a condition."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import structlog
from sqlalchemy import Engine

from config.conditions import Reference, comparisons
from config.model import Endpoint
from objects import PlaceError, PlaceProblem, S3Client, open_place
from retrain.aws_calls import CallError
from retrain.champion_parameter import champion, runs_of_model
from retrain.registry import describe, reference_quality
from store.engine import reading
from store.records import Deployment

log = structlog.get_logger(__name__)


@dataclass(slots=True)
class References:
    """Asks the registry, each model package once: a version does not change.

    Which version an era's model is of may be a parameter's to say, and that is asked each time.
    """

    engine: Engine
    sagemaker: Callable[[], Any]
    s3: Callable[[str | None], S3Client]
    ssm: Callable[[], Any]
    _quality: dict[str, Mapping[str, float]] = field(default_factory=dict)

    def of(self, endpoint: Endpoint, era: Deployment) -> Mapping[str, float]:
        """The quality by metric, such as {"rmse": 2.04}; empty where nobody asks for it, or it has none.

        Raises CallError or PlaceError where it may be known a moment later.
        """
        if not _asks_for_baseline(endpoint):
            return {}
        try:
            package = self._package(endpoint, era)
            if package is None:
                return {}
            if package not in self._quality:
                self._quality[package] = self._read(endpoint, package)
        except (CallError, PlaceError) as error:
            if _may_pass(error):
                raise
            log.warning("reference_unknown", endpoint=endpoint.name, reason=str(error))
            return {}
        return self._quality[package]

    def _package(self, endpoint: Endpoint, era: Deployment) -> str | None:
        parameter = endpoint.retrain.champion if endpoint.retrain else None
        if era.model_package is not None or parameter is None:
            return era.model_package
        with reading(self.engine) as connection:
            past = runs_of_model(connection, era)
        return champion(parameter, era, past, self.ssm(), self.sagemaker()).package

    def _read(self, endpoint: Endpoint, package: str) -> Mapping[str, float]:
        def read(uri: str) -> bytes:
            folder, _, name = uri.rpartition("/")
            place = open_place(folder, lambda: self.s3(endpoint.role))
            return place.objects.read(place.key(name))

        return reference_quality(describe(self.sagemaker(), package), read)


def _asks_for_baseline(endpoint: Endpoint) -> bool:
    retrain = endpoint.retrain
    if retrain is None:
        return False
    asked = (each for condition in retrain.when for each in comparisons(condition))
    return retrain.cost is not None or any(each.against is Reference.BASELINE for each in asked)


def _may_pass(error: CallError | PlaceError) -> bool:
    return error.retryable if isinstance(error, CallError) else error.kind is PlaceProblem.UNREACHABLE
