"""What Prometheus reads."""

from __future__ import annotations

import httpx
from prometheus_client import CollectorRegistry, Counter
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import Engine

from store import monitors
from store.engine import writing
from tests.web.history import BEGIN, ENDPOINT, Told
from tests.web.serving import client, serving

Samples = dict[tuple[str, tuple[tuple[str, str], ...]], float]


def scrape(visitor: httpx.Client) -> Samples:
    answer = visitor.get("/metrics")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/plain; version=")
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }


def of(name: str, **labels: str) -> tuple[str, tuple[tuple[str, str], ...]]:
    return name, tuple(sorted({"endpoint": ENDPOINT, **labels}.items()))


def test_the_fleet_is_scraped_from_the_database(visitor: httpx.Client) -> None:
    samples = scrape(visitor)
    assert 0.2 < samples[of("kedge_endpoint_drift_max")] < 0.3
    assert samples[of("kedge_endpoint_drifted_features")] == 6
    assert samples[of("kedge_endpoint_open_incidents", kind="drift")] == 1
    assert samples[of("kedge_endpoint_open_incidents", kind="data_fault")] == 0
    assert samples[of("kedge_endpoint_open_incidents", kind="quality")] == 0
    assert samples[of("kedge_endpoint_problem")] == 0
    assert samples[of("kedge_records_total")] == 8000
    assert samples[of("kedge_rejects_total", kind="not_json")] == 4
    assert samples[of("kedge_last_inference_age_seconds")] == 19 * 60


def test_an_endpoint_without_data_has_no_age_and_no_drift(empty: Engine) -> None:
    with writing(empty) as connection:
        monitor = monitors.register(connection, ENDPOINT, "c", BEGIN)
        monitors.set_problem(connection, monitor.id, "denied: grant it", BEGIN)
    with serving(empty, BEGIN) as address, client(address) as visitor:
        samples = scrape(visitor)
    assert samples[of("kedge_endpoint_problem")] == 1
    assert samples[of("kedge_records_total")] == 0
    assert of("kedge_endpoint_drift_max") not in samples
    assert of("kedge_last_inference_age_seconds") not in samples


def test_the_service_s_own_metrics_stand_beside_it(history: Engine, told: Told) -> None:
    registry = CollectorRegistry()
    Counter("kedge_ticks", "Ticks that ran.", registry=registry).inc(3)
    with serving(history, told.now, registry=registry) as address, client(address) as visitor:
        assert scrape(visitor)[("kedge_ticks_total", ())] == 3
