"""The finer terms of a policy: when a breach is over, how long a rest is, what a run is worth."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.expressions import Reading
from config.policy import BackOff
from config.retraining import Retrain
from retrain.deciding import gravest
from retrain.policy import DecidedOn, Facts, decide
from retrain.policy.past import Attempt, Yes, attempt, facts
from retrain.policy.rest import rest
from retrain.readings import WindowReadings, with_faults
from store.records import Deployment
from store.retraining import Arrived, DecisionReason, Helped, Run, RunState
from tests.clock import HOUR, NOON

NOW = NOON + timedelta(days=3)
DAY = timedelta(days=1)
CONDITION = "rmse > 2"
ERA = Deployment(1, 1, "config", None, NOON - 30 * DAY, None, None, None)


def policy(**given: Any) -> Retrain:
    usual = {
        "when": (CONDITION,),
        "for": "1 of 1",
        "clear": "2 of 2 by 10%",
        "cooldown": "3h",
        "limit": "1000 per 7d",
        "target": {"local": "train"},
        "registry": "abalone",
    }
    return Retrain.model_validate(usual | given)


def windows(*values: float | None, now: datetime = NOW) -> tuple[WindowReadings, ...]:
    """A window for each hour before now, the newest last; None: without labels."""
    return tuple(
        WindowReadings(now - (back + 1) * HOUR, partial(reading, value))
        for back, value in enumerate(reversed(values))
    )


def reading(value: float | None, metric: str, _: str | None) -> Reading | None:
    if metric == "volume":
        return Reading(100)
    return None if value is None else Reading(value, baseline=1.5)


def run(state: RunState, **given: Any) -> Run:
    """One that has ended so."""
    usual: dict[str, Any] = dict.fromkeys(Run.__slots__)
    usual |= {"name": "run", "state": state, "requested_at": NOW, "ended_at": NOW}
    return Run(**usual | given)


def decided(hours_ago: int, condition: str = CONDITION) -> Facts:
    """A run for the window of so many hours ago, which ended as soon as it was judged."""
    at = NOW - (hours_ago - 1) * HOUR
    return Facts(decided=(DecidedOn(condition, at, NOW - hours_ago * HOUR),), last_run_ended_at=at)


class TestHysteresis:
    @pytest.mark.parametrize(
        ("values", "hours_ago", "reason"),
        [
            ((3, 3, 3, 3, 3), 5, DecisionReason.BREACH),  # it never ceased
            ((3, 1.9, 1.9, 1.9, 3), 5, DecisionReason.NOT_CLEARED),  # it did, and is not past the second one
            ((3, 1.7, 1.9, 1.7, 3), 5, DecisionReason.NOT_CLEARED),  # not in two in a row
            ((3, 1.7, None, 1.7, 3), 5, DecisionReason.BREACH),  # what has no say parts nothing
            ((3, 1.9, 1.7, 1.7, 3), 5, DecisionReason.BREACH),
            ((3, 1.7, 1.7, 1.9, 1.9, 3), 6, DecisionReason.BREACH),  # once it has cleared it has
            ((3, 1.9, 3, 3, 3, 3), 6, DecisionReason.BREACH),  # back for a whole rest without a break
            ((3, 3, 1.9, 3, 3), 5, DecisionReason.NOT_CLEARED),
            ((1.9, 3), 9, DecisionReason.BREACH),  # further back than anybody looks
        ],
    )
    def test_a_breach_stays_one_until_it_has_cleared(
        self, values: Sequence[float | None], hours_ago: int, reason: DecisionReason
    ) -> None:
        assert decide(policy(), windows(*values), decided(hours_ago), NOW).reason is reason

    def test_it_is_told_what_it_takes(self) -> None:
        verdict = decide(policy(), windows(3, 1.9, 3), decided(3), NOW)
        assert verdict.reason is DecisionReason.NOT_CLEARED
        assert verdict.words == (
            "It is still the breach decided on at 2026-03-05 10:00 UTC, which went and came back: it is over "
            "after 2 of 2 windows 10% on the good side, or counts again once it has lasted for 3h and "
            "3 windows: so far for 1h and 1 window, from 2026-03-05 11:00 UTC. "
            "rmse 3 is above 2: so in 1 of 1 window."
        )
        assert verdict.trigger is None

    @pytest.mark.parametrize("labels_after", [timedelta(0), 2 * DAY])
    def test_how_long_it_lasts_is_measured_on_the_windows(self, labels_after: timedelta) -> None:
        """What labels of two days ago tell has not lasted for two days."""
        at = NOW - labels_after
        for values, reason in (
            ((3, 1.9, 3, 3), DecisionReason.NOT_CLEARED),
            ((3, 1.9, 3, 3, 3), DecisionReason.BREACH),
        ):
            seen = windows(*values, now=at)
            known = Facts(decided=(DecidedOn(CONDITION, seen[-1].start + HOUR, seen[-1].start),))
            assert decide(policy(), seen, known, NOW).reason is reason

    @pytest.mark.parametrize(
        ("values", "reason"),
        [
            ((3, 1.99, 3), DecisionReason.NOT_CLEARED),
            ((3, 1.99, 3, 3, 3), DecisionReason.NOT_CLEARED),
            ((3, 1.99, 3, 3, 3, 3), DecisionReason.BREACH),
        ],
    )
    def test_a_single_window_as_long_as_the_rest_has_not_lasted(
        self, values: Sequence[float], reason: DecisionReason
    ) -> None:
        """By every default: a cooldown of a day, and three of three windows to clear."""
        entry = {"when": (CONDITION,), "target": {"local": "train"}, "registry": "abalone"}
        days = tuple(
            WindowReadings(NOW - (back + 1) * DAY, partial(reading, value), DAY)
            for back, value in enumerate(reversed(values))
        )
        first = DecidedOn(CONDITION, days[-1].start + DAY, days[-1].start)
        known = Facts(decided=(first,), last_run_ended_at=NOW - 26 * HOUR)
        assert decide(Retrain.model_validate(entry), days, known, NOW).reason is reason

    def test_another_condition_is_another_breach(self) -> None:
        either = policy(when=(CONDITION, "volume > 50"))
        verdict = decide(either, windows(3, 1.9, 1.9, 1.9, 3), decided(5), NOW)
        assert verdict.reason is DecisionReason.BREACH

    def test_a_joined_condition_clears_as_it_is_joined(self) -> None:
        both = policy(when=("rmse > 2 and volume > 90",))
        known = decided(4, "rmse > 2 and volume > 90")
        assert decide(both, windows(3, 1.9, 1.9, 3), known, NOW).reason is DecisionReason.NOT_CLEARED
        assert decide(both, windows(3, 1.7, 1.7, 3), known, NOW).reason is DecisionReason.BREACH

    @given(values=st.lists(st.floats(1.81, 2.6), min_size=1, max_size=30), cooldown=st.integers(1, 12))
    def test_what_hovers_starts_one_run_for_each_stretch_as_long_as_the_rest(
        self, values: list[float], cooldown: int
    ) -> None:
        """Never past the second threshold, a metric starts a run once, and again only if it stays above."""
        retrain = policy(cooldown=f"{cooldown}h", back_off="1 up to 0s")
        started: list[int] = []
        attempts: list[Attempt] = []
        yeses: list[Yes] = []
        for hour in range(1, len(values) + 1):
            now = NOW + hour * HOUR
            known = facts(
                attempts[::-1],
                yeses[::-1],
                era=ERA,
                began_at=NOW,
                variant="one",
                data_fault=None,
                arrived=None,
            )
            verdict = decide(retrain, windows(*values[:hour], now=now), known, now)
            if verdict.reason is DecisionReason.BREACH:
                started.append(hour)
                attempts.append(Attempt("run", now, now, "config", True))
                yeses.append(Yes.said(verdict, "one", now))
        for before, after in pairwise(started):
            assert after - before >= cooldown
            unbroken = all(value > 2 for value in values[before - 1 : after])
            lasted = all(value > 2 for value in values[after - cooldown : after])
            assert unbroken or lasted


class TestRest:
    @pytest.mark.parametrize(
        ("in_vain", "hours"), [(0, 24), (1, 24), (2, 48), (3, 96), (4, 7 * 24), (400, 7 * 24)]
    )
    def test_it_doubles_after_each_attempt_in_vain_but_the_first(self, in_vain: int, hours: int) -> None:
        assert rest(DAY, BackOff(2, 7 * DAY), in_vain) == hours * HOUR

    @given(st.integers(0, 10**7), st.floats(1, 999), st.integers(0, 10**7), st.integers(0, 60))
    def test_it_grows_and_is_bounded(self, cooldown: int, factor: float, longest: int, in_vain: int) -> None:
        own, most = timedelta(seconds=cooldown), timedelta(seconds=longest)
        found = rest(own, BackOff(factor, most), in_vain)
        assert own <= found <= max(own, most)
        assert found <= rest(own, BackOff(factor, most), in_vain + 1)
        assert not found.microseconds

    @pytest.mark.parametrize(
        ("past", "in_vain"),
        [
            ("", 0),
            ("l", 1),
            ("lll", 3),
            ("lwl", 1),  # one that helped is between them
            ("lcl", 2),  # one that was cancelled says nothing
            ("lol", 1),  # of another model
            ("wll", 2),
            ("llw", 0),
        ],
    )
    def test_those_in_a_row_of_the_same_model_count(self, past: str, in_vain: int) -> None:
        """The oldest first."""
        said = {"l": True, "w": False, "c": None, "o": True}
        attempts = [
            Attempt("run", NOW - at * DAY, NOW - at * DAY, "other" if each == "o" else "config", said[each])
            for at, each in enumerate(reversed(past))
        ]
        known = facts(attempts, (), era=ERA, began_at=NOW, variant="one", data_fault=None, arrived=None)
        assert known.in_vain == in_vain

    @pytest.mark.parametrize(
        ("past", "in_force", "in_vain"),
        [
            ("A>1n", "1", 1),
            ("A>1n 1>2n", "2", 2),
            ("AL A>1n 1L 1>2n 2L", "2", 5),
            ("A>1n 1>2h 2>3n", "3", 1),  # one that helped is between them
            ("A>1n 1>2n", "hotfix", 0),  # another model, which its owner has deployed
            ("A>1n B>2n", "2", 1),  # as between these two
            ("A>1n A>2n", "2", 2),  # taken out by hand, so that the model before it came back
            ("A>1n 1>2n", "1", 2),
            ("A>1r", "A", 1),
            ("A>1r", "1", 0),  # sent back, and deployed all the same by its owner
            ("A>1f", "1", 1),  # could not be sent back
            ("A>1f", None, 0),
            ("AL", None, 0),
        ],
    )
    def test_a_model_that_was_adopted_and_no_help_belongs_to_the_row(
        self, past: str, in_force: str | None, in_vain: int
    ) -> None:
        """Oldest first: the config of its champion, the one it was rolled out as, and how it ended."""
        states = {
            "n": (RunState.ADOPTED, Helped.NOT),
            "h": (RunState.ADOPTED, Helped.HELPED),
            "r": (RunState.ROLLED_BACK, Helped.NOT),
            "f": (RunState.FAILED, Helped.NOT),
            "L": (RunState.LOST, None),
        }
        eras = [replace(ERA, id=ord(name), endpoint_config=name) for name in "AB123"]
        attempts = []
        for each in reversed(past.split()):
            champion, _, new = each[:-1].partition(">")
            state, helped = states[each[-1]]
            ended = run(state, deployment_id=ord(champion), helped=helped)
            if new:
                ended = replace(ended, new_endpoint_config=new, new_deployment_id=ord(new))
            attempts.append(attempt(ended, eras))
        era = replace(ERA, endpoint_config=in_force)
        known = facts(attempts, (), era=era, began_at=NOW, variant="one", data_fault=None, arrived=None)
        assert known.in_vain == in_vain

    def test_it_is_told_that_it_has_grown(self) -> None:
        known = Facts(last_run_ended_at=NOW - 5 * HOUR, in_vain=2)
        verdict = decide(policy(), windows(3), known, NOW)
        assert verdict.reason is DecisionReason.COOLDOWN
        assert verdict.words.startswith(
            "The last run ended at 2026-03-05 07:00 UTC, and 2 in a row did not help: the cooldown has grown "
            "to 6h (3h, 2 times as long after each) and lasts until 2026-03-05 13:00 UTC."
        )
        assert decide(policy(), windows(3), replace(known, in_vain=1), NOW).reason is DecisionReason.BREACH


class TestCost:
    def cost(self, **given: Any) -> Retrain:
        usual = {"training": 500, "error": 0.01, "horizon": "10d", "currency": "EUR"}
        return policy(cost=usual | given)

    @pytest.mark.parametrize(
        ("training", "reason"),
        [(359, DecisionReason.BREACH), (360, DecisionReason.COST), (361, DecisionReason.COST)],
    )
    def test_a_run_must_be_worth_its_price(self, training: float, reason: DecisionReason) -> None:
        """(3 − 1.5) × 0.01 × 2400 records a day × 10 days = 360."""
        verdict = decide(self.cost(training=training), windows(1, 1, 3), Facts(), NOW)
        assert verdict.reason is reason
        assert verdict.cost is not None
        assert (
            "rmse 3 against its baseline 1.5, at 0.01 EUR a unit and record, on 2400 records a day for 10d "
            in (verdict.cost)
        )
        assert "comes to 360 EUR" in verdict.cost
        assert "EUR" not in verdict.words

    @pytest.mark.parametrize("without", ["rmse", "volume"])
    def test_what_can_t_be_weighed_is_not_worth_it(self, without: str) -> None:
        def found(metric: str, _: str | None) -> Reading | None:
            return {without: None}.get(metric, Reading(3, baseline=1.5))

        retrain = self.cost(training=0.01)
        retrain = retrain.model_copy(update={"when": policy(when=("violations > 1",)).when})
        verdict = decide(retrain, (WindowReadings(NOW - HOUR, found),), Facts(), NOW)
        assert verdict.reason is DecisionReason.COST
        assert "can't be weighed" in (verdict.cost or "")

    def test_a_metric_that_falls_loses_below_its_baseline(self) -> None:
        def found(metric: str, _: str | None) -> Reading:
            return Reading(2400) if metric == "volume" else Reading(0.4, baseline=0.9)

        retrain = policy(
            when=("r2 < 0.5",), cost={"training": 100, "error": 1, "metric": "r2", "horizon": "1d"}
        )
        verdict = decide(retrain, (WindowReadings(NOW - HOUR, found, DAY),), Facts(), NOW)
        assert verdict.reason is DecisionReason.BREACH
        assert "comes to 1200" in (verdict.cost or "")

    def test_late_labels_change_nothing_about_the_traffic(self) -> None:
        """Between the newest windows and the labelled ones lie windows that a decision is not given."""
        labelled = windows(*[3] * 50, now=NOW - 14 * DAY)
        verdict = decide(self.cost(training=359), (*windows(*[None] * 50), *labelled), Facts(), NOW)
        assert verdict.reason is DecisionReason.BREACH
        assert "on 2400 records a day for 10d" in (verdict.cost or "")

    def test_a_data_fault_costs_nothing_and_its_records_came(self) -> None:
        every = windows(3, 9, 9, 3)
        marked = with_faults(every, [(every[2].start, every[1].start)])
        verdict = decide(self.cost(training=359), marked, Facts(), NOW)
        assert "rmse 3 against" in (verdict.cost or "")
        assert "on 2400 records a day for 10d" in (verdict.cost or "")

    def test_nothing_is_reckoned_where_nothing_is_breached(self) -> None:
        assert decide(self.cost(), windows(1), Facts(), NOW).cost is None


class TestSeveralVariants:
    @pytest.mark.parametrize("dry_run", [False, True])
    def test_a_breach_is_graver_than_the_schedule_of_what_is_held_back(self, dry_run: bool) -> None:
        """The schedule is due for each; one has a breach that has not cleared, the other a new one."""
        retrain, due = policy(every="2d", dry_run=dry_run), Facts(since=NOW - 2 * DAY)
        held = replace(due, decided=decided(3).decided)
        hovering = decide(retrain, windows(3, 1.9, 3), held, NOW)
        worse = decide(retrain, windows(3, 3, 3), due, NOW)
        assert (hovering.trigger, worse.trigger) == (DecisionReason.SCHEDULE, DecisionReason.BREACH)
        for first, second in (("a", "b"), ("b", "a")):
            assert gravest({first: hovering, second: worse})[0] == second


class TestSchedule:
    def test_it_counts_from_when_the_era_began_or_the_last_run_ended(self) -> None:
        retrain = policy(every="2d")
        due = Facts(since=NOW - 2 * DAY)
        verdict = decide(retrain, windows(1), due, NOW)
        assert verdict.reason is DecisionReason.SCHEDULE
        assert verdict.words == (
            "Retrain. The schedule asks for a run every 2d, and counts from 2026-03-03 12:00 UTC. "
            "rmse 1 is not above 2: so in 0 of 1 window."
        )
        early = replace(due, since=NOW - 2 * DAY + HOUR)
        assert decide(retrain, windows(1), early, NOW).reason is DecisionReason.NO_BREACH

    def test_it_needs_no_condition(self) -> None:
        retrain = policy(when=(), every="2d")
        assert decide(retrain, windows(1), Facts(since=NOW - 2 * DAY), NOW).reason is DecisionReason.SCHEDULE
        assert decide(retrain, windows(1), Facts(since=NOW), NOW).reason is DecisionReason.NO_BREACH

    def test_what_forbids_forbids_it_too(self) -> None:
        retrain, due = policy(every="2d"), Facts(since=NOW - 2 * DAY)
        flying = replace(due, run_in_flight="kedge-a-1")
        assert decide(retrain, windows(1), flying, NOW).reason is DecisionReason.IN_FLIGHT
        resting = replace(due, last_run_ended_at=NOW - HOUR)
        assert decide(retrain, windows(1), resting, NOW).reason is DecisionReason.COOLDOWN

    def test_it_is_a_floor_below_a_breach_that_is_held_back(self) -> None:
        held = replace(decided(3), since=NOW - 2 * DAY)
        held = replace(held, last_run_ended_at=None)
        verdict = decide(policy(every="2d"), windows(3, 1.9, 3), held, NOW)
        assert (verdict.reason, verdict.trigger) == (DecisionReason.SCHEDULE, DecisionReason.SCHEDULE)

    def test_it_counts_from_the_later_of_the_two(self) -> None:
        ended = [Attempt("run", NOW - 3 * DAY, NOW - 2 * DAY, "config", False)]
        known = facts(
            ended, (), era=ERA, began_at=NOW - 9 * DAY, variant="one", data_fault=None, arrived=None
        )
        assert known.since == NOW - 2 * DAY


class TestNewData:
    CAME = Arrived("s3://bucket/new", 3, 1200, NOW - HOUR, 7, whole=True)

    @pytest.mark.parametrize(
        ("wanted", "reason"),
        [
            ({}, DecisionReason.NEW_DATA),
            ({"objects": 3, "bytes": 1200}, DecisionReason.NEW_DATA),
            ({"objects": 4}, DecisionReason.NO_BREACH),
            ({"bytes": 1201}, DecisionReason.NO_BREACH),
        ],
    )
    def test_so_much_is_wanted(self, wanted: dict[str, int], reason: DecisionReason) -> None:
        retrain = policy(when=(), new_data={"prefix": "s3://bucket/new", **wanted})
        assert decide(retrain, windows(1), Facts(arrived=self.CAME), NOW).reason is reason

    def test_a_batch_that_still_grows_is_waited_for(self) -> None:
        retrain = policy(new_data="s3://bucket/new")
        growing = Facts(arrived=replace(self.CAME, whole=False))
        assert decide(retrain, windows(1), growing, NOW).reason is DecisionReason.NO_BREACH

    def test_it_is_told(self) -> None:
        verdict = decide(policy(new_data="s3://bucket/new"), windows(1), Facts(arrived=self.CAME), NOW)
        assert verdict.words.startswith(
            "Retrain. 3 new objects of 1200 bytes came to s3://bucket/new since 2026-03-05 11:00 UTC."
        )


class TestDryRun:
    def test_it_says_what_it_would_do(self) -> None:
        verdict = decide(policy(dry_run=True), windows(3), Facts(), NOW)
        assert verdict.reason is DecisionReason.WOULD_RETRAIN
        assert not verdict.reason.is_yes
        assert verdict.trigger is DecisionReason.BREACH
        assert verdict.words == "A dry run: it would retrain now. rmse 3 is above 2: so in 1 of 1 window."

    @given(known=st.sampled_from([Facts(), Facts(run_in_flight="kedge-a-1"), Facts(last_run_ended_at=NOW)]))
    def test_else_it_says_what_it_says_anyway(self, known: Facts) -> None:
        real, dry = (decide(policy(dry_run=each), windows(3), known, NOW) for each in (False, True))
        assert dry.reason is (DecisionReason.WOULD_RETRAIN if real.reason.is_yes else real.reason)


class TestWhatCanBeAsked:
    @pytest.mark.parametrize(
        ("condition", "found"),
        [
            ("drifted_features_share > 0.3", {"drifted_features_share": 0.5}),
            ("drift(length) > 0.2", {"drift": 0.3}),
            ("rmse > 1.15 * baseline", {"rmse": 3}),
            ("rmse > 2.5", {"rmse": 3}),
            ("violations(completeness_check) >= 2", {"violations": 2}),
            ("volume < 50", {"volume": 49}),
            (
                "missing(length) > 0.1 and (volume > 10 or drifted_features > 3)",
                {"missing": 0.2, "volume": 11, "drifted_features": 0},
            ),
        ],
    )
    def test_each_recorded_metric(self, condition: str, found: dict[str, float]) -> None:
        def measured(metric: str, _: str | None) -> Reading | None:
            return Reading(found[metric], baseline=2) if metric in found else None

        retrain = policy(when=(condition,))
        assert (
            decide(retrain, (WindowReadings(NOON, measured),), Facts(), NOW).reason is DecisionReason.BREACH
        )
