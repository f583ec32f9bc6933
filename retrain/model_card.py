"""The model card of a registered version: why it was trained, on what, and how it was judged.

Its form is AWS's JSON schema of model cards, version 0.1.0, of which only the parts that Kedge knows are
written; the lengths are that schema's.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from store.retraining import Trial

_LONGEST_CARD: Final = 100_000
_LONGEST_NAME: Final = 63
_LONGEST_TEXT: Final = 2048
_LONGEST_DETAIL: Final = 1024
_MOST_METRICS: Final = 100
"""Trials that are told of: an owner may name many slices, and a card is bounded."""


@dataclass(frozen=True, slots=True)
class Story:
    """What is told of a run.

    Attributes:
        run: its name.
        endpoint: whose model it is.
        why: the sentence that it was begun for.
        incident: the incident's summary, if it was begun for one.
        judged: the sentence in which it won.
        trained: what it was trained on, in a sentence.
        datasets: the addresses of the training set and of what it was judged on.
        details: more, by name.
    """

    run: str
    endpoint: str
    why: str
    incident: str | None
    judged: str
    trained: str
    datasets: tuple[str, str]
    details: Mapping[str, str]


def content(story: Story, trials: Sequence[Trial]) -> str:
    """ModelCardContent: JSON of at most 100,000 characters."""
    purpose = f"Answers the requests of the SageMaker endpoint {story.endpoint}."
    caveats = (
        "Judged by its metrics on records of this endpoint alone, in the order in which they were inferred. "
        "Whether it helps is known from the first labelled windows after its rollout."
    )
    card = {
        "intended_uses": {"purpose_of_model": _cut(purpose, _LONGEST_TEXT)},
        "training_details": {
            "training_observations": _cut(story.trained, _LONGEST_DETAIL),
            "training_job_details": {"training_datasets": [_cut(story.datasets[0], _LONGEST_DETAIL)]},
        },
        "evaluation_details": [
            {
                "name": "Champion and challenger",
                "evaluation_observation": _cut(story.judged, _LONGEST_TEXT),
                "datasets": [_cut(story.datasets[1], _LONGEST_DETAIL)],
                "metric_groups": _groups(trials[:_MOST_METRICS]),
            }
        ],
        "additional_information": {
            "caveats_and_recommendations": _cut(caveats, _LONGEST_TEXT),
            "custom_details": {
                name: line for name, text in _details(story).items() if (line := _cut(text, _LONGEST_DETAIL))
            },
        },
    }
    written = json.dumps(card, ensure_ascii=False, allow_nan=False)
    return written if len(written) <= _LONGEST_CARD else content(story, trials[: len(trials) // 2])


def _details(story: Story) -> dict[str, str]:
    return {"run": story.run, "why": story.why, "incident": story.incident or "", **story.details}


def _groups(trials: Sequence[Trial]) -> list[dict[str, Any]]:
    """Each data set's metrics, the challenger's, with the champion's beside it in a note."""
    names = dict.fromkeys(trial.dataset for trial in trials)
    return [
        {
            "name": _cut(name, _LONGEST_NAME),
            "metric_data": [
                {
                    "name": trial.metric,
                    "type": "number",
                    "value": trial.challenger,
                    "notes": _cut(_note(trial), _LONGEST_DETAIL),
                }
                for trial in trials
                if trial.dataset == name and math.isfinite(trial.challenger)
            ],
        }
        for name in names
    ]


def _note(trial: Trial) -> str:
    return (
        f"The champion has {trial.champion:.6g}; the difference is {trial.difference:+.6g} "
        f"({trial.low:+.6g} to {trial.high:+.6g}) on {trial.count} records."
    )


def _cut(text: str, most: int) -> str:
    """On one line, and no longer."""
    line = " ".join(text.split())
    return line if len(line) <= most else f"{line[: most - 1]}…"
