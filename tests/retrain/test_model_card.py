"""A model card that AWS takes: its form, and its lengths, whatever is told in it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from retrain import model_card
from retrain.model_card import Story
from store.retraining import Trial

STORY = Story(
    run="kedge-abalone-1",
    endpoint="abalone",
    why="Retrain. rmse 3.41 is above 2.35: so in 3 of 4 windows.",
    incident="length moved away from the baseline",
    judged="The challenger is better: rmse 2.1 against 3.4.",
    trained="Trained on 600 captured records with labels.",
    datasets=("s3://models/run/training.csv", "s3://models/run/fresh.csv"),
    details={"kedge-code-version": "a1b2c3d"},
)
TRIALS = (
    Trial("fresh", "rmse", 3.4, 2.1, -1.3, -1.5, -1.1, 240),
    Trial("fresh:sex=F", "rmse", 3.4, 2.2, -1.2, -1.5, float("inf"), 80),
)
ALLOWED: dict[str, Any] = {
    "intended_uses": {"purpose_of_model": 2048},
    "training_details": {
        "training_observations": 1024,
        "training_job_details": {"training_datasets": [1024]},
    },
    "evaluation_details": [
        {
            "name": 63,
            "evaluation_observation": 2096,
            "datasets": [1024],
            "metric_groups": [
                {"name": 63, "metric_data": [{"name": 255, "type": 16, "value": None, "notes": 1024}]}
            ],
        }
    ],
    "additional_information": {"caveats_and_recommendations": 2048, "custom_details": dict[str, str]},
}
"""Keys of AWS's JSON schema of model cards, and the most characters of each text."""


def faults(found: Any, allowed: Any, where: str = "card") -> Iterator[str]:
    if allowed is None:
        return
    if allowed == dict[str, str]:
        yield from (f"{where}.{name}" for name, text in found.items() if not 0 < len(text) <= 1024)
    elif isinstance(allowed, dict):
        yield from (f"{where}.{name} is unknown" for name in found.keys() - allowed.keys())
        for name in found.keys() & allowed.keys():
            yield from faults(found[name], allowed[name], f"{where}.{name}")
    elif isinstance(allowed, list):
        for at, each in enumerate(found):
            yield from faults(each, allowed[0], f"{where}[{at}]")
    elif not isinstance(found, str) or len(found) > allowed:
        yield f"{where} is too long"


def test_a_card_tells_why_on_what_and_by_how_much() -> None:
    card = json.loads(model_card.content(STORY, TRIALS))
    assert list(faults(card, ALLOWED)) == []
    (judged,) = card["evaluation_details"]
    assert judged["evaluation_observation"] == STORY.judged
    assert [group["name"] for group in judged["metric_groups"]] == ["fresh", "fresh:sex=F"]
    (metric,) = judged["metric_groups"][0]["metric_data"]
    assert metric == {
        "name": "rmse",
        "type": "number",
        "value": 2.1,
        "notes": "The champion has 3.4; the difference is -1.3 (-1.5 to -1.1) on 240 records.",
    }
    assert card["additional_information"]["custom_details"] == {
        "run": STORY.run,
        "why": STORY.why,
        "incident": STORY.incident,
        "kedge-code-version": "a1b2c3d",
    }


@given(
    st.text(max_size=5000),
    st.lists(st.tuples(st.text(max_size=160), st.floats()), max_size=300),
)
def test_whatever_is_told_the_card_keeps_its_form_and_length(
    text: str, slices: list[tuple[str, float]]
) -> None:
    trials = [Trial(f"fresh:{name}", "rmse", 3.4, value, 0.0, 0.0, 0.0, 40) for name, value in slices]
    story = replace(STORY, why=text, judged=text, trained=text, incident=text)
    written = model_card.content(story, trials)
    assert len(written) <= 100_000
    assert list(faults(json.loads(written), ALLOWED)) == []
