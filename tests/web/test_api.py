"""The JSON API, over the wire."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from sqlalchemy import Engine

from store import deployments, monitors, windows
from store.engine import reading, writing
from tests.web.history import BEGIN, ENDPOINT, HOUR, ROWS, Told, judge_again
from tests.web.serving import client, serving


def get(visitor: httpx.Client, path: str, **query: str | int) -> Any:
    answer = visitor.get(f"/api/v1/{path}", params=query)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_the_fleet(visitor: httpx.Client, told: Told) -> None:
    fleet = get(visitor, "fleet")
    assert fleet["matching"] == 1
    assert fleet["counts"]["drifting"] == 1
    (endpoint,) = fleet["endpoints"]
    assert endpoint["name"] == ENDPOINT
    assert endpoint["state"] == "drifting"
    assert endpoint["last_execution"]["id"] == told.judged[-1].id
    assert endpoint["last_execution"]["start"] == "2026-03-03T15:00:00Z"
    assert endpoint["drifted_features"] == 6
    assert [incident["kind"] for incident in endpoint["open_incidents"]] == ["drift"]
    assert get(visitor, "fleet", state="quiet")["endpoints"] == []
    assert get(visitor, "fleet", q="nothing like it")["matching"] == 0


def test_one_endpoint(visitor: httpx.Client) -> None:
    endpoint = get(visitor, f"endpoints/{ENDPOINT}")
    assert endpoint["baseline_version"] == 1
    assert endpoint["last_inference_at"] == "2026-03-03T15:58:00Z"
    assert endpoint["problem"] is None


def test_drift_is_a_series_by_feature(visitor: httpx.Client, told: Told) -> None:
    series = get(visitor, f"endpoints/{ENDPOINT}/drift")
    assert len(series) == 10
    length = next(one for one in series if one["feature"] == "length")
    assert length["variant"] == "AllTraffic"
    assert [w["execution"] for w in length["windows"]] == [e.id for e in told.judged]
    assert [w["outcome"] for w in length["windows"]] == ["OK"] * 30 + ["VIOLATED"] * 10
    assert {w["threshold"] for w in length["windows"]} == {0.1}


def test_drift_of_one_feature_in_a_period(visitor: httpx.Client) -> None:
    (series,) = get(
        visitor,
        f"endpoints/{ENDPOINT}/drift",
        feature="length",
        start="2026-03-02T05:00:00Z",
        end="2026-03-02T08:00:00Z",
    )
    assert [w["start"] for w in series["windows"]] == [f"2026-03-02T0{hour}:00:00Z" for hour in (5, 6, 7)]


def test_an_offset_is_honoured(visitor: httpx.Client) -> None:
    found = get(
        visitor,
        f"endpoints/{ENDPOINT}/executions",
        start="2026-03-02T07:00:00+02:00",
        end="2026-03-02T08:00:00+02:00",
    )
    assert [execution["start"] for execution in found] == ["2026-03-02T05:00:00Z"]


def test_quality_is_a_series_by_metric(visitor: httpx.Client) -> None:
    series = {one["metric"]: one["windows"] for one in get(visitor, f"endpoints/{ENDPOINT}/quality")}
    assert set(series) == {"mae", "r2", "rmse"}
    assert len(series["rmse"]) == 34
    for window in series["rmse"]:
        assert window["low"] < window["value"] < window["high"]
        assert window["labelled"] == 180


def test_executions_come_newest_first_and_in_their_last_revision(own_history: Engine, told: Told) -> None:
    newer = judge_again(own_history, told)
    with serving(own_history, told.now) as address, client(address) as visitor:
        found = get(visitor, f"endpoints/{ENDPOINT}/executions", last=2)
        detail = get(visitor, f"executions/{told.judged[-1].id}")
    assert [execution["id"] for execution in found] == [newer.id, told.judged[-2].id]
    assert [execution["revision"] for execution in found] == [2, 1]
    assert detail["execution"]["latest"] is False
    assert [revision["id"] for revision in detail["revisions"]] == [newer.id, told.judged[-1].id]


def test_executions_of_quality(visitor: httpx.Client) -> None:
    found = get(visitor, f"endpoints/{ENDPOINT}/executions", kind="ModelQuality", last=500)
    assert len(found) == 34
    assert {execution["kind"] for execution in found} == {"ModelQuality"}


def test_one_execution_has_all_its_rows(visitor: httpx.Client, told: Told) -> None:
    detail = get(visitor, f"executions/{told.judged[-1].id}")
    assert detail["endpoint"] == ENDPOINT
    assert detail["execution"]["records"] == ROWS
    assert detail["execution"]["status"] == "CompletedWithViolations"
    assert len(detail["features"]) == len(detail["checks"]) == 10
    assert detail["checks"][0]["check"] == "baseline_drift_check"
    assert detail["features"][8]["mean"] is None


def test_incidents(visitor: httpx.Client, told: Told) -> None:
    found = get(visitor, f"endpoints/{ENDPOINT}/incidents")
    assert [incident["id"] for incident in found] == [told.drift_incident, told.fault_incident]
    detail = get(visitor, f"incidents/{told.drift_incident}")
    assert detail["incident"]["breached_windows"] == 3
    assert detail["incident"]["closed_at"] is None
    assert [event["change"] for event in detail["events"]] == ["opened", "worsened", "continued"]
    assert detail["events"][0]["execution"] == told.judged[30].id


def test_an_era_tells_the_versions_of_its_variants(own_history: Engine, told: Told) -> None:
    with writing(own_history) as connection:
        monitor = monitors.by_name(connection, ENDPOINT)
        assert monitor is not None
        last = deployments.eras(connection, monitor.id)[-1]
        beside = last.with_model("green", "arn:green/7", last.baseline_id, ["blue", "green"])
        deployments.set_models(connection, beside)
    with serving(own_history, told.now) as address, client(address) as visitor:
        eras = get(visitor, f"endpoints/{ENDPOINT}/eras")
        page = visitor.get(f"/endpoints/{ENDPOINT}").text
    assert [era["variants"] for era in eras] == [{}, {"green": "arn:green/7"}]
    assert eras[-1]["model_package"] == last.model_package
    assert "arn:green/7" in page


def test_baselines_eras_and_rejects(visitor: httpx.Client) -> None:
    (baseline,) = get(visitor, f"endpoints/{ENDPOINT}/baselines")
    assert (baseline["version"], baseline["records"], baseline["features"]) == (1, 3000, 10)
    eras = get(visitor, f"endpoints/{ENDPOINT}/eras")
    assert [era["ended_at"] for era in eras] == ["2026-03-02T20:00:00Z", None]
    rejects = get(visitor, f"endpoints/{ENDPOINT}/rejects", limit=1)
    assert rejects["counts"] == {"not_a_number": 2, "not_json": 4}
    (rejected,) = rejects["objects"]
    assert rejected["bucket"] == "logs"
    assert rejected["rejects"][1]["examples"] == [
        {"line": 17, "column": None, "detail": "the line is cut off at byte 211: write it again"}
    ]


def test_windows_of_a_period_are_marked(own_history: Engine, told: Told) -> None:
    with serving(own_history, told.now) as address, client(address) as visitor:
        answer = visitor.post(
            f"/api/v1/endpoints/{ENDPOINT}/judge",
            params={"start": "2026-03-02T01:00:00Z", "end": "2026-03-02T03:00:00Z"},
        )
        assert answer.json() == {"marked": 2}
        with reading(own_history) as connection:
            due = windows.due(connection, told.monitor.id, told.now)
        assert [window.start for window in due] == [BEGIN + HOUR, BEGIN + 2 * HOUR]
        assert visitor.post(f"/api/v1/endpoints/{ENDPOINT}/judge").json() == {"marked": 40}
        assert visitor.post("/api/v1/endpoints/nobody/judge").status_code == 404


def test_a_foreign_page_marks_nothing(own_history: Engine, told: Told) -> None:
    with serving(own_history, told.now) as address, client(address) as visitor:
        refused = visitor.post(
            f"/api/v1/endpoints/{ENDPOINT}/judge", headers={"origin": "http://evil.example"}
        )
        with reading(own_history) as connection:
            assert not windows.due(connection, told.monitor.id, told.now)
    assert refused.status_code == 403
    assert refused.json() == {"error": "A page of another origin sent this: open this site and do it there."}


@pytest.mark.parametrize(
    ("path", "name"),
    [
        (f"endpoints/{ENDPOINT}/drift?start=never", "start"),
        (f"endpoints/{ENDPOINT}/executions?kind=Other", "kind"),
        ("fleet?state=odd", "state"),
        ("fleet?per_page=100000", "per_page"),
        ("fleet?q=%00", "q"),
    ],
)
def test_what_can_not_be_read_is_one_sentence(visitor: httpx.Client, path: str, name: str) -> None:
    answer = visitor.get(f"/api/v1/{path}")
    assert answer.status_code == 400
    assert answer.json()["error"].startswith(f"{name} can't be read: ")


def test_the_description_is_complete(visitor: httpx.Client) -> None:
    described = get(visitor, "openapi.json")
    assert all(path.startswith("/api/v1/") for path in described["paths"])
    assert len(described["paths"]) == 18
    schemas = described["components"]["schemas"]
    assert set(schemas["Refusal"]["properties"]) == {"error"}
    for path in described["paths"].values():
        for operation in path.values():
            assert "$ref" in str(operation["responses"]["200"]), operation["operationId"]


def test_an_endpoint_that_saw_nothing_answers_empty(empty: Engine) -> None:
    from store import monitors
    from store.engine import writing

    with writing(empty) as connection:
        monitors.register(connection, "new", "c", BEGIN)
    with serving(empty, BEGIN) as address, client(address) as visitor:
        assert get(visitor, "endpoints/new")["state"] == "waiting for data"
        for part in ("drift", "quality", "executions", "incidents", "baselines", "eras", "runs", "decisions"):
            assert get(visitor, f"endpoints/new/{part}") == []
