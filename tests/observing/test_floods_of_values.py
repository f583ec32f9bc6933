"""A column of few values that is flooded with new ones: what lies outside is counted by records."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from store.records import CheckRow, IncidentKind, Outcome
from tests.clock import HOUR, MINUTE, NOON
from tests.observing.conftest import Watch
from tests.observing.yard import Record, baseline_files, records


def _spelt(given: tuple[Record, ...], share: float) -> tuple[Record, ...]:
    """This share of the records has a sex that no other record has."""
    bad = int(len(given) * share)
    return (*(replace(one, sex=f"x{at}") for at, one in enumerate(given[:bad])), *given[bad:])


def _domain_of_sex(watch: Watch) -> CheckRow:
    (judged,) = watch.judged()
    (check,) = [
        one for one in watch.checks(judged) if (one.feature, one.check) == ("sex", "categorical_values_check")
    ]
    return check


@pytest.mark.parametrize(("share", "outcome"), [(0.1, Outcome.OK), (0.5, Outcome.VIOLATED)])
def test_a_threshold_below_one_is_held_against_the_share_of_records(
    watch: Watch, share: float, outcome: Outcome
) -> None:
    constraints = json.loads(baseline_files()["constraints.json"])
    constraints["monitoring_config"]["domain_content_threshold"] = 0.8
    watch.yard.put("baseline", "constraints.json", json.dumps(constraints).encode())
    given = _spelt(records(1, NOON, 12_000), share)
    for at in range(0, 12_000, 3000):
        watch.yard.capture("abalone", given[at : at + 3000], name=f"{at}", at=NOON)
    watch.fine(watch.yard.endpoint(), NOON + HOUR)
    check = _domain_of_sex(watch)
    assert (check.outcome, check.value) == (outcome, 1 - share)
    assert [one.kind for one in watch.incidents()] == [IncidentKind.DATA_FAULT] * (
        outcome is Outcome.VIOLATED
    )


def test_a_baseline_with_other_values_has_an_open_windows_records_read_again(watch: Watch) -> None:
    watch.yard.capture("abalone", _spelt(records(1, NOON, 3000), 0.4), name="a")
    watch.fine(watch.yard.endpoint(), NOON + MINUTE)
    constraints = json.loads(baseline_files()["constraints.json"])
    for feature in constraints["features"]:
        if feature["name"] == "sex":
            feature["string_constraints"]["domains"] = ["F", "I"]
    constraints["monitoring_config"]["domain_content_threshold"] = 0.3
    watch.yard.put("baseline", "constraints.json", json.dumps(constraints).encode())
    watch.fine(watch.yard.endpoint(), NOON + HOUR)
    check = _domain_of_sex(watch)
    assert check.outcome is Outcome.OK
    assert check.value == pytest.approx(0.4, abs=0.03)
