"""The acting half of the service: after each round of observing, decide, then move the runs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import structlog

from config.conditions import Reference, comparisons
from config.model import Endpoint
from objects import PlaceError, PlaceProblem, open_place
from retrain.bench import World
from retrain.deciding import decide_endpoint
from retrain.registry import describe, reference_quality
from retrain.run import advance
from retrain.sagemaker_calls import CallError
from store import decisions
from store.engine import StoreError, reading
from store.records import Deployment

log = structlog.get_logger(__name__)


@dataclass(slots=True)
class Executor:
    """Decides and acts; it holds nothing but a cache, everything that matters is in the database."""

    world: World
    _quality: dict[str, Mapping[str, float]] = field(default_factory=dict)

    def round(self, endpoints: Sequence[Endpoint]) -> int:
        """Ask each endpoint's policy, then take every run as far as it goes; how many steps were made."""
        wanted = [endpoint for endpoint in endpoints if endpoint.retrain is not None]
        if wanted:
            with reading(self.world.engine) as connection:
                undecided = decisions.undecided(connection)
            for endpoint in wanted:
                if endpoint.name in undecided:
                    self._decide(endpoint)
        return advance(self.world, {endpoint.name: endpoint for endpoint in endpoints})

    def _decide(self, endpoint: Endpoint) -> None:
        """Ask its policy; what goes wrong at one endpoint is no other's."""
        try:
            decide_endpoint(self.world.engine, endpoint, self._reference(endpoint), self.world.clock.now())
        except StoreError:
            raise
        except (CallError, PlaceError) as error:
            # each execution is decided on once: it waits for what its windows are held against
            log.warning("decision_waits", endpoint=endpoint.name, reason=str(error))
        except Exception:
            log.exception("decision_failed", endpoint=endpoint.name)

    def _reference(self, endpoint: Endpoint) -> Callable[[Deployment], Mapping[str, float]]:
        return lambda era: self._quality_of(endpoint, era)

    def _quality_of(self, endpoint: Endpoint, era: Deployment) -> Mapping[str, float]:
        """What the era's model was registered with; asked once, since a version does not change.

        Raises CallError or PlaceError where it may be known a moment later.
        """
        package = era.model_package
        if package is None or not _asks_for_baseline(endpoint):
            return {}
        if package not in self._quality:

            def read(uri: str) -> bytes:
                folder, _, name = uri.rpartition("/")
                place = open_place(folder, lambda: self.world.s3(endpoint.role))
                return place.objects.read(place.key(name))

            try:
                self._quality[package] = reference_quality(describe(self.world.sagemaker(), package), read)
            except (CallError, PlaceError) as error:
                if _may_pass(error):
                    raise
                log.warning("reference_unknown", endpoint=endpoint.name, reason=str(error))
                return {}
        return self._quality[package]


def _asks_for_baseline(endpoint: Endpoint) -> bool:
    wanted = endpoint.retrain.when if endpoint.retrain else ()
    return any(each.against is Reference.BASELINE for condition in wanted for each in comparisons(condition))


def _may_pass(error: CallError | PlaceError) -> bool:
    return error.retryable if isinstance(error, CallError) else error.kind is PlaceProblem.UNREACHABLE
