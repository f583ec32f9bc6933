"""Parameters that tell an owner's stack who the champion is: once, when it is, and back again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import EndpointConnectionError, NoCredentialsError

from store import runs
from store.engine import reading
from store.retraining import Helped, RunReason, RunState
from tests.clock import HOUR
from tests.faults import Fault
from tests.loop.rig import OLD_CONFIG, Rig
from tests.observing.replica import until

NAMES = {"model_package": "ModelPackageName", "baseline": "/abalone/BaselineDataUri"}


def ssm(rig: Rig) -> Any:
    return rig.aws.direct.client("ssm")


def held(rig: Rig) -> dict[str, str]:
    found = ssm(rig).get_parameters(Names=list(NAMES.values()))["Parameters"]
    return {each["Name"]: each["Value"] for each in found}


def wanting(rig: Rig) -> Rig:
    """The owner's stack has one of the parameters, with the word that the book's stack has for none."""
    ssm(rig).put_parameter(Name=NAMES["model_package"], Value="PLACEHOLDER", Type="String")
    rig.retrain = {"ssm": NAMES}
    return rig


def published(rig: Rig) -> None:
    rig.until(RunState.DEPLOYED)
    rig.act()


def told(rig: Rig) -> list[str]:
    with reading(rig.engine) as connection:
        events = runs.events(connection, rig.runs()[0].id)
    return [event.told for event in events if event.reason is RunReason.PARAMETERS_LEFT]


@pytest.mark.parametrize("fault", [None, Fault.DROP, Fault.THROTTLE, Fault.LATE_FAIL])
def test_they_name_the_champion_and_name_the_one_before_when_it_is_back(
    breached: Rig, fault: Fault | None
) -> None:
    rig = wanting(breached)
    rig.aws.meets("PutParameter", fault)
    published(rig)
    rig.act()
    run = rig.runs()[0]
    pairs = f"{rig.uri('output')}/{run.name}/model_quality/baseline.csv"
    assert held(rig) == {NAMES["model_package"]: run.model_package, NAMES["baseline"]: pairs}
    lines = Path(pairs.removeprefix("file://")).read_text().splitlines()
    assert lines[0] == "prediction,label"
    assert len(lines) == 81
    assert told(rig) == []
    if fault is None:  # as it was, once
        assert rig.aws.seen("PutParameter") == 2
    rig.answered_by_challenger(error=9.0)
    rig.pass_hours("changed")
    rig.until(RunState.ROLLED_BACK)
    assert held(rig) == {NAMES["model_package"]: "PLACEHOLDER"}


def test_with_a_rollout_of_none_they_name_what_is_approved(breached: Rig) -> None:
    rig = wanting(breached)
    rig.retrain = {**rig.retrain, "rollout": "none"}
    run = rig.until(RunState.ADOPTED)
    assert held(rig)[NAMES["model_package"]] == run.model_package


def test_what_somebody_else_has_set_meanwhile_is_left_and_told(breached: Rig) -> None:
    rig = wanting(breached)
    published(rig)
    ssm(rig).put_parameter(Name=NAMES["model_package"], Value="arn:of-another", Type="String", Overwrite=True)
    rig.answered_by_challenger(error=9.0)
    rig.pass_hours("changed")
    rig.until(RunState.ROLLED_BACK)
    assert held(rig) == {NAMES["model_package"]: "arn:of-another"}
    assert told(rig) == ["Somebody else has set ModelPackageName meanwhile, which is left as it is."]


def test_what_aws_refuses_is_told_once_and_the_model_serves(breached: Rig) -> None:
    rig = wanting(breached)
    client = rig.aws.client("ssm")

    def refuse(**_: Any) -> None:
        raise NoCredentialsError

    client.meta.events.register("before-sign.ssm.GetParameter", refuse)
    executor = rig.another("refused", ssm=lambda: client)
    rig.executor = executor
    published(rig)
    rig.act()
    (sentence,) = told(rig)
    assert sentence.startswith("GetParameter of parameter ")
    assert rig.runs()[0].state is RunState.DEPLOYED
    assert held(rig) == {NAMES["model_package"]: "PLACEHOLDER"}


def test_a_parameter_of_nobody_is_asked_for_by_nobody(breached: Rig) -> None:
    published(breached)
    assert breached.aws.seen("GetParameter") == 0


def unanswered(rig: Rig, operation: str) -> Any:
    """An executor whose Systems Manager does not answer one operation; called, it answers again."""
    client = rig.aws.client("ssm")

    def refuse(**_: Any) -> None:
        raise EndpointConnectionError(endpoint_url="https://ssm")

    client.meta.events.register(f"before-sign.ssm.{operation}", refuse)
    rig.executor = rig.another("unanswered", ssm=lambda: client)
    return lambda: client.meta.events.unregister(f"before-sign.ssm.{operation}", refuse)


def test_a_new_model_that_fails_goes_back_although_they_do_not_answer(breached: Rig) -> None:
    rig = wanting(breached)
    unanswered(rig, "GetParameter")
    rig.until(RunState.DEPLOYED)
    rig.answered_by_challenger()
    rig.pass_hours("changed", labels=0, failing=60, said="Internal error")
    run = rig.until(RunState.ROLLED_BACK)
    assert rig.endpoint_config() == OLD_CONFIG
    with reading(rig.engine) as connection:
        waits = [each for each in runs.events(connection, run.id) if each.reason is RunReason.NO_ANSWER]
    assert [each.told[:25] for each in waits] == ["GetParameter of parameter"]


def test_a_good_model_is_adopted_once_they_name_it_or_after_a_day(breached: Rig) -> None:
    rig = wanting(breached)
    answers_again = unanswered(rig, "PutParameter")
    rig.until(RunState.DEPLOYED)
    rig.answered_by_challenger()
    rig.pass_hours("changed", "changed")
    rig.act()
    assert rig.runs()[0].state is RunState.DEPLOYED
    answers_again()
    run = rig.until(RunState.ADOPTED)
    assert held(rig)[NAMES["model_package"]] == run.model_package


@pytest.mark.parametrize(("mirrored", "status"), [(True, "Rejected"), (False, "Approved")])
def test_they_name_the_champion_again_when_its_owner_takes_the_new_model_out(
    breached: Rig, mirrored: bool, status: str
) -> None:
    """What its windows have shown to be worse is nothing for others to deploy either."""
    rig = wanting(breached)
    published(rig)
    rig.answered_by_challenger(mirrored=mirrored)
    rig.pass_hours("changed", labels=None if mirrored else 0)
    rig.taken_out()
    run = rig.until(RunState.ADOPTED)
    assert (run.reason, run.helped) == (RunReason.OVERTAKEN, Helped.NOT if mirrored else Helped.UNKNOWN)
    assert held(rig) == {NAMES["model_package"]: "PLACEHOLDER"}
    assert rig.packages() == {run.model_package: status}
    assert told(rig) == []


@pytest.mark.parametrize("days", [0, 3], ids=["at once", "days later"])
@pytest.mark.parametrize("hours", [1, 25])
def test_what_was_taken_out_is_over_once_they_answer_or_after_a_day(
    breached: Rig, hours: int, days: int
) -> None:
    """A day after it was taken out, however long it was deployed."""
    rig = wanting(breached)
    published(rig)
    answers_again = unanswered(rig, "PutParameter")
    rig.clock.at += days * 24 * HOUR
    rig.taken_out()
    rig.act()
    assert rig.runs()[0].state is RunState.DEPLOYED
    rig.clock.at += hours * HOUR
    if hours == 1:
        answers_again()
    run = rig.until(RunState.ADOPTED)
    assert (held(rig)[NAMES["model_package"]] == "PLACEHOLDER") is (hours == 1)
    assert ("could not be put back: set them by hand" in run.told) is (hours == 25)


@pytest.mark.parametrize("hours", [1, 25])
def test_they_are_put_back_once_they_answer_or_it_is_told_that_they_were_not(
    breached: Rig, hours: int
) -> None:
    rig = wanting(breached)
    published(rig)
    answers_again = unanswered(rig, "PutParameter")
    rig.answered_by_challenger(error=9.0)
    rig.pass_hours("changed")
    assert until(lambda: rig.act() == 0 and [*rig.packages().values()] == ["Rejected"])
    run = rig.runs()[0]
    assert (run.state, run.reason) == (RunState.DEPLOYED, RunReason.FIRST_WINDOWS_WORSE)
    assert rig.endpoint_config() == OLD_CONFIG
    assert [era.endpoint_config for era in rig.eras()].count(OLD_CONFIG) == 2
    rig.clock.at += hours * HOUR
    if hours == 1:
        answers_again()
    run = rig.until(RunState.ROLLED_BACK)
    assert (held(rig)[NAMES["model_package"]] == "PLACEHOLDER") is (hours == 1)
    assert ("could not be put back: set them by hand" in run.told) is (hours == 25)


@pytest.mark.parametrize("hours", [1, 25])
def test_what_an_owner_deploys_has_its_baseline_although_they_do_not_answer(
    breached: Rig, hours: int
) -> None:
    """With `rollout: none`: the run waits for them for a day, and ends then as it would have ended."""
    rig = wanting(breached)
    rig.retrain = {**rig.retrain, "rollout": "none"}
    answers_again = unanswered(rig, "GetParameter")
    rig.until_so(lambda run: run.new_baseline_id is not None)
    assert rig.act() == 0
    run = rig.runs()[0]
    assert run.state is RunState.APPROVED
    champion, rig.package = rig.package, run.model_package or ""
    rig.deploy("theirs")
    rig.clock.at += HOUR
    rig.observe()
    rig.act()
    assert [era.baseline_id for era in rig.eras()][-1] == run.new_baseline_id
    rig.package = champion
    rig.clock.at = run.updated_at + hours * HOUR
    if hours == 1:
        answers_again()
    run = rig.until(RunState.ADOPTED, RunState.FAILED)
    assert (run.state, run.reason) == (RunState.ADOPTED, RunReason.NOT_DEPLOYED_HERE)
    assert rig.packages() == {run.model_package: "Approved"}
    assert run.told.endswith("could not be written: set them by hand.") is (hours == 25)
    assert (held(rig)[NAMES["model_package"]] == run.model_package) is (hours == 1)
