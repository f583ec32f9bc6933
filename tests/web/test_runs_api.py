"""Retraining for programs: the API and what Prometheus reads."""

from __future__ import annotations

import httpx
from sqlalchemy import Connection, Engine

from store import decisions, monitors
from store.engine import writing
from store.retraining import DecisionReason, Run, RunState, SeenCondition, SeenValue, SeenWindow
from tests.web import retraining
from tests.web.history import BEGIN, ENDPOINT, Told
from tests.web.retraining import FOLDER, PACKAGE, RUN, WHY
from tests.web.serving import client, serving
from tests.web.test_api import get
from tests.web.test_metrics import Samples, of, scrape
from tests.web.test_runs import stored, visiting


def test_one_run_with_all_its_rows(own_history: Engine, told: Told) -> None:
    with visiting(own_history, told, retraining.adopted) as visitor:
        detail = get(visitor, f"runs/{RUN}")
    assert detail["endpoint"] == ENDPOINT
    assert detail["run"]["state"] == "adopted"
    assert detail["run"]["reason"] == "first_windows_good"
    assert detail["run"]["helped"] == "helped"
    assert detail["run"]["model_package"] == PACKAGE
    assert detail["run"]["new_endpoint_config"] == RUN
    assert [event["state"] for event in detail["events"]] == [
        "requested",
        "requested",
        "started",
        "trained",
        "won",
        "registered",
        "approved",
        "deployed",
        "adopted",
    ]
    assert detail["decision"]["words"] == WHY
    assert detail["decision"]["seen"] == [
        {"comparison": "rmse > 1.15 * baseline", "value": 3.41, "threshold": 2.346}
    ]
    assert {(trial["dataset"], trial["metric"]) for trial in detail["trials"]} == {
        ("fresh", "rmse"),
        ("fresh", "r2"),
        ("test", "rmse"),
    }
    assert detail["calls"][0] == {
        "name": "start",
        "asked_at": "2026-03-03T12:17:00Z",
        "answered_at": "2026-03-03T12:18:00Z",
    }
    assert (detail["old_baseline"], detail["new_baseline"]) == (1, 2)
    assert detail["training_uri"] == f"{FOLDER}/training.csv"
    assert detail["judged_start"] == "2026-03-03T10:00:00Z"
    assert detail["incident"] == told.drift_incident


def test_the_runs_and_decisions_of_an_endpoint(own_history: Engine, told: Told) -> None:
    with visiting(own_history, told, retraining.requested) as visitor:
        (run,) = get(visitor, f"endpoints/{ENDPOINT}/runs")
        said = get(visitor, f"endpoints/{ENDPOINT}/decisions")
        newest = get(visitor, f"endpoints/{ENDPOINT}/decisions", limit=1)
        missing = visitor.get("/api/v1/endpoints/none/runs")
    assert (run["name"], run["state"], run["ended_at"]) == (RUN, "requested", None)
    assert [each["reason"] for each in said] == ["breach", "not_lasting", "unknown"]
    assert said[1]["seen"] == [{"comparison": "rmse > 1.15 * baseline", "value": None, "threshold": None}]
    assert newest == said[:1]
    assert [each["run"] for each in said] == [RUN, None, None]
    assert missing.status_code == 404


def test_every_decision_is_reached_page_by_page(own_history: Engine, told: Told) -> None:
    with visiting(own_history, told, retraining.requested) as visitor:
        where = f"endpoints/{ENDPOINT}/decisions"
        every, found = get(visitor, where), get(visitor, where, limit=1)
        while page := get(visitor, where, limit=1, before=found[-1]["id"]):
            found += page
        described = get(visitor, "openapi.json")["paths"]["/api/v1/endpoints/{name}/decisions"]
    assert found == every
    assert len(found) == 3
    named = {each["name"]: each for each in described["get"]["parameters"]}
    assert "page" in named["before"]["description"]


def test_a_decision_is_told_with_all_windows_that_counted(own_history: Engine, told: Told) -> None:
    value = SeenValue("rmse > 2", 3.41, 3.2, 3.6, 2.0)
    seen = SeenWindow(told.judged[36].start, "true", (value,))
    condition = SeenCondition("rmse > 2", "1 of 1", True, seen.start, (seen,))

    def decided(connection: Connection, told: Told) -> Run:
        run = retraining.requested(connection, told)
        decisions.record(
            connection, monitor_id=told.monitor.id, upto_execution_id=told.judged[-1].id + 1,
            reason=DecisionReason.IN_FLIGHT, words="No second run.", seen=(), incident_id=None, run_id=None,
            config_digest="c" * 64, now=told.now, variant="AllTraffic", conditions=(condition,),
        )  # fmt: skip
        return run

    with visiting(own_history, told, decided) as visitor:
        (newest,) = get(visitor, f"endpoints/{ENDPOINT}/decisions", limit=1)
    assert newest["variant"] == "AllTraffic"
    start = told.judged[36].start.isoformat().replace("+00:00", "Z")
    assert newest["conditions"] == [
        {
            "condition": "rmse > 2",
            "wanted": "1 of 1",
            "is_breached": True,
            "hit": start,
            "windows": [
                {
                    "start": start,
                    "truth": "true",
                    "values": [
                        {
                            "comparison": "rmse > 2",
                            "value": 3.41,
                            "low": 3.2,
                            "high": 3.6,
                            "threshold": 2.0,
                        }
                    ],
                }
            ],
        }
    ]


def test_why_and_whether_it_helped(own_history: Engine, told: Told) -> None:
    with visiting(own_history, told, retraining.adopted) as visitor:
        why = get(visitor, f"runs/{RUN}/why")
        helped = get(visitor, f"endpoints/{ENDPOINT}/helped")
        page = visitor.get(f"/endpoints/{ENDPOINT}").text
    assert [each["heading"] for each in why] == [
        "Why it was opened",
        "The policy then",
        "The incident",
        "What became of it",
    ]
    assert why[0]["sentences"][0] == WHY
    assert helped == {"helped": 1, "not_helped": 0, "unknown": 0}
    assert "Retraining has helped in 1 of 1 run that can be told of." in page


def test_a_program_says_its_word(own_history: Engine, told: Told) -> None:
    with visiting(own_history, told, retraining.registered) as visitor:
        said = visitor.post(f"/api/v1/runs/{RUN}/reject")
        again = visitor.post(f"/api/v1/runs/{RUN}/reject")
        refused = visitor.post(f"/api/v1/runs/{RUN}/approve")
    assert (said.status_code, said.json()["approval"]) == (200, "reject")
    assert (again.status_code, again.json()) == (200, said.json())
    assert (refused.status_code, "was told to reject already" in refused.json()["error"]) == (409, True)
    assert stored(own_history).approval == "reject"


def test_a_program_needs_the_token(own_history: Engine, told: Told) -> None:
    token = "a-long-enough-token-for-a-test"
    with writing(own_history) as connection:
        retraining.registered(connection, told)
    with serving(own_history, told.now, token=token) as address:
        with client(address) as stranger:
            assert stranger.post(f"/api/v1/runs/{RUN}/approve").status_code == 401
            assert stranger.get(f"/runs/{RUN}").status_code == 401
        assert stored(own_history).approval is None
        with client(address, authorization=f"Bearer {token}") as visitor:
            assert visitor.post(f"/api/v1/runs/{RUN}/approve").status_code == 200
    assert stored(own_history).approval == "approve"


def test_the_description_of_the_api_names_the_words(visitor: httpx.Client) -> None:
    described = get(visitor, "openapi.json")
    operation = described["paths"]["/api/v1/runs/{name}/{word}"]["post"]
    assert "409" in operation["responses"]
    assert described["components"]["schemas"]["Word"]["enum"] == ["approve", "reject", "cancel", "continue"]


def test_every_state_of_an_endpoint_with_runs_is_counted(own_history: Engine, told: Told) -> None:
    with writing(own_history) as connection:
        monitors.register(connection, "quiet-endpoint", "c" * 64, BEGIN)
    with visiting(own_history, told, retraining.registered) as visitor:
        samples = scrape(visitor)
    assert samples[of("kedge_retraining_runs", state="registered")] == 1
    assert counted(samples) == dict.fromkeys(RunState, 0) | {RunState.REGISTERED: 1}


def counted(samples: Samples) -> dict[str, float]:
    found = {labels: value for (name, labels), value in samples.items() if name == "kedge_retraining_runs"}
    assert {dict(labels)["endpoint"] for labels in found} == {ENDPOINT}
    return {dict(labels)["state"]: value for labels, value in found.items()}
