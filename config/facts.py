"""What AWS says of an endpoint, as values."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta


class DiscoveryError(Exception):
    """What AWS refuses, or an endpoint lacks, in one sentence."""


@dataclass(frozen=True, slots=True)
class DiscoveredEndpoint:
    """One line of the account's list of endpoints; tags as sorted pairs, empty where none were asked for."""

    name: str
    arn: str
    status: str
    last_modified: datetime
    tags: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class VariantFacts:
    """A production variant, the model behind it, and the model package, where the model came from one."""

    name: str
    model: str | None
    model_package: str | None


@dataclass(frozen=True, slots=True)
class ScheduleFacts:
    """A Model Monitor schedule of data quality: whose, where its results go, how much time a run covers."""

    name: str
    endpoint: str
    status: str
    results_uri: str
    period: timedelta
    statistics_uri: str | None
    constraints_uri: str | None

    @property
    def baseline(self) -> str | None:
        """The folder that holds both files; None where they don't lie in one so."""
        statistics = _folder(self.statistics_uri, "/statistics.json")
        constraints = _folder(self.constraints_uri, "/constraints.json")
        return statistics if statistics == constraints else None


@dataclass(frozen=True, slots=True)
class EndpointFacts:
    """What the endpoint, its config, its models and their packages say.

    `capture_uri` is the destination without the endpoint's name, None where nothing is captured; `sampling`
    is in percent; content types are those that capture stores as text, all others arrive as base64.
    `statistics_uri` and `constraints_uri` are of the first package that has a baseline of its data, taken
    from DriftCheckBaselines and, where that has none, from ModelMetrics.
    """

    name: str
    status: str
    endpoint_config: str
    capture_uri: str | None
    sampling: int
    variants: tuple[VariantFacts, ...]
    csv_types: tuple[str, ...]
    json_types: tuple[str, ...]
    statistics_uri: str | None
    constraints_uri: str | None
    last_modified: datetime
    schedule: ScheduleFacts | None = None

    @property
    def model_packages(self) -> tuple[str, ...]:
        """The packages behind the variants, each once."""
        return tuple(dict.fromkeys(each.model_package for each in self.variants if each.model_package))

    @property
    def baseline(self) -> str | None:
        """The folder that holds statistics.json and constraints.json; None where they don't lie in one so.

        A schedule that is followed says it first.
        """
        if self.schedule is not None and self.schedule.baseline is not None:
            return self.schedule.baseline
        statistics = _folder(self.statistics_uri, "/statistics.json")
        constraints = _folder(self.constraints_uri, "/constraints.json")
        return statistics if statistics == constraints else None


def _folder(uri: str | None, name: str) -> str | None:
    return uri.removesuffix(name) if uri is not None and uri.endswith(name) else None
