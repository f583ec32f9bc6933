"""The fleet for Prometheus, read from the database at each scrape."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from sqlalchemy import Engine

from config.clock import Clock
from store import attention, fleet, runs, turns
from store.attention import FleetTotals
from store.engine import reading
from store.records import FleetRow, IncidentKind
from store.retraining import RunState
from store.turns import Lag


class FleetCollector(Collector):
    """Gauges and counters of every watched endpoint; raises StoreError where the database does not answer."""

    def __init__(self, engine: Engine, clock: Clock) -> None:
        self._engine = engine
        self._clock = clock

    def describe(self) -> Iterable[Metric]:
        """Nothing, so that registering does not read the database."""
        return ()

    def collect(self) -> Iterator[Metric]:
        """Everything, of one state of the database."""
        with reading(self._engine) as connection:
            rows = fleet.overview(connection)
            totals = attention.totals(connection)
            retraining = runs.counts(connection)
            lag = turns.lag(connection, datetime.now(UTC))
        yield from _gauges(rows, self._clock.now())
        yield from _lag(lag, datetime.now(UTC))
        yield from _counters(totals)
        yield _runs(retraining)


def _gauges(rows: tuple[FleetRow, ...], now: datetime) -> Iterator[Metric]:
    drift = _gauge("drift_max", "The largest distance of a feature to its baseline in the last window.")
    drifted = _gauge("drifted_features", "Features over their threshold in the last window.")
    incidents = _gauge("open_incidents", "Incidents that are open.", "kind")
    problem = _gauge("problem", "1 where something keeps the endpoint from being monitored.")
    age = GaugeMetricFamily(
        "kedge_last_inference_age_seconds", "Time since the newest inference seen.", labels=["endpoint"]
    )
    waiting = _gauge("waiting_objects", "Objects that were found and are not counted yet.")
    waiting_age = _gauge("waiting_age_seconds", "Time since the oldest object that waits was begun.")
    for row in rows:
        name = row.monitor.name
        waiting.add_metric([name], row.monitor.waiting_objects)
        if row.monitor.waiting_since is not None:
            waiting_age.add_metric([name], (now - row.monitor.waiting_since).total_seconds())
        if row.max_drift is not None:
            drift.add_metric([name], row.max_drift)
        drifted.add_metric([name], row.drifted_features)
        problem.add_metric([name], float(row.monitor.problem is not None))
        for kind in IncidentKind:
            incidents.add_metric([name, kind], sum(i.kind is kind for i in row.open_incidents))
        if row.monitor.last_inference_at is not None:
            age.add_metric([name], (now - row.monitor.last_inference_at).total_seconds())
    yield from (drift, drifted, incidents, problem, age, waiting, waiting_age)


def _lag(lag: Lag, wall: datetime) -> Iterator[Metric]:
    yield GaugeMetricFamily(
        "kedge_turns_overdue", "Endpoints whose turn to be looked at has come.", value=lag.overdue
    )
    late = 0.0 if lag.overdue_since is None else (wall - lag.overdue_since).total_seconds()
    yield GaugeMetricFamily(
        "kedge_turns_overdue_seconds", "Time since the turn of the first of them had come.", value=late
    )


def _gauge(name: str, says: str, *labels: str) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"kedge_endpoint_{name}", says, labels=["endpoint", *labels])


def _counters(totals: tuple[FleetTotals, ...]) -> Iterator[Metric]:
    records = CounterMetricFamily("kedge_records", "Captured records counted.", labels=["endpoint"])
    rejects = CounterMetricFamily(
        "kedge_rejects", "Captured lines and values that were bad, by kind.", labels=["endpoint", "kind"]
    )
    for total in totals:
        records.add_metric([total.endpoint], total.records)
        for kind, count in total.rejects.items():
            rejects.add_metric([total.endpoint, kind], count)
    yield from (records, rejects)


def _runs(retraining: Mapping[str, Mapping[RunState, int]]) -> Metric:
    """Every state of an endpoint that ever had a run, so that a state left behind is seen to be empty."""
    found = GaugeMetricFamily(
        "kedge_retraining_runs",
        "Retraining runs that there ever were, by state.",
        labels=["endpoint", "state"],
    )
    for endpoint, states in retraining.items():
        for state, count in states.items():
            found.add_metric([endpoint, state], count)
    return found
