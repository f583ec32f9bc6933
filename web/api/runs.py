"""The API's routes about retraining: runs, decisions, and what a person says to a run."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query

from store import decisions, runs
from store.engine import reading
from store.retraining import HelpedCounts
from web import lookup, run_story
from web.api.answers import Refusal
from web.api.run_answers import DecisionAnswer, RunAnswer, RunDetail
from web.lookup import Name
from web.site import Here
from web.telling import Word, tell
from web.why import Paragraph, explain

_REFUSALS: dict[int | str, dict[str, Any]] = {
    status: {"model": Refusal} for status in (400, 401, 403, 404, 409, 503)
}
router = APIRouter(prefix="/api/v1", responses=_REFUSALS)


@router.get("/endpoints/{name}/runs")
def show_runs(here: Here, name: Name) -> list[RunAnswer]:
    """Every retraining run of an endpoint, newest first."""
    with reading(here.engine) as connection:
        monitor = lookup.endpoint(connection, name)
        return list(map(RunAnswer.of, runs.history(connection, monitor.id)))


@router.get("/endpoints/{name}/decisions")
def show_decisions(
    here: Here,
    name: Name,
    limit: Annotated[int, Query(ge=1, le=500)] = 50,
    before: Annotated[
        int | None, Query(ge=1, description="The `id` of the last one of the page before.")
    ] = None,
) -> list[DecisionAnswer]:
    """The decisions of an endpoint's policy, newest first: so many, or so many `before` the one with an id.

    Where a page is empty there are no more.
    """
    with reading(here.engine) as connection:
        monitor = lookup.endpoint(connection, name)
        names = {run.id: run.name for run in runs.history(connection, monitor.id)}
        said = decisions.listed(connection, monitor.id, limit, before)
        return [DecisionAnswer.of(each, names.get(each.run_id or 0)) for each in said]


@router.get("/runs/{name}")
def show_run(here: Here, name: Name) -> RunDetail:
    """One retraining run with all its rows."""
    with reading(here.engine) as connection:
        return RunDetail.of(run_story.read(connection, *lookup.run(connection, name)))


@router.get("/runs/{name}/why")
def show_why(here: Here, name: Name) -> list[Paragraph]:
    """Why a run was asked for and what became of it, in words."""
    with reading(here.engine) as connection:
        return list(explain(run_story.read(connection, *lookup.run(connection, name))))


@router.get("/endpoints/{name}/helped")
def show_helped(here: Here, name: Name) -> HelpedCounts:
    """How often retraining has helped an endpoint so far."""
    with reading(here.engine) as connection:
        return runs.helped_counts(connection, lookup.endpoint(connection, name).id)


@router.post("/runs/{name}/{word}")
def say(here: Here, name: Name, word: Word) -> RunAnswer:
    """Approve or reject the model of a run that waits for it, cancel a run, or let one that asks continue.

    The next round acts on it.
    """
    return RunAnswer.of(tell(here.engine, name, word))
