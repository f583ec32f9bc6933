"""What the pages say of retraining runs, and what people may tell them, over the wire."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta

import httpx
import pytest
from sqlalchemy import Connection, Engine

from store import runs
from store.engine import reading, writing
from store.retraining import Run, RunReason, RunState, Trial
from tests.web import retraining
from tests.web.history import ENDPOINT, Told
from tests.web.retraining import FOLDER, PACKAGE, RUN, WHY, WON
from tests.web.serving import client, serving
from tests.web.test_pages import read, row_with

Story = Callable[[Connection, Told], Run]


@contextmanager
def visiting(engine: Engine, told: Told, story: Story | None, **headers: str) -> Iterator[httpx.Client]:
    """The dashboard over the history with a run in it."""
    with writing(engine) as connection:
        retraining.refused(connection, told)
        if story is not None:
            story(connection, told)
    with serving(engine, told.now) as address, client(address, **headers) as visitor:
        yield visitor


def stored(engine: Engine) -> Run:
    with reading(engine) as connection:
        run = runs.by_name(connection, RUN)
    assert run is not None
    return run


def stages_of(page: str) -> list[str]:
    """The words of the line of stages, each with how it is shown."""
    line = page.split('<ol class="stages"')[1].split("</ol>")[0]
    items = line.split("<li class=")[1:]
    return [f"{item.split('<b>')[1].split('</b>')[0]}: {item.split(chr(34))[1].split()[0]}" for item in items]


def test_a_run_that_waits_for_approval_is_told_in_full(own_history: Engine, told: Told) -> None:
    with visiting(own_history, told, retraining.registered) as visitor:
        answer = visitor.get(f"/runs/{RUN}")
    page = read(answer)
    assert stages_of(answer.text) == [
        "requested: passed",
        "started: passed",
        "trained: passed",
        "won: passed",
        "registered: now",
        "approved: ahead",
        "deployed: ahead",
        "adopted: ahead",
    ]
    assert row_with(page, "812 captured") == (
        "2026-03-03 12:17 requested 812 captured records to train on, 240 to judge on."
    )
    assert f"2026-03-03 12:26 won {WON}" in page.rows
    assert WHY in page.text
    assert "rmse > 1.15 * baseline 3.41 2.346" in page.rows
    assert "the freshest labelled window rmse 3.38 2.21 -1.17 -1.33 -1.02 240" in page.rows
    assert "the original test set rmse 2.04 2.31 0.27 -0.02 0.51 900" in page.rows
    assert f"training set {FOLDER}/training.csv" in page.rows
    assert f"manifest {FOLDER}/manifest.json" in page.rows
    assert f"challenger {FOLDER}/model.tar.gz" in page.rows
    assert "2026-03-03 10:00 – 12:00" in page.text, "the judging window"
    assert f"model-package/abalone/4 {PACKAGE}" in row_with(page, "Model package")
    assert f"Endpoint config {ENDPOINT}-2026-03 –" in page.rows
    assert "start 2026-03-03 12:17 2026-03-03 12:18" in page.rows
    assert f"/incidents/{told.drift_incident}" in page.links
    assert "it waits for approval" in page.text


@pytest.mark.parametrize("count", [0, 300])
def test_a_run_that_is_judged_by_its_own_evaluation_is_told_so(
    own_history: Engine, told: Told, count: int
) -> None:
    def judged(connection: Connection, told: Told) -> Run:
        run = retraining.requested(connection, told)
        handed = json.dumps({"run": RUN, "training": None, "score": None})
        run = runs.move(
            connection, run, RunState.TRAINED, RunReason.TRAINING, "Trained.", retraining.at(9), input=handed
        )
        ends = (-0.5, -0.1) if count else (-0.3, -0.3)
        runs.set_trials(connection, run.id, (Trial("evaluation", "rmse", 2.4, 2.1, -0.3, *ends, count),))
        return runs.move(connection, run, RunState.WON, RunReason.BETTER, WON, retraining.at(10))

    with visiting(own_history, told, judged) as visitor:
        page = read(visitor.get(f"/runs/{RUN}"))
        why = visitor.get(f"/api/v1/runs/{RUN}/why").text
    numbers = "-0.5 -0.1 300" if count else "– – –"
    assert f"each model's own evaluation rmse 2.4 2.1 -0.3 {numbers}" in page.rows
    assert "Each model's own evaluation decides" in page.text
    assert ("95 % bootstrap" in page.text) is bool(count)
    assert "there is no interval" in page.text or count
    assert not any(words in page.text for words in ("same records", "freshest window", "captures since"))
    assert "the workflow's own data" in page.text
    assert ("on 300 records." if count else "difference -0.3 as each was stated.") in why


def test_what_was_sent_and_answered_is_not_shown(own_history: Engine, told: Told) -> None:
    def secretive(connection: Connection, told: Told) -> Run:
        run = retraining.started(connection, told)
        runs.intend(connection, run.id, "update", '{"EndpointName": "body-of-a-call"}', retraining.at(3))
        return run

    with visiting(own_history, told, secretive) as visitor:
        page = visitor.get(f"/runs/{RUN}")
        api = visitor.get(f"/api/v1/runs/{RUN}")
    assert "body-of-a-call" not in page.text + api.text
    assert "update 2026-03-03 12:19 not yet" in read(page).rows


def test_an_adopted_run_says_what_it_changed(own_history: Engine, told: Told) -> None:
    with visiting(own_history, told, retraining.adopted) as visitor:
        answer = visitor.get(f"/runs/{RUN}")
    page = read(answer)
    assert stages_of(answer.text)[-1] == "adopted: now"
    assert all(": ahead" not in stage for stage in stages_of(answer.text))
    assert "it helped" in page.text
    assert f"Endpoint config {ENDPOINT}-2026-03 {RUN}" in page.rows
    baselines = row_with(page, "Baseline v1")
    assert "3 000 records" in baselines
    assert "v2 812 records, 2026-03-03 12:36" in baselines
    assert "<form" not in answer.text.split("<main")[1], "nothing can be told to a run that ended"


def test_a_run_by_hand_has_no_decision(own_history: Engine, told: Told) -> None:
    def by_hand(connection: Connection, told: Told) -> Run:
        from retrain import actions

        return actions.start(
            connection,
            ENDPOINT,
            variant=None,
            time_limit=timedelta(days=1),
            label_horizon=timedelta(days=30),
            now=retraining.at(0),
        )

    with visiting(own_history, told, by_hand) as visitor:
        page = read(visitor.get(f"/runs/{RUN}"))
    assert "By hand, not by the policy." in page.text
    assert "Not judged yet." in page.text
    assert "None so far." in page.text


@pytest.mark.parametrize(
    ("story", "words"),
    [
        (retraining.requested, ["cancel"]),
        (retraining.asking, ["cancel", "continue"]),
        (retraining.started, ["cancel"]),
        (retraining.registered, ["approve", "reject", "cancel"]),
        (retraining.adopted, []),
    ],
)
def test_buttons_are_there_where_they_apply(
    own_history: Engine, told: Told, story: Story, words: list[str]
) -> None:
    with visiting(own_history, told, story) as visitor:
        text = visitor.get(f"/runs/{RUN}").text
    every = ("approve", "reject", "cancel", "continue")
    shown = [word for word in every if f'action="/runs/{RUN}/{word}"' in text]
    assert shown == words


@pytest.mark.parametrize("word", ["approve", "reject", "cancel"])
def test_a_word_is_noted_once_for_the_service(own_history: Engine, told: Told, word: str) -> None:
    with visiting(own_history, told, retraining.registered) as visitor:
        answer = visitor.post(f"/runs/{RUN}/{word}")
        assert answer.status_code == 303
        assert answer.headers["location"] == f"/runs/{RUN}"
        page = read(visitor.get(f"/runs/{RUN}"))
        other = "reject" if word != "reject" else "approve"
        refusal = read(visitor.post(f"/runs/{RUN}/{other}"), 409)
    assert stored(own_history).approval == word
    assert stored(own_history).state is RunState.REGISTERED, "the service moves runs, pages don't"
    assert f"told to {word}" in page.text
    assert f"{RUN[1:]} was told to {word} already" in refusal.text


def test_a_run_that_asks_is_told_to_continue(own_history: Engine, told: Told) -> None:
    with visiting(own_history, told, retraining.asking) as visitor:
        page = read(visitor.get(f"/runs/{RUN}"))
        assert visitor.post(f"/runs/{RUN}/continue").status_code == 303
    assert "Continue the run" in page.text
    assert "Too few labels: 90 captured records have a label so far." in page.text
    assert stored(own_history).approval == "continue"


def test_slices_are_shown_by_their_names_whoever_wrote_their_values(own_history: Engine, told: Told) -> None:
    def judged(connection: Connection, told: Told) -> Run:
        run = retraining.registered(connection, told)
        sliced = Trial("fresh:sex=<b>\u202eF", "rmse", 3.3, 2.4, -0.9, -1.4, -0.4, 80)
        runs.set_trials(connection, run.id, (*retraining.TRIALS, sliced))
        return run

    with visiting(own_history, told, judged) as visitor:
        page = read(visitor.get(f"/runs/{RUN}"))
        (api,) = (
            each
            for each in visitor.get(f"/api/v1/runs/{RUN}").json()["trials"]
            if each["dataset"].startswith("fresh:")
        )
    assert "the freshest window where sex=<b>" in page.text
    assert "\u202e" not in page.text
    assert "its interval is the wider the more slices there are" in page.text
    assert (api["challenger"], api["low"], api["high"], api["count"]) == (2.4, -1.4, -0.4, 80)


def test_a_run_can_not_be_approved_before_it_won(own_history: Engine, told: Told) -> None:
    with visiting(own_history, told, retraining.started) as visitor:
        page = read(visitor.post(f"/runs/{RUN}/approve"), 409)
    assert "is started and can't be told to approve" in page.text
    assert stored(own_history).approval is None


@pytest.mark.parametrize("origin", ["http://evil.example", "null"])
def test_another_site_can_not_approve(own_history: Engine, told: Told, origin: str) -> None:
    with visiting(own_history, told, retraining.registered, origin=origin) as visitor:
        for path in (f"/runs/{RUN}/approve", f"/api/v1/runs/{RUN}/approve"):
            assert visitor.post(path).status_code == 403
    assert stored(own_history).approval is None


def test_a_get_changes_nothing(own_history: Engine, told: Told) -> None:
    with visiting(own_history, told, retraining.registered) as visitor:
        assert visitor.get(f"/runs/{RUN}/approve").status_code == 405
    assert stored(own_history).approval is None


@pytest.mark.parametrize("name", ["nothing", "kedge-%00", "%3Cscript%3E"])
def test_a_run_that_is_not_there_is_said(visitor: httpx.Client, name: str) -> None:
    assert "There is no retraining run" in read(visitor.get(f"/runs/{name}"), 404).text
    assert "There is no retraining run" in visitor.post(f"/api/v1/runs/{name}/approve").json()["error"]
    assert visitor.post(f"/runs/{RUN}/explode").status_code == 400


def test_the_endpoint_lists_its_runs_and_why_there_were_none(own_history: Engine, told: Told) -> None:
    with visiting(own_history, told, retraining.registered) as visitor:
        page = read(visitor.get(f"/endpoints/{ENDPOINT}"))
    assert "Approval is wanted" in page.text
    assert f"{RUN} registered 2026-03-03 12:16 under way Registered; it waits for approval." in page.rows
    refusals = [row for row in page.rows if "not lasting" in row or "unknown" in row]
    assert refusals == [
        "2026-03-03 12:15 not lasting Not for long enough: 3 of 4 windows are asked for.",
        "2026-03-03 10:15 unknown Nothing is known yet. rmse was not measured.",
    ]
    assert page.links.count(f"/runs/{RUN}") == 3, "in the notice, the runs and the decision that opened it"


def test_the_endpoint_says_that_nothing_was_retrained(
    visitor: httpx.Client, own_history: Engine, told: Told
) -> None:
    assert "This endpoint has no policy" in read(visitor.get(f"/endpoints/{ENDPOINT}")).text
    with visiting(own_history, told, None) as other:
        page = read(other.get(f"/endpoints/{ENDPOINT}"))
    assert "No run so far." in page.text
    assert "Not for long enough" in page.text


@pytest.mark.parametrize(
    ("story", "said"),
    [
        (retraining.started, "retraining started since 2026-03-03 12:18"),
        (retraining.registered, "approval wanted registered since 2026-03-03 12:27"),
        (retraining.adopted, None),
    ],
)
def test_the_fleet_shows_runs_under_way(
    own_history: Engine, told: Told, story: Story, said: str | None
) -> None:
    with visiting(own_history, told, story) as visitor:
        page = read(visitor.get("/"))
    row = row_with(page, ENDPOINT)
    assert (f"/runs/{RUN}" in page.links) is (said is not None)
    assert said is None or said in row


def test_once_told_approval_is_not_wanted_any_more(own_history: Engine, told: Told) -> None:
    with visiting(own_history, told, retraining.registered) as visitor:
        visitor.post(f"/runs/{RUN}/approve")
        assert "approval wanted" not in read(visitor.get("/")).text
        assert "Approval is wanted" not in read(visitor.get(f"/endpoints/{ENDPOINT}")).text


def test_what_a_target_answered_in_another_form_is_left_out(own_history: Engine, told: Told) -> None:
    def strange(connection: Connection, told: Told) -> Run:
        run = retraining.started(connection, told)
        odd = '{"model_data": ["s3://a"], "image": {"b": 1}, "evaluation": 7}'
        return runs.move(
            connection,
            run,
            RunState.FAILED,
            RunReason.BAD_OUTPUT,
            "The target's output lacks model_data.",
            retraining.at(4),
            output=odd,
            input="no JSON",
        )

    with visiting(own_history, told, strange) as visitor:
        answer = visitor.get(f"/runs/{RUN}")
    page = read(answer)
    assert stages_of(answer.text)[-1] == "failed: now"
    assert (
        "training set" not in page.text.lower().split("champion against challenger")[1].split("model and")[0]
    )
