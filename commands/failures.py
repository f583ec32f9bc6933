"""Which failures are told to a person in one sentence; any other is a fault in Kedge and keeps its trace."""

from __future__ import annotations

from baselines.constraints import ConstraintsError
from baselines.datasets import DatasetError
from baselines.statistics import StatisticsError
from baselines.versions import BaselineError
from config.clock import ClockError
from config.errors import ConfigError
from config.facts import DiscoveryError
from monitor.schema import SchemaError
from objects import PlaceError
from store.engine import StoreError


class CommandError(Exception):
    """What a command can't do, in one sentence."""


_TOLD = (
    BaselineError,
    ClockError,
    CommandError,
    ConfigError,
    ConstraintsError,
    DatasetError,
    DiscoveryError,
    PlaceError,
    SchemaError,
    StatisticsError,
    StoreError,
)


def sentence_of(error: Exception) -> str | None:
    """The sentence for a person, or None for a fault of the program."""
    return str(error) if isinstance(error, _TOLD) else None
