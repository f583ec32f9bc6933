"""One retraining run: its stages, why it was opened, who won by how much, and what a person may say."""

from __future__ import annotations

from fastapi import APIRouter
from fastapi.responses import HTMLResponse, RedirectResponse

from retrain import actions
from store.engine import reading
from web import lookup, run_story
from web.lookup import Name
from web.rendering import path, render
from web.site import Here
from web.telling import Word, tell
from web.trials import compared
from web.why import explain

router = APIRouter(include_in_schema=False)


@router.get("/runs/{name}")
def show(here: Here, name: Name) -> HTMLResponse:
    """The run's page."""
    with reading(here.engine) as connection:
        story = run_story.read(connection, *lookup.run(connection, name))
    return HTMLResponse(
        render(
            "run.html",
            title=story.run.name,
            signs_in=here.signs_in,
            now=here.clock.now(),
            story=story,
            run=story.run,
            run_path=path("runs", story.run.name),
            endpoint_path=path("endpoints", story.monitor.name),
            stages=run_story.stages(story.run, story.events),
            places=run_story.places(story.run),
            has_own_data=run_story.has_own_data(story.run),
            compared=compared(story.trials),
            words=actions.possible(story.run),
            why=explain(story),
        )
    )


@router.post("/runs/{name}/{word}")
def say(here: Here, name: Name, word: Word) -> RedirectResponse:
    """Approve, reject, cancel or continue, and go back to the page."""
    return RedirectResponse(path("runs", tell(here.engine, name, word).name), 303)
