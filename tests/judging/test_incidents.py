"""When a breach becomes an incident, and when it is over."""

from __future__ import annotations

from dataclasses import replace

import pytest

from baselines.checks.domain import UNCOUNTED
from baselines.checks.names import DISABLED, NO_RECORDS, Check
from monitor.checks.profiled import REASONS
from monitor.incidents import (
    ENOUGH_RECORDS,
    QUIET_WINDOWS,
    Breach,
    Decision,
    Judged,
    Shows,
    breaches,
    decide,
    shows,
)
from store.records import CheckRow, Incident, IncidentKind, Outcome
from tests.clock import HOUR, NOON

BREACH = Breach(IncidentKind.DRIFT, 0.4, ("a",), "Drift on a.")
OPEN = Incident(
    id=1,
    monitor_id=1,
    deployment_id=1,
    variant="AllTraffic",
    kind=IncidentKind.DRIFT,
    opened_at=NOON,
    closed_at=None,
    first_window=NOON,
    last_window=NOON + 3 * HOUR,
    severity=0.3,
    features=("a",),
    summary="Drift on a.",
    breached_windows=4,
)


def row(
    check: Check,
    value: float,
    feature: str = "a",
    outcome: Outcome = Outcome.VIOLATED,
    threshold: float = 0.1,
) -> CheckRow:
    return CheckRow(feature, check, outcome, value, threshold, "")


class TestBreaches:
    def test_a_quiet_window_has_none(self) -> None:
        fine = [row(Check.DRIFT, 0.0, outcome=outcome) for outcome in Outcome if outcome != "VIOLATED"]
        assert breaches(fine, records=100, rejected=0) == ()
        assert breaches([], records=0, rejected=0) == ()

    def test_drift_is_as_bad_as_its_worst_feature(self) -> None:
        (found,) = breaches([row(Check.DRIFT, 0.2, "a"), row(Check.DRIFT, 0.5, "b")], 100, 0)
        assert found.kind is IncidentKind.DRIFT
        assert (found.severity, found.features) == (0.5, ("a", "b"))
        assert found.summary == (
            "Drift on a, b; the worst is b at a distance of 0.500, over the threshold 0.1."
        )

    def test_of_p_values_the_smallest_is_the_worst(self) -> None:
        (found,) = breaches([row(Check.DRIFT, 0.04, "a"), row(Check.DRIFT, 0.001, "b")], 100, 0)
        assert found.severity == pytest.approx(0.999)
        assert found.summary.endswith("the worst is b at a p-value of 0.001, under the threshold 0.1.")

    def test_a_data_fault_is_as_bad_as_its_worst_share_of_bad_values(self) -> None:
        checks = [row(Check.COMPLETENESS, 0.9, "a"), row(Check.DATA_TYPE, 0.75, "b")]
        (found,) = breaches(checks, 100, 0)
        assert found.kind is IncidentKind.DATA_FAULT
        assert found.severity == 0.25
        assert found.summary == "Data fault: completeness_check, data_type_check on a, b."

    @pytest.mark.parametrize(("check", "width"), [(Check.EXTRA_COLUMNS, 14.0), (Check.MISSING_COLUMNS, 1.0)])
    def test_wrong_columns_make_every_record_bad(self, check: Check, width: float) -> None:
        (found,) = breaches([row(check, width, "Extra columns")], 0, 0)
        assert found.severity == 1.0

    def test_records_that_are_lost_in_numbers_are_a_data_fault(self) -> None:
        assert breaches([], records=95, rejected=5) == ()
        (found,) = breaches([], records=94, rejected=6)
        assert found.kind is IncidentKind.DATA_FAULT
        assert found.severity == 0.06
        assert found.summary == "Data fault: 6 records (6.0%) could not be read."

    def test_each_kind_is_told_once_and_many_features_are_counted(self) -> None:
        drift = [row(Check.DRIFT, 0.3, f"f{i}") for i in range(7)]
        fault, drifting, _ = breaches([*drift, row(Check.DOMAIN, 0.5, "sex")], 100, 0)
        assert (fault.kind, drifting.kind) == (IncidentKind.DATA_FAULT, IncidentKind.DRIFT)
        assert "f0, f1, f2, f3, f4 and 2 more" in drifting.summary
        assert len(drifting.features) == 7

    def test_a_feature_with_two_faults_is_named_once(self) -> None:
        (found,) = breaches([row(Check.DATA_TYPE, 0.5), row(Check.COMPLETENESS, 0.5)], 100, 0)
        assert found.features == ("a",)


UNIT = frozenset({("a", Check.UNIT)})


def said(check: Check, outcome: Outcome, feature: str = "a", detail: str = "") -> CheckRow:
    return CheckRow(feature, check, outcome, None, None, detail)


class TestWhatAWindowShows:
    @pytest.mark.parametrize(
        ("outcome", "shown"),
        [
            (Outcome.VIOLATED, Shows.BREACH),
            (Outcome.OK, Shows.QUIET),
            (Outcome.INSUFFICIENT_DATA, Shows.NOTHING),
            (Outcome.NOT_APPLICABLE, Shows.NOTHING),
            (Outcome.ERROR, Shows.NOTHING),
        ],
    )
    def test_only_what_was_compared_and_is_fine_is_over(self, outcome: Outcome, shown: Shows) -> None:
        others = [said(Check.COMPLETENESS, Outcome.OK), said(Check.UNIT, Outcome.OK, "b")]
        judged = Judged((*others, said(Check.UNIT, outcome)), 12, 0)
        assert shows(IncidentKind.DATA_FAULT, judged, UNIT) is shown

    def test_all_that_breached_has_to_be_fine(self) -> None:
        two = frozenset({("a", Check.DRIFT), ("b", Check.DRIFT)})
        half = (said(Check.DRIFT, Outcome.OK), said(Check.DRIFT, Outcome.INSUFFICIENT_DATA, "b"))
        assert shows(IncidentKind.DRIFT, Judged(half, 40, 0), two) is Shows.NOTHING
        both = (half[0], said(Check.DRIFT, Outcome.OK, "b"))
        assert shows(IncidentKind.DRIFT, Judged(both, 40, 0), two) is Shows.QUIET

    def test_what_is_not_asked_for_any_more_is_let_go(self) -> None:
        off = said(Check.UNIT, Outcome.NOT_APPLICABLE, detail=DISABLED)
        assert shows(IncidentKind.DATA_FAULT, Judged((off,), 12, 0), UNIT) is Shows.QUIET
        elsewhere = said(Check.UNIT, Outcome.OK, "b")
        assert shows(IncidentKind.DATA_FAULT, Judged((elsewhere,), 12, 0), UNIT) is Shows.QUIET, "excluded"
        empty = said(Check.COMPLETENESS, Outcome.INSUFFICIENT_DATA)
        assert shows(IncidentKind.DATA_FAULT, Judged((empty, elsewhere), 12, 0), UNIT) is Shows.NOTHING

    @pytest.mark.parametrize(
        ("check", "outcome", "detail"),
        [
            (Check.DATA_TYPE, Outcome.INSUFFICIENT_DATA, "No value of this feature is present."),
            (
                Check.UNIT,
                Outcome.NOT_APPLICABLE,
                "Values on both sides of zero are not compared by a factor.",
            ),
            (Check.UNIT, Outcome.NOT_APPLICABLE, "Many of the values are zero."),
            (Check.UNIT, Outcome.INSUFFICIENT_DATA, "Too few values: 3."),
        ],
    )
    def test_a_fault_is_over_where_many_records_have_no_values_to_show_it(
        self, check: Check, outcome: Outcome, detail: str
    ) -> None:
        """The values may stay so, and a data fault forbids to retrain for as long as it is open."""
        rows = (said(Check.DRIFT, Outcome.OK, "b"), said(check, outcome, detail=detail))
        watched = frozenset({("a", check)})
        few, many = ENOUGH_RECORDS - 1, ENOUGH_RECORDS
        assert shows(IncidentKind.DATA_FAULT, Judged(rows, few, 0), watched) is Shows.NOTHING, "at night"
        assert shows(IncidentKind.DATA_FAULT, Judged(rows, many, 0), watched) is Shows.QUIET

    def test_what_was_not_looked_at_or_failed_shows_nothing_of_however_many(self) -> None:
        for reason in (NO_RECORDS, UNCOUNTED, *REASONS):
            row = said(Check.UNIT, Outcome.INSUFFICIENT_DATA, detail=reason)
            assert shows(IncidentKind.DATA_FAULT, Judged((row,), 100_000, 0), UNIT) is Shows.NOTHING, reason
        failed = said(Check.UNIT, Outcome.ERROR)
        assert shows(IncidentKind.DATA_FAULT, Judged((failed,), 100_000, 0), UNIT) is Shows.NOTHING

    def test_drift_is_not_over_where_the_data_is_at_fault(self) -> None:
        drifting = frozenset({("a", Check.DRIFT)})
        texts = said(Check.DRIFT, Outcome.NOT_APPLICABLE, detail="no value is a number.")
        broken = said(Check.DATA_TYPE, Outcome.VIOLATED)
        assert shows(IncidentKind.DRIFT, Judged((broken, texts), 1000, 0), drifting) is Shows.NOTHING
        assert shows(IncidentKind.DRIFT, Judged((texts,), 1000, 0), drifting) is Shows.QUIET

    def test_no_records_and_wrong_columns_show_nothing_of_features(self) -> None:
        drifting = frozenset({("a", Check.DRIFT)})
        wrong = said(Check.EXTRA_COLUMNS, Outcome.VIOLATED, "Extra columns")
        assert shows(IncidentKind.DRIFT, Judged((wrong,), 0, 0), drifting) is Shows.NOTHING
        assert shows(IncidentKind.DRIFT, Judged((wrong,), 3, 0), drifting) is Shows.NOTHING
        assert shows(IncidentKind.DATA_FAULT, Judged((), 0, 0), frozenset()) is Shows.NOTHING

    def test_lost_records_are_over_where_records_came_that_are_not_lost(self) -> None:
        assert shows(IncidentKind.DATA_FAULT, Judged((), 94, 6), frozenset()) is Shows.BREACH
        assert shows(IncidentKind.DATA_FAULT, Judged((), 100, 0), frozenset()) is Shows.QUIET


@pytest.mark.parametrize(
    ("incident", "breach", "hours", "before", "after", "decision"),
    [
        (None, None, 0, 0, 0, Decision.LEAVE),
        (None, BREACH, 0, 0, 0, Decision.OPEN),
        (None, BREACH, 0, 5, 1, Decision.OPEN),
        (None, BREACH, 0, 0, QUIET_WINDOWS, Decision.LEAVE),
        (OPEN, BREACH, 4, 0, 0, Decision.WORSEN),
        (OPEN, BREACH, 1, 0, 0, Decision.WORSEN),
        (OPEN, BREACH, 3, 0, QUIET_WINDOWS, Decision.WORSEN),
        (OPEN, BREACH, -1, 0, 0, Decision.WORSEN),
        (OPEN, BREACH, -9, 0, QUIET_WINDOWS, Decision.LEAVE),
        (OPEN, None, 4, 0, 0, Decision.LEAVE),
        (OPEN, None, 5, 1, 0, Decision.CLOSE),
        (OPEN, None, 4, 0, 1, Decision.CLOSE),
        (OPEN, None, 2, 1, 0, Decision.LEAVE),
        (OPEN, None, -2, 5, 0, Decision.LEAVE),
        (replace(OPEN, last_window=NOON), None, 0, 0, 0, Decision.CLOSE),
    ],
    ids=[
        "quiet and nothing open",
        "the first breach opens",
        "a breach opens however quiet it was before",
        "judged late, and over by now",
        "the next breach worsens",
        "a breach in between worsens",
        "its last window judged again",
        "an earlier window joins it",
        "an earlier breach that was over is none of it",
        "one quiet window is no end",
        "two quiet windows are",
        "two quiet windows judged in the wrong order are too",
        "quiet between its breaches",
        "quiet before it",
        "its only window judged again and quiet",
    ],
)
def test_decisions(
    incident: Incident | None,
    breach: Breach | None,
    hours: int,
    before: int,
    after: int,
    decision: Decision,
) -> None:
    decided, reason = decide(incident, breach, NOON + hours * HOUR, before, after)
    assert decided is decision
    assert reason


def test_an_incident_says_what_it_is_about() -> None:
    assert decide(None, BREACH, NOON, 0, 0) == (Decision.OPEN, BREACH.summary)
    assert decide(OPEN, BREACH, NOON + 4 * HOUR, 0, 0) == (Decision.WORSEN, BREACH.summary)
    assert decide(OPEN, None, NOON + 5 * HOUR, 1, 0)[1] == "2 windows in a row without the breach."


def test_a_window_that_shows_nothing_closes_none_but_its_own() -> None:
    assert decide(OPEN, None, NOON + 5 * HOUR, 5, 5, quiet=False)[0] is Decision.LEAVE
    alone = replace(OPEN, last_window=NOON)
    assert decide(alone, None, NOON, 0, 0, quiet=False)[0] is Decision.CLOSE
