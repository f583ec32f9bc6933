"""Too few labels: a run waits for them and fails, or rests and asks a person whether to go on."""

from __future__ import annotations

from config.training import FewLabels, Training
from retrain.bench import Bench, RunFailedError
from store import runs
from store.engine import reading
from store.retraining import Run, RunReason, RunState

GO_ON = "continue"
"""What a person says to a run that asks."""


def for_labels(run: Run, bench: Bench, state: RunState, short: str, failing: str) -> Run | None:
    """Rest in a state while labels are too few; `short` says how many there are, `failing` what that ends in.

    None where the run rests already.

    Raises:
        RunFailedError: where it was not to ask, and has waited for as long as it may.
    """
    wanted = bench.retrain.training
    rests = run.state is state
    if wanted.labels is FewLabels.ASK:
        if rests and run.reason is RunReason.ASKING:
            return None
        choice = "Continue with those there are, or cancel; it goes on by itself when enough came."
        told = f"Too few labels: {short} {choice}"
        return bench.move(run, state, RunReason.ASKING, told)
    if bench.now > run.requested_at + wanted.wait:
        raise RunFailedError(RunReason.NO_LABELS, f"{failing}: {short}")
    if rests and run.reason is RunReason.WAITING_FOR_LABELS:
        return None
    told = f"Waiting for labels: {short}" if state is RunState.REQUESTED else short
    return bench.move(run, state, RunReason.WAITING_FOR_LABELS, told)


def go_on(run: Run, bench: Bench) -> Run:
    """Take up that a person said to go on; one that does not ask any more goes on as it is."""
    if run.reason is RunReason.ASKING:
        told = "Told to go on with the labels that there are."
        return bench.move(run, run.state, RunReason.TOLD_TO_GO_ON, told, approval=None)
    return bench.move(run, run.state, run.reason, run.told, approval=None)


def wanted(run: Run, bench: Bench, labelled: int) -> Training:
    """How many labels the run wants: what kedge.yaml says, or, where a person said to go on, what there is.

    Of `labelled` records the same share is then judged by as of those that kedge.yaml wants, and one is
    enough to train on.
    """
    asked = bench.retrain.training
    if not is_told(run, bench):
        return asked
    share = labelled * asked.judging // (asked.minimum + asked.judging)
    return asked.model_copy(update={"minimum": 1, "judging": max(2, min(share, asked.judging))})


def is_told(run: Run, bench: Bench) -> bool:
    """Whether a person said to go on with too few labels."""
    if bench.retrain.training.labels is not FewLabels.ASK:
        return False
    with reading(bench.world.engine) as connection:
        return any(event.reason is RunReason.TOLD_TO_GO_ON for event in runs.events(connection, run.id))
