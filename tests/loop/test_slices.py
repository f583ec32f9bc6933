"""What wins in sum and takes it from a part of the records does not win."""

from __future__ import annotations

import json

import numpy as np

from store import runs
from store.engine import reading
from store.retraining import Run, RunReason, RunState, Trial
from tests.loop import world
from tests.loop.rig import Rig


def trials(rig: Rig, run: Run) -> dict[str, Trial]:
    with reading(rig.engine) as connection:
        return {trial.dataset: trial for trial in runs.trials_of(connection, run.id)}


def with_slices(rig: Rig) -> None:
    """Two hours to judge on, of which each quarter of the weights has some 40 records."""
    rig.training = {"judging": 160}
    rig.retrain = {"slices": ("weight", {"feature": "length", "minimum": 500})}


def test_better_in_sum_and_worse_on_a_slice_loses_with_the_numbers(rig: Rig) -> None:
    rig.pass_hours("quiet", "quiet", "changed", "changed", "changed", "changed")
    with_slices(rig)
    rig.trainer = "heavy"
    run = rig.until(RunState.LOST)
    assert run.reason is RunReason.NOT_BETTER
    found = trials(rig, run)
    assert found["fresh"].high < 0
    (lost,) = (trial for name, trial in found.items() if name.startswith("fresh:") and trial.low > 0)
    assert lost.dataset.startswith("fresh:weight>3.")
    assert lost.metric == "rmse"
    assert run.told.startswith(
        f"The challenger is worse on a slice that must not lose: where {lost.dataset[6:]}, "
        f"rmse {lost.challenger:.3f} against {lost.champion:.3f}, a difference of {lost.difference:+.3f} "
    )
    assert f"In sum: The challenger is better: rmse {found['fresh'].challenger:.3f}" in run.told
    assert "Slices that decide nothing: length<=" in run.told
    assert "labelled records, and 500 are wanted" in run.told
    assert len(found) == 5  # the whole window, and four quarters of the weights
    assert not rig.packages()


def test_a_challenger_that_is_better_everywhere_wins_with_its_slices_told(breached: Rig) -> None:
    breached.pass_hours("changed")
    with_slices(breached)
    run = breached.until(RunState.DEPLOYED)
    found = trials(breached, run)
    assert sorted(trial.count for trial in found.values())[-1] == 160
    assert sum(trial.count for name, trial in found.items() if name != "fresh") == 160
    with reading(breached.engine) as connection:
        told = next(e.told for e in runs.events(connection, run.id) if e.state is RunState.WON)
    assert "On none of 4 slices it is shown to be worse." in told


def test_better_on_the_old_data_and_worse_on_the_fresh_loses_with_the_numbers(breached: Rig) -> None:
    """The owner's own sets are of an older world than the champion's, and what learns from them knows it."""
    rng = np.random.default_rng(11)
    inputs = rng.normal([5.0, 3.0], [1.0, 0.5], (400, 2)).round(4)
    older = inputs @ [4.0, 3.0] + 9.0 + rng.normal(0, world.NOISE, 400)
    breached.write("sets/training.csv", world.csv(inputs[:300], older[:300]))
    breached.write("sets/test.csv", world.csv(inputs[300:], older[300:]))
    breached.training = {
        "from": "original",
        "original": breached.uri("sets/training.csv"),
        "test": breached.uri("sets/test.csv"),
    }
    run = breached.until(RunState.LOST)
    found = trials(breached, run)
    assert found["test"].high < 0 < found["fresh"].low
    assert f"rmse {found['fresh'].challenger:.3f} against {found['fresh'].champion:.3f}" in run.told
    assert (
        f"on the original test set it is better, {found['test'].challenger:.3f} against "
        f"{found['test'].champion:.3f}" in run.told
    )
    manifest = json.loads((breached.folder / "output" / run.name / "manifest.json").read_text())
    assert (manifest["original"]["count"], manifest["training"]["count"]) == (300, 0)
    assert manifest["dropped"]["not_trained_on"] == 160


def test_a_slice_of_what_is_no_input_is_told_before_anything_is_trained(breached: Rig) -> None:
    breached.retrain = {"slices": ("sex",)}
    run = breached.until(RunState.FAILED)
    assert run.reason is RunReason.BAD_TRAINING_SET
    assert run.told == "slices of kedge.yaml names sex, which is none of the model's inputs: length, weight"
    assert run.handle is None
