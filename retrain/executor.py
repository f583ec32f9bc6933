"""The acting half of the service: after each round of observing, decide, then move the runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial

import structlog

from config.model import Endpoint
from objects import PlaceError, open_place
from retrain.aws_calls import CallError
from retrain.bench import World
from retrain.deciding import Answer, decide_endpoint
from retrain.new_data import look
from retrain.reference import References
from retrain.run import advance
from store import decisions, new_data
from store.engine import StoreError, ping, reading

log = structlog.get_logger(__name__)


@dataclass(slots=True)
class Executor:
    """Decides and acts; it holds nothing but caches, everything that matters is in the database."""

    world: World
    _references: References = field(init=False)
    _idle: dict[str, tuple[str, int]] = field(init=False, default_factory=dict)
    """By endpoint, the entry and the newest execution with which there was nothing to decide on.

    There is no row that says so: without this it would be asked in every round, until either is another.
    """

    def __post_init__(self) -> None:
        """Nothing is asked of anybody yet."""
        world = self.world
        self._references = References(world.engine, world.sagemaker, world.s3, world.ssm)

    def round(self, endpoints: Sequence[Endpoint]) -> int:
        """Ask each endpoint's policy, then take every run as far as it goes; how many steps were made."""
        wanted = [endpoint for endpoint in endpoints if endpoint.retrain is not None]
        if wanted:
            for endpoint in wanted:
                self._look(endpoint)
            with reading(self.world.engine) as connection:
                undecided = decisions.undecided(connection) | frozenset(
                    new_data.waiting(connection, _prefixes(wanted))
                )
                newest = decisions.newest_executions(connection, undecided)
            for endpoint in wanted:
                seen = endpoint.digest, newest.get(endpoint.name, 0)
                if endpoint.name in undecided and self._idle.get(endpoint.name) != seen:
                    self._decide(endpoint, seen)
        return advance(self.world, {endpoint.name: endpoint for endpoint in endpoints})

    def _look(self, endpoint: Endpoint) -> None:
        """See whether new training data came to it; what goes wrong at one endpoint is no other's."""
        try:
            look(
                self.world.engine,
                endpoint,
                lambda uri: open_place(uri, lambda: self.world.s3(endpoint.role)),
                self.world.clock.now(),
            )
        except StoreError:
            raise
        except Exception:
            log.exception("new_data_failed", endpoint=endpoint.name)

    def _decide(self, endpoint: Endpoint, seen: tuple[str, int]) -> None:
        """Ask its policy; what goes wrong at one endpoint is no other's."""
        try:
            answer = decide_endpoint(
                self.world.engine, endpoint, partial(self._references.of, endpoint), self.world.clock.now()
            )
            if answer is Answer.NOTHING:
                self._idle[endpoint.name] = seen
        except StoreError as error:
            # a deadlock, or a lock that did not come in time, is this endpoint's; that nobody answers is not
            ping(self.world.engine)
            log.warning("decision_waits", endpoint=endpoint.name, reason=str(error))
        except (CallError, PlaceError) as error:
            # each execution is decided on once: it waits for what its windows are held against
            log.warning("decision_waits", endpoint=endpoint.name, reason=str(error))
        except Exception:
            log.exception("decision_failed", endpoint=endpoint.name)


def _prefixes(endpoints: Sequence[Endpoint]) -> dict[str, str]:
    asking = {each.name: each.retrain.new_data for each in endpoints if each.retrain}
    return {name: wanted.prefix for name, wanted in asking.items() if wanted}
