"""When to retrain: each answer has its reason, and nothing overrules what forbids."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.expressions import Reading
from config.retraining import Retrain
from retrain.policy import Facts, Verdict, changed_at, decide
from retrain.readings import WindowReadings, with_faults
from store.records import Incident, IncidentKind
from store.retraining import DecisionReason
from tests.clock import HOUR, NOON

NOW = NOON + timedelta(days=3)
BASELINE = 2.0
BAD = Reading(3.4, 3.2, 3.6, baseline=BASELINE)
GOOD = Reading(2.1, 1.9, 2.3, baseline=BASELINE)
DOUBTFUL = Reading(2.4, 2.2, 2.6, baseline=BASELINE)
UNLABELLED = None
OF_LETTER = {"B": BAD, "g": GOOD, "d": DOUBTFUL, "-": UNLABELLED, "F": BAD}


def policy(*when: str, lasting: str = "3 of 4", limit: str = "3 per 7d", cooldown: str = "24h") -> Retrain:
    return Retrain.model_validate(
        {
            "when": when or ("rmse > 1.15 * baseline",),
            "for": lasting,
            "cooldown": cooldown,
            "limit": limit,
            "target": {"local": "train"},
            "registry": "abalone",
        }
    )


def windows(letters: str, drift: float | None = None) -> tuple[WindowReadings, ...]:
    """A window for each letter, newest first: Breach, good, doubtful, - without labels, Fault of its data."""

    share = None if drift is None else Reading(drift)
    every = [
        measured(at + 1, {"rmse": OF_LETTER[letter], "drifted_features_share": share})
        for at, letter in enumerate(letters)
    ]
    faults = [(each.start, each.start) for each, letter in zip(every, letters, strict=True) if letter == "F"]
    return with_faults(every, faults)


def measured(hours_ago: int, found: dict[str, Reading | None]) -> WindowReadings:
    return WindowReadings(NOW - hours_ago * HOUR, lambda metric, feature: found[metric])


def hours(*ago: int) -> tuple[datetime, ...]:
    return tuple(NOW - each * HOUR for each in ago)


FAULT = Incident(
    id=7,
    monitor_id=1,
    deployment_id=1,
    variant="AllTraffic",
    kind=IncidentKind.DATA_FAULT,
    opened_at=NOON,
    closed_at=None,
    first_window=NOON,
    last_window=NOON,
    severity=1.0,
    features=("length",),
    summary="Data fault: unit_change_check on length.",
    breached_windows=1,
)
IN_FLIGHT = Facts(run_in_flight="kedge-abalone-1")
COOLING = Facts(last_run_ended_at=NOW - 23 * HOUR)
SPENT = Facts(recent_runs=hours(30, 60, 90))


@pytest.mark.parametrize(
    ("letters", "reason"),
    [
        ("BBBB", DecisionReason.BREACH),
        ("BBBg", DecisionReason.BREACH),
        ("gBBB", DecisionReason.BREACH),
        ("BBB", DecisionReason.BREACH),  # three of the three there are
        ("-BBgB", DecisionReason.BREACH),  # a window without labels has no say
        ("--B--BB---g", DecisionReason.BREACH),
        ("FFFF", DecisionReason.UNKNOWN),  # nor has one whose data is at fault, however bad
        ("gFFFg", DecisionReason.NO_BREACH),
        ("BFgFBB", DecisionReason.BREACH),
        ("BBgg", DecisionReason.NOT_LASTING),
        ("BB", DecisionReason.NOT_LASTING),
        ("gBBgBB", DecisionReason.NOT_LASTING),
        ("BBdd", DecisionReason.NOT_LASTING),  # measured and not for certain: that is a say, and no hit
        ("ddBBB", DecisionReason.NOT_LASTING),
        ("gggg", DecisionReason.NO_BREACH),
        ("ggggBBBB", DecisionReason.NO_BREACH),  # it is over
        ("dddd", DecisionReason.NO_BREACH),
        ("----", DecisionReason.UNKNOWN),
        ("", DecisionReason.UNKNOWN),
    ],
)
def test_the_condition_must_last(letters: str, reason: DecisionReason) -> None:
    assert decide(policy(), windows(letters), Facts(), NOW).reason is reason


@pytest.mark.parametrize(
    ("letters", "facts", "reason"),
    [
        ("BBBB", Facts(data_fault=FAULT), DecisionReason.DATA_FAULT),
        ("gggg", Facts(data_fault=FAULT), DecisionReason.DATA_FAULT),
        ("BBBB", IN_FLIGHT, DecisionReason.IN_FLIGHT),
        ("gggg", IN_FLIGHT, DecisionReason.NO_BREACH),
        ("BBBB", COOLING, DecisionReason.COOLDOWN),
        ("BBBB", Facts(last_run_ended_at=NOW - 24 * HOUR), DecisionReason.BREACH),
        ("BBBB", SPENT, DecisionReason.LIMIT),
        ("BBBB", Facts(recent_runs=hours(30, 60)), DecisionReason.BREACH),
        ("BBBB", Facts(recent_runs=hours(30, 60, 7 * 24)), DecisionReason.BREACH),
        ("BBBB", Facts(None, "kedge-a-1", NOW, hours(1, 2, 3)), DecisionReason.IN_FLIGHT),
        ("BBBB", Facts(None, None, NOW, hours(1, 2, 3)), DecisionReason.COOLDOWN),
        ("BBBB", Facts(FAULT, "kedge-a-1", NOW, hours(1, 2, 3)), DecisionReason.DATA_FAULT),
    ],
)
def test_what_forbids_is_told_in_its_order(letters: str, facts: Facts, reason: DecisionReason) -> None:
    assert decide(policy(), windows(letters), facts, NOW).reason is reason


ANY_TIME = st.integers(0, 24 * 20).map(lambda ago: NOW - ago * HOUR)
ANY_FACTS = st.builds(
    Facts,
    st.none() | st.just(FAULT),
    st.none() | st.just("kedge-a-1"),
    st.none() | ANY_TIME,
    st.lists(ANY_TIME, max_size=6).map(tuple),
)


@given(letters=st.text("Bgd-", max_size=12), facts=ANY_FACTS)
def test_nothing_overrules_what_forbids(letters: str, facts: Facts) -> None:
    retrain = policy()
    verdict = decide(retrain, windows(letters), facts, NOW)
    if verdict.reason is not DecisionReason.BREACH:
        return
    known = letters.replace("-", "")[:4]
    assert known.count("B") >= 3
    assert facts.data_fault is None
    assert facts.run_in_flight is None
    assert facts.last_run_ended_at is None or NOW - facts.last_run_ended_at >= retrain.cooldown
    assert sum(NOW - at < retrain.limit.period for at in facts.recent_runs) < retrain.limit.runs


@given(letters=st.text("Bgd-", max_size=12), facts=ANY_FACTS)
def test_every_answer_is_told_in_whole_sentences(letters: str, facts: Facts) -> None:
    words = decide(policy(), windows(letters), facts, NOW).words
    assert words.endswith(".")
    assert ".." not in words
    assert words[0].isupper()


@given(before=st.text("Bgd-", max_size=8), after=st.text("Bgd-", max_size=8))
def test_a_window_without_labels_changes_nothing_but_which_are_looked_at(before: str, after: str) -> None:
    with_gap = decide(policy(), windows(f"{before}-{after}"), Facts(), NOW)
    without = decide(policy(), windows(before + after), Facts(), NOW)
    if (before + after).strip("-"):
        assert with_gap.reason is without.reason


@pytest.mark.parametrize(
    ("letters", "lasting", "begins"),
    [
        ("BBBB", "3 of 4", 4),
        ("BBBBBBg", "3 of 4", 6),  # as far back as it goes
        ("BBgBB", "3 of 4", 5),  # one miss is forgiven …
        ("BBBggBB", "3 of 4", 3),  # … two are the end of it
        ("BB-BgB", "3 of 4", 6),
        ("gBBB", "3 of 4", 4),
        ("BgB", "1 of 1", 1),
        ("BBg", "1 of 1", 2),
    ],
)
def test_the_world_changed_where_the_stretch_of_breaches_begins(
    letters: str, lasting: str, begins: int
) -> None:
    verdict = decide(policy(lasting=lasting), windows(letters), Facts(), NOW)
    assert verdict.change_at == NOW - begins * HOUR


@given(letters=st.text("Bg-F", min_size=4, max_size=14), given_at_once=st.integers(1, 3))
def test_read_on_or_at_once_the_change_is_the_same(letters: str, given_at_once: int) -> None:
    letters = f"BBBB{letters}"
    every = windows(letters)

    def earlier(before: datetime) -> tuple[WindowReadings, ...]:
        return tuple(each for each in every if each.start < before)[:given_at_once]

    # a page in which nothing has a say is the end of it; here are none
    if all(
        set(letters[at : at + given_at_once]) & {"B", "g"} for at in range(4, len(letters), given_at_once)
    ):
        expected = decide(policy(), every, Facts(), NOW).change_at
        assert changed_at(policy(), every[:4], earlier) == expected


def test_nothing_is_read_on_that_no_breach_reaches_and_no_breach_without_end() -> None:
    asked: list[datetime] = []

    def earlier(before: datetime) -> tuple[WindowReadings, ...]:
        asked.append(before)
        ago = (NOW - before) // HOUR
        return tuple(measured(ago + more + 1, {"rmse": BAD}) for more in range(200))

    assert changed_at(policy(), windows("BBBgg"), earlier) == NOW - 3 * HOUR
    assert changed_at(policy(), windows("gggg"), earlier) is None
    assert asked == []
    assert changed_at(policy(), windows("BBBB"), earlier) == NOW - 4004 * HOUR
    assert len(asked) == 20


def test_the_windows_that_count_are_named() -> None:
    assert decide(policy(), windows("BgBBB"), Facts(), NOW).breached == hours(1, 3, 4)


def test_nothing_changed_where_nothing_is_breached() -> None:
    verdict = decide(policy(), windows("BBgg"), Facts(), NOW)
    assert (verdict.breached, verdict.change_at) == ((), None)


def test_the_breach_is_told_also_where_something_forbids() -> None:
    verdict = decide(policy(), windows("BBBB"), IN_FLIGHT, NOW)
    assert len(verdict.breached) == 4
    assert "kedge-abalone-1 is under way" in verdict.words


def test_one_condition_is_enough() -> None:
    either = policy("rmse > 1.15 * baseline", "drifted_features_share > 0.3")
    verdict = decide(either, windows("----", drift=0.5), Facts(), NOW)
    assert verdict.reason is DecisionReason.BREACH
    assert "drifted_features_share 0.5 is above 0.3: so in 4 of 4 windows" in verdict.words
    assert decide(either, windows("gggg", drift=0.1), Facts(), NOW).reason is DecisionReason.NO_BREACH


def test_joined_conditions_must_hold_in_the_same_window() -> None:
    both = policy("rmse > 1.15 * baseline and drifted_features_share > 0.3")
    assert decide(both, windows("BBBB", drift=0.5), Facts(), NOW).reason is DecisionReason.BREACH
    assert decide(both, windows("BBBB", drift=0.1), Facts(), NOW).reason is DecisionReason.NO_BREACH
    assert decide(both, windows("BBBB"), Facts(), NOW).reason is DecisionReason.UNKNOWN


def half_labelled(letters: str, shares: Sequence[float]) -> tuple[WindowReadings, ...]:
    """Newest first: labels come later than the rest, so the newest windows have the drift alone."""
    return tuple(
        measured(at + 1, {"rmse": OF_LETTER[letter], "drifted_features_share": Reading(share)})
        for at, (letter, share) in enumerate(zip(letters, shares, strict=True))
    )


@pytest.mark.parametrize("joined", ["and", "or"])
@pytest.mark.parametrize(
    ("letters", "shares", "reason"),
    [
        # quiet hours among the unlabelled ones would push the labelled ones out of the last four
        ("------BBBB", (0.5, 0.0) * 3 + (0.5,) * 4, DecisionReason.BREACH),
        # loud hours among them, however far apart, would be the only ones of them that count
        ("------gggg", (0.5, 0.0) * 3 + (0.0,) * 4, DecisionReason.NO_BREACH),
        ("------", (0.5,) * 6, DecisionReason.UNKNOWN),
    ],
)
def test_a_joined_condition_has_a_say_where_all_of_it_is_known(
    joined: str, letters: str, shares: Sequence[float], reason: DecisionReason
) -> None:
    retrain = policy(f"rmse > 1.15 * baseline {joined} drifted_features_share > 0.3")
    assert decide(retrain, half_labelled(letters, shares), Facts(), NOW).reason is reason


def told(letters: str, facts: Facts = Facts(), retrain: Retrain | None = None) -> Verdict:  # noqa: B008
    return decide(retrain or policy(), windows(letters), facts, NOW)


BREACH = "rmse 3.4 (3.2 to 3.6) is above 1.15 × baseline 2 = 2.3: so in 3 of 4 windows."


@pytest.mark.parametrize(
    ("letters", "facts", "words"),
    [
        ("BBgB", Facts(), f"Retrain. {BREACH}"),
        (
            "BBgB",
            Facts(data_fault=FAULT),
            "No retraining while the data is at fault, since 2026-03-02 12:00 UTC. "
            f"Data fault: unit_change_check on length. {BREACH}",
        ),
        ("BBgB", IN_FLIGHT, f"No second run: kedge-abalone-1 is under way. {BREACH}"),
        (
            "BBgB",
            COOLING,
            "The last run ended at 2026-03-04 13:00 UTC; "
            f"its cooldown of 1d lasts until 2026-03-05 13:00 UTC. {BREACH}",
        ),
        ("BBgB", SPENT, f"There were 3 runs in the last 7d, and the limit is 3 per 7d. {BREACH}"),
        (
            "Bggg",
            Facts(),
            "Not for long enough: 3 of 4 windows are asked for. "
            "rmse 3.4 (3.2 to 3.6) is above 1.15 × baseline 2 = 2.3: so in 1 of 4 windows.",
        ),
        (
            "g",
            Facts(),
            "Nothing to retrain for. "
            "rmse 2.1 (1.9 to 2.3) is not above 1.15 × baseline 2 = 2.3: so in 0 of 1 window.",
        ),
        ("--", Facts(), "Nothing is known yet. rmse was not measured in 2 windows."),
        ("", Facts(), "Nothing is known yet. No window was judged."),
        ("F", Facts(), "Nothing is known yet. No window was judged, beside 1 window of a data fault."),
        (
            "gFgggF",
            Facts(),
            "Nothing to retrain for. rmse 2.1 (1.9 to 2.3) is not above 1.15 × baseline 2 = 2.3: "
            "so in 0 of 4 windows, beside 1 window of a data fault.",
        ),
    ],
)
def test_the_words(letters: str, facts: Facts, words: str) -> None:
    assert told(letters, facts).words == words


@pytest.mark.parametrize(
    ("letters", "seen"),
    [
        ("BBBB", (("rmse > 1.15 * baseline", 3.4, pytest.approx(2.3)),)),
        ("-g", (("rmse > 1.15 * baseline", 2.1, pytest.approx(2.3)),)),
        ("--", (("rmse > 1.15 * baseline", None, None),)),
        ("", ()),
    ],
)
def test_the_numbers_it_saw(letters: str, seen: Sequence[object]) -> None:
    assert told(letters).seen == seen


def test_a_metric_without_its_baseline_is_not_known() -> None:
    alone = (WindowReadings(NOW, lambda metric, feature: Reading(9.0, 8.0, 10.0)),)
    verdict = decide(policy(), alone, Facts(), NOW)
    assert verdict.reason is DecisionReason.UNKNOWN
    assert "rmse 9 has no baseline to be held against" in verdict.words
