"""Replicas on machines that share no folder, and a local command: whoever started it sees to it."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from config.targets import Target
from retrain import actions
from retrain.executor import Executor
from retrain.targets.base import TargetError
from retrain.targets.local import LocalTarget
from store.retraining import Run, RunReason, RunState
from tests.clock import MINUTE
from tests.loop.rig import Rig

NAME = "kedge-abalone-1"


class CutOff(LocalTarget):
    """Starts the command, and is gone before it can say so."""

    def start(self, name: str, input: str) -> str:
        super().start(name, input)
        raise TargetError("on purpose", retryable=True)


def on(rig: Rig, folder: Path, kind: type[LocalTarget] = LocalTarget) -> Executor:
    """A replica on a machine whose runs are in this folder."""

    def opened(target: Target, time_limit: timedelta) -> LocalTarget:
        return kind(str(target.local), folder, time_limit)

    return rig.another(folder.name, open_target=opened)


def run_of(rig: Rig) -> Run:
    (run,) = rig.runs()
    return run


def started(rig: Rig) -> Run:
    """A run that this machine has started and that does not end by itself."""
    rig.trainer = "endless"
    return rig.until(RunState.STARTED)


def rest(rig: Rig, executor: Executor) -> Run:
    """The run, which this replica does nothing about."""
    before = run_of(rig)
    assert [rig.act(executor) for _ in range(3)] == [0, 0, 0]
    assert run_of(rig) == before
    return before


def ended(rig: Rig, run: Run) -> None:
    """The command of a test is not left behind."""
    LocalTarget("true", rig.folder / "runs", timedelta(days=1)).cancel(NAME, "the test is over")
    assert run.handle is None or run.handle.startswith(f"{NAME}@")


def test_who_did_not_start_it_leaves_it_alone(breached: Rig, tmp_path: Path) -> None:
    other = on(breached, tmp_path / "other")
    breached.until(RunState.STARTED)
    rest(breached, other)
    breached.until(RunState.DEPLOYED)
    assert not (tmp_path / "other" / NAME).exists()


def test_a_start_whose_answer_is_missing_is_made_good_where_it_was_made(
    breached: Rig, tmp_path: Path
) -> None:
    breached.act(on(breached, breached.folder / "runs", CutOff))
    assert run_of(breached).state is RunState.REQUESTED
    rest(breached, on(breached, tmp_path / "other"))
    assert not (tmp_path / "other" / NAME).exists()
    breached.until(RunState.DEPLOYED)


def test_a_machine_that_is_gone_holds_a_run_up_for_its_time_alone(breached: Rig, tmp_path: Path) -> None:
    run = started(breached)
    other = on(breached, tmp_path / "other")
    breached.clock.at = run.deadline
    rest(breached, other)
    breached.clock.at = run.deadline + 2 * MINUTE
    breached.act(other)
    found = run_of(breached)
    assert (found.state, found.reason) == (RunState.TIMED_OUT, RunReason.OUT_OF_TIME)
    assert "is on another machine" in found.told
    ended(breached, found)


def test_a_machine_that_is_gone_does_not_keep_a_run_from_being_cancelled(
    breached: Rig, tmp_path: Path
) -> None:
    started(breached)
    other = on(breached, tmp_path / "other")
    breached.say(actions.cancel)
    breached.act(other)
    found = rest(breached, other)
    assert (found.state, found.told) == (RunState.STARTED, "To be cancelled by the machine that it is on.")
    breached.clock.at += 2 * MINUTE
    breached.act(other)
    found = run_of(breached)
    assert (found.state, found.reason) == (RunState.CANCELLED, RunReason.CANCELLED_BY_HAND)
    ended(breached, found)


@pytest.mark.parametrize("seen_first", [False, True])
def test_who_started_it_cancels_it(breached: Rig, tmp_path: Path, seen_first: bool) -> None:
    started(breached)
    breached.say(actions.cancel)
    if seen_first:
        breached.act(on(breached, tmp_path / "other"))
    found = breached.until(RunState.CANCELLED)
    assert found.told == "Cancelled by hand."
    assert (breached.folder / "runs" / NAME / "cancel").exists()
