"""What every target promises, held against each of them; what is one kind's own has a file of its own."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from config.targets import TargetKind
from retrain.targets.base import Awaited, Cancelled, Running, Status, Succeeded, TargetError, Unanswered
from tests.faults import Fault, FaultyAws
from tests.targets.stands import RUN, Stand, ending, stand

EVENTS = TargetKind.EVENT_BRIDGE
OURS = [
    TargetKind.STEP_FUNCTIONS,
    TargetKind.LOCAL,
    TargetKind.SAGEMAKER_PIPELINE,
    TargetKind.CODEPIPELINE,
    EVENTS,
]
ON_AIRFLOW = {TargetKind.AIRFLOW, TargetKind.MWAA}
"""Held to it on real Airflows, in test_airflow.py."""
KNOWN_AGAIN = [kind for kind in OURS if kind is not EVENTS]
"""AWS knows an event no second time: see test_event_bridge."""
OF_AWS = [kind for kind in KNOWN_AGAIN if kind is not TargetKind.LOCAL]


@pytest.fixture
def made(request: pytest.FixtureRequest, faulty_aws: FaultyAws, tmp_path: Path) -> Stand:
    return stand(request.param, faulty_aws, tmp_path / "runs")


@pytest.fixture
def finished(request: pytest.FixtureRequest, faulty_aws: FaultyAws, tmp_path: Path) -> Stand:
    return ending(request.param, faulty_aws, tmp_path / "runs")


def each(kinds: Sequence[TargetKind], stand: str = "made") -> pytest.MarkDecorator:
    return pytest.mark.parametrize(stand, kinds, indirect=True, ids=str)


def until(so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not so():
        assert time.monotonic() < deadline, "it never came to be"
        time.sleep(0.02)


def settled(made: Stand, handle: str) -> Status:
    """What it says in the end."""
    until(lambda: not isinstance(made.target.status(handle), Running))
    return made.target.status(handle)


@each(OURS)
def test_what_is_started_is_under_way(made: Stand) -> None:
    handle = made.target.start(RUN, made.asked)
    assert len(made.started()) == 1
    assert isinstance(made.target.status(handle), Running | Awaited)
    made.target.cancel(handle, "the test is over")


@each(KNOWN_AGAIN)
def test_starting_twice_is_starting_once(made: Stand) -> None:
    handle = made.target.start(RUN, made.asked)
    assert made.target.start(RUN, made.asked) == handle
    assert len(made.started()) == 1
    made.target.cancel(handle, "the test is over")


@each(KNOWN_AGAIN, "finished")
def test_what_has_ended_is_not_started_again(finished: Stand) -> None:
    handle = finished.target.start(RUN, finished.asked)
    finished.finish(handle)
    assert isinstance(settled(finished, handle), Succeeded | Unanswered)
    assert finished.target.start(RUN, finished.asked) == handle
    assert len(finished.started()) == 1


@each(KNOWN_AGAIN)
def test_another_input_under_the_same_name_is_refused(made: Stand) -> None:
    handle = made.target.start(RUN, made.asked)
    with pytest.raises(TargetError, match=f"than run {RUN}'s") as refused:
        made.target.start(RUN, made.other)
    assert not refused.value.retryable
    assert len(made.started()) == 1
    made.target.cancel(handle, "the test is over")


@each(OF_AWS)
def test_a_start_that_goes_wrong_starts_one(made: Stand, faulty_aws: FaultyAws) -> None:
    for count, fault in enumerate(Fault, start=1):
        name = f"{RUN}{count}"
        asked = made.asked.replace(RUN, name)
        faulty_aws.meets(made.start_call, fault, fault)
        for _ in range(2):
            _try(made, name, asked)
        handle = made.target.start(name, asked)
        assert len(made.started()) == count, fault
        assert made.target.status(handle) == Running()
        faulty_aws.clear(made.start_call)


def _try(made: Stand, name: str, asked: str) -> None:
    """Start it, which meets a fault or, where the call before took effect, is known again."""
    try:
        made.target.start(name, asked)
    except TargetError as error:
        if not error.retryable or f"run {name}" not in str(error):
            raise


@each(OF_AWS)
def test_a_status_that_cannot_be_had_is_asked_for_again(made: Stand, faulty_aws: FaultyAws) -> None:
    handle = made.target.start(RUN, made.asked)
    for fault in Fault:
        faulty_aws.meets(made.status_call, fault)
        with pytest.raises(TargetError, match="cannot describe") as told:
            made.target.status(handle)
        assert told.value.retryable, fault
        assert made.target.status(handle) == Running()


@each(KNOWN_AGAIN)
def test_a_handle_that_it_never_gave_is_no_run(made: Stand) -> None:
    with pytest.raises(TargetError, match=re.escape(made.unknown)):
        made.target.status(made.unknown)


@each(OURS)
def test_cancelling_has_it_end_and_again_changes_nothing(made: Stand, faulty_aws: FaultyAws) -> None:
    handle = made.target.start(RUN, made.asked)
    if made.stop_call:
        faulty_aws.meets(made.stop_call, Fault.DROP)
        with pytest.raises(TargetError) as lost:
            made.target.cancel(handle, "by hand")
        assert lost.value.retryable
    made.target.cancel(handle, "x" * 40_000)
    until(lambda: made.stopping(handle))


@each(KNOWN_AGAIN, "finished")
def test_cancelling_what_has_ended_leaves_it_as_it_is(finished: Stand) -> None:
    handle = finished.target.start(RUN, finished.asked)
    finished.finish(handle)
    before = settled(finished, handle)
    finished.target.cancel(handle, "too late")
    assert finished.target.status(handle) == before
    assert not isinstance(before, Cancelled)


def test_every_kind_is_held_to_it() -> None:
    assert {*OURS, *ON_AIRFLOW} == set(TargetKind)
