"""The finer terms of a policy in the whole loop; every story is replayed, and says the same again."""

from __future__ import annotations

import json
from datetime import datetime, timedelta

from structlog.testing import capture_logs

from retrain import recorded
from retrain.reference import References
from retrain.simulation import Assumed, Simulation, simulate
from store import decisions, executions, monitors, runs, windows
from store.engine import reading, writing
from store.retraining import DecisionReason, Helped, Run, RunReason, RunState
from tests.clock import HOUR, MINUTE, NOON
from tests.loop.rig import ENDPOINT, GRACE, Rig
from tests.store.world import verdict
from web import judging, run_story
from web.why import explain


def reasons(rig: Rig) -> list[DecisionReason]:
    """Oldest first."""
    return [decision.reason for decision in reversed(rig.decided())]


def replay(
    rig: Rig,
    assumed: Assumed = Assumed(),  # noqa: B008 (frozen)
    start: datetime | None = None,
) -> Simulation:
    """The policy of now against the recorded past; nobody answers for the registry."""

    def nobody(*_: object) -> None:
        raise AssertionError("a replay of what was decided asks nobody")

    entry = rig.endpoint
    assert entry.retrain is not None
    with reading(rig.engine) as connection:
        monitor = monitors.by_name(connection, ENDPOINT)
        assert monitor is not None
        past = recorded.read(connection, monitor, entry)
    references = References(rig.engine, nobody, nobody, nobody)  # type: ignore[arg-type]
    return simulate(
        past, entry, entry.retrain, lambda era: references.of(entry, era), start=start, assumed=assumed
    )


def assert_same_again(rig: Rig) -> None:
    """A replay decides what was decided, at the same moments, in the same words, by the same numbers."""
    again = [
        (each.at, each.upto_execution_id, each.verdict.reason, each.verdict.told, each.verdict.seen)
        for each in replay(rig, start=rig.decided()[-1].at).decisions
    ]
    then = [
        (each.at, each.upto_execution_id, each.reason, each.words, each.seen)
        for each in reversed(rig.decided())
    ]
    assert again == then


def asked_for(rig: Rig, run: Run) -> RunReason:
    with reading(rig.engine) as connection:
        return runs.events(connection, run.id)[0].reason


def pass_and_act(rig: Rig, *kinds: str) -> None:
    for kind in kinds:
        rig.pass_hours(kind)
        rig.act()


def test_a_dry_run_opens_no_run_and_keeps_its_own_pace(breached: Rig) -> None:
    breached.retrain = {"dry_run": True, "cooldown": "2h", "limit": "2 per 7d"}
    breached.act()
    pass_and_act(breached, "changed", "changed", "changed", "changed")
    assert reasons(breached) == [
        DecisionReason.WOULD_RETRAIN,
        DecisionReason.COOLDOWN,
        DecisionReason.WOULD_RETRAIN,
        DecisionReason.COOLDOWN,
        DecisionReason.LIMIT,
    ]
    assert breached.runs() == ()
    assert_same_again(breached)
    breached.retrain = {"cooldown": "2h", "limit": "2 per 7d"}
    pass_and_act(breached, "changed")
    assert reasons(breached)[-1] is DecisionReason.BREACH, "what would have been is nothing that was"


def test_attempts_in_vain_make_longer_rests(breached: Rig) -> None:
    breached.retrain = {"cooldown": "1h", "back_off": "3 up to 4h", "limit": "9 per 7d"}
    breached.trainer = "shuffled"
    first = breached.until(RunState.LOST)
    breached.pass_hours("changed")
    second = breached.until_so(lambda run: run.id != first.id and run.state is RunState.LOST)
    pass_and_act(breached, "changed", "changed")
    assert reasons(breached)[2:] == [DecisionReason.COOLDOWN] * 2
    assert "2 in a row did not help: the cooldown has grown to 3h" in breached.decided()[0].words
    breached.pass_hours("changed")
    third = breached.until_so(lambda run: run.id != second.id and run.state is RunState.LOST)
    pass_and_act(breached, "changed")
    assert "3 in a row did not help: the cooldown has grown to 4h" in breached.decided()[0].words
    assert third.requested_at - second.requested_at == 3 * HOUR
    assert_same_again(breached)
    # the same past, had the policy been another
    breached.retrain = {"cooldown": "1h", "back_off": "1 up to 0s", "limit": "9 per 7d"}
    patient = replay(breached, Assumed(takes=timedelta(0)))
    assert [each.asks for each in patient.decisions[3:]] == [True] * 7
    breached.retrain = {"when": ("rmse > 1000 * baseline",)}
    assert set(replay(breached).noes) == {DecisionReason.NO_BREACH}


def test_models_that_were_adopted_and_no_help_make_longer_rests(breached: Rig) -> None:
    """Each is another model in force, which the runs themselves have put there."""
    breached.retrain = {"cooldown": "1h", "back_off": "3 up to 4h", "limit": "9 per 7d"}
    breached.until(RunState.DEPLOYED)
    breached.champion_answers(more=0.1)  # what answers is no better than before, and not shown to be worse
    breached.pass_hours("changed")
    first = breached.until(RunState.ADOPTED)
    breached.pass_hours("changed", "changed")
    breached.until_so(lambda run: run.id != first.id and run.state is RunState.DEPLOYED)
    breached.champion_answers(more=1.0)
    breached.pass_hours("changed")
    second = breached.until(RunState.ADOPTED)
    assert (first.helped, second.helped) == (Helped.NOT, Helped.NOT)
    pass_and_act(breached, "changed")
    assert reasons(breached)[-1] is DecisionReason.COOLDOWN
    assert "2 in a row did not help: the cooldown has grown to 3h" in breached.decided()[0].words
    assert_same_again(breached)


def test_what_comes_and_goes_is_one_breach(breached: Rig) -> None:
    breached.retrain = {"for": "1 of 1", "clear": "2 of 2", "cooldown": "2h", "back_off": "1 up to 0s"}
    breached.trainer = "shuffled"
    breached.until(RunState.LOST)
    pass_and_act(breached, "quiet", "changed", "quiet", "quiet")
    assert reasons(breached)[1:] == [
        DecisionReason.NO_BREACH,
        DecisionReason.NOT_CLEARED,
        DecisionReason.NO_BREACH,
        DecisionReason.NO_BREACH,
    ]
    pass_and_act(breached, "changed")
    assert reasons(breached)[-1] is DecisionReason.BREACH
    assert len(breached.runs()) == 2
    assert_same_again(breached)


def test_a_data_fault_and_what_follows_it_are_the_same_again(rig: Rig) -> None:
    pass_and_act(rig, "quiet", "quiet", "quiet")
    rig.pass_hours("changed", "changed", unit=25.4)
    rig.act()
    pass_and_act(rig, "changed", "changed", "changed")
    assert DecisionReason.DATA_FAULT in reasons(rig)
    assert_same_again(rig)


def test_hours_of_few_records_after_a_data_fault_have_no_say_either(rig: Rig) -> None:
    pass_and_act(rig, "quiet", "quiet")
    rig.pass_hours("changed", unit=25.4)
    for _ in range(2):
        rig.pass_hours("changed", unit=25.4, rows=12)
        rig.act()
        assert reasons(rig)[-1] is DecisionReason.DATA_FAULT
    pass_and_act(rig, "quiet", "quiet")
    assert reasons(rig)[-1] is DecisionReason.NO_BREACH
    assert "beside 3 windows of a data fault" in rig.decided()[0].words
    assert_same_again(rig)


def test_labels_that_come_after_a_data_fault_say_nothing_of_its_windows(rig: Rig) -> None:
    rig.retrain = {"target": {"local": "true"}}
    rig.pass_hours("quiet", "quiet", labels=0)
    rig.act()
    rig.pass_hours("changed", "changed", unit=25.4, labels=0)
    rig.act()
    assert reasons(rig)[-1] is DecisionReason.DATA_FAULT
    rig.pass_hours("quiet", "quiet", labels=0)
    rig.act()
    assert reasons(rig)[-1] is DecisionReason.UNKNOWN, "it is over"
    rig.label_all()
    rig.act()
    assert reasons(rig)[-1] is DecisionReason.NO_BREACH
    assert ": so in 0 of 3 windows, beside 2 windows of a data fault." in rig.decided()[0].words
    assert rig.runs() == ()
    assert_same_again(rig)


def test_a_model_that_was_replaced_begins_anew(breached: Rig) -> None:
    breached.until(RunState.DEPLOYED)
    breached.answered_by_challenger()
    pass_and_act(breached, "changed", "changed")
    assert breached.until_so(lambda run: run.state.is_end).state is RunState.ADOPTED
    pass_and_act(breached, "changed")
    assert len(breached.eras()) == 2
    assert_same_again(breached)


def test_what_was_judged_again_or_beside_changes_no_decision_of_before(rig: Rig) -> None:
    rig.retrain = {"when": ("drifted_features_share > 0.3",), "dry_run": True, "cooldown": "3h"}
    pass_and_act(rig, "quiet", "quiet", "changed", "changed")
    with writing(rig.engine) as connection:  # as `kedge run --baseline` leaves it, nothing compared
        monitor = monitors.by_name(connection, ENDPOINT)
        assert monitor is not None
        for window in windows.between(connection, monitor.id, NOON, rig.clock.at):
            executions.record(connection, window, verdict(), rig.clock.at, beside=True)
    pass_and_act(rig, "changed")
    amended = (rig.folder / "baseline/constraints.json").read_bytes()
    assert amended.count(b'"comparison_threshold" : 0.1') == 1
    rig.write("amended/constraints.json", amended.replace(b'_threshold" : 0.1', b'_threshold" : 0.11'))
    rig.write("amended/statistics.json", (rig.folder / "baseline/statistics.json").read_bytes())
    rig.entry = {"baseline": rig.uri("amended")}
    rig.observe()
    judging.mark(rig.engine, ENDPOINT, None, None)
    rig.observe()
    rig.act()
    assert reasons(rig) == [
        DecisionReason.NO_BREACH,
        DecisionReason.NO_BREACH,
        DecisionReason.NOT_LASTING,
        DecisionReason.WOULD_RETRAIN,
        DecisionReason.COOLDOWN,
        DecisionReason.COOLDOWN,
    ]
    assert_same_again(rig)


def test_the_schedule_is_a_floor(rig: Rig) -> None:
    rig.retrain = {"when": (), "every": "3h", "cooldown": "1h", "target": {"local": "true"}}
    pass_and_act(rig, "quiet", "quiet", "quiet")
    assert reasons(rig) == [DecisionReason.NO_BREACH, DecisionReason.NO_BREACH, DecisionReason.SCHEDULE]
    (run,) = rig.runs()
    assert asked_for(rig, run) is RunReason.SCHEDULE
    assert run.change_at == rig.clock.at - timedelta(days=30), "all that may be labelled"
    assert_same_again(rig)


def test_a_target_is_told_of_breached_conditions_alone(breached: Rig) -> None:
    breached.retrain = {"when": ("rmse > 1.15 * baseline", "rmse > 1000", "volume > 100000")}
    run = breached.until(RunState.STARTED)
    (told,) = json.loads(run.input or "{}")["breach"]
    assert told["condition"] == "rmse > 1.15 * baseline"
    assert told["value"] > told["threshold"]


def test_a_target_is_told_of_no_breach_where_the_schedule_asked(rig: Rig) -> None:
    rig.retrain = {"when": ("rmse > 5 * baseline",), "every": "2h"}
    rig.pass_hours("quiet", "quiet", "quiet", "quiet", "quiet")
    run = rig.until(RunState.STARTED)
    assert asked_for(rig, run) is RunReason.SCHEDULE
    assert json.loads(run.input or "{}")["breach"] == []


def test_new_data_asks_for_a_run_once(rig: Rig) -> None:
    rig.retrain = {
        "when": (),
        "new_data": {"prefix": rig.uri("new"), "objects": 2, "look": "15m"},
        "target": {"local": "true"},
        "training": {**rig.endpoint.retrain.training.model_dump(mode="json"), "minimum": 10_000},  # type: ignore[union-attr]
    }
    rig.write("new/from-before.csv", b"long there")
    rig.write("new/mark", b"")
    pass_and_act(rig, "quiet")
    rig.write("new/one.csv", b"first")
    rig.clock.at += 15 * MINUTE
    rig.act()
    rig.clock.at += 15 * MINUTE
    rig.act()
    assert reasons(rig) == [DecisionReason.NO_BREACH, DecisionReason.NO_BREACH], "one is too few"
    rig.write("new/two.csv", b"second")
    rig.clock.at += 15 * MINUTE
    rig.act()
    assert len(rig.decided()) == 2, "more may still come"
    rig.clock.at += 15 * MINUTE
    rig.at_once(rig.another("one"), rig.another("other"))
    assert reasons(rig)[2:] == [DecisionReason.NEW_DATA]
    (run,) = rig.runs()
    assert asked_for(rig, run) is RunReason.NEW_DATA
    assert "Retrain. 2 new objects of 11 bytes came to" in rig.decided()[0].words
    assert_same_again(rig)
    for _ in range(3):
        rig.clock.at += 15 * MINUTE
        rig.act(rig.another("restarted"))
    assert len(rig.decided()) == 3


def test_an_object_that_is_written_anew_is_new(rig: Rig) -> None:
    rig.retrain = {"when": (), "new_data": rig.uri("new"), "dry_run": True}
    rig.write("new/train.csv", b"before")
    pass_and_act(rig, "quiet")
    rig.write("new/train.csv", b"after")
    pass_and_act(rig, "quiet", "quiet")
    assert reasons(rig) == [DecisionReason.NO_BREACH, DecisionReason.NO_BREACH, DecisionReason.WOULD_RETRAIN]
    pass_and_act(rig, "quiet")
    assert reasons(rig)[-1] is DecisionReason.NO_BREACH, "a dry run has acted on it too"
    assert_same_again(rig)
    rig.retrain = {"when": (), "new_data": rig.uri("new"), "target": {"local": "true"}}
    pass_and_act(rig, "quiet")
    assert reasons(rig)[-1] is DecisionReason.NEW_DATA, "what a dry run acted on has opened no run yet"
    pass_and_act(rig, "quiet")
    assert len(rig.runs()) == 1, "once"


def test_a_prefix_that_can_t_be_read_keeps_nobody_waiting(breached: Rig) -> None:
    breached.retrain = {"new_data": breached.uri("nowhere")}
    with capture_logs() as logged:
        breached.act()
    assert reasons(breached) == [DecisionReason.BREACH]
    assert [each["event"] for each in logged].count("new_data_unreadable") == 1


def test_money_is_told_to_people_alone(breached: Rig) -> None:
    price = {"training": 12.34, "error": 0.005, "currency": "EUR"}
    breached.retrain = {"cost": price, "approval": "manual"}
    with capture_logs() as logged:
        run = breached.until(RunState.REGISTERED)
    assert "more than the 12.34 EUR of a training." in breached.decided()[0].words
    assert logged
    with reading(breached.engine) as connection:
        sent = [effect.request for effect in runs.all_effects(connection, run.id)]
    assert all(
        "EUR" not in text for text in (run.told, run.input or "", json.dumps(logged, default=str), *sent)
    )
    assert_same_again(breached)


def test_a_run_that_is_not_worth_it_is_not_asked_for(breached: Rig) -> None:
    breached.retrain = {"cost": {"training": 1e9, "error": 0.005}}
    breached.act()
    assert reasons(breached) == [DecisionReason.COST]
    assert "Not worth a training." in breached.decided()[0].words
    assert breached.runs() == ()
    assert_same_again(breached)


def test_a_run_is_explained_by_what_was_kept(breached: Rig) -> None:
    breached.trainer = "shuffled"
    breached.retrain = {"champion": "ModelPackageName", "slices": ("length",)}
    run = breached.until(RunState.LOST)
    breached.retrain = {"when": ("rmse > 99",), "for": "1 of 1"}
    with reading(breached.engine) as connection:
        monitor = monitors.by_name(connection, ENDPOINT)
        assert monitor is not None
        decision = decisions.of_run(connection, run.id)
        told = {each.heading: each.sentences for each in explain(run_story.read(connection, run, monitor))}
    assert decision is not None
    assert told["Why it was opened"][0] == decision.words
    held, *each_window = told["What the policy saw"]
    assert held == ("rmse > 1.15 * baseline: breached, it held in 3 of the last 3 (2 of 3 is asked for).")
    assert [line.split(":")[0] for line in each_window] == [
        f"Window of {hour.start:%Y-%m-%d %H}" for hour in reversed(breached.hours[2:])
    ]
    assert "when: rmse > 1.15 * baseline" in told["The policy then"], "as it was, not as it is"
    then = {line.partition(" ")[0].rstrip(":") for line in told["The policy then"]}
    assert then >= {"judge", "champion", "slices", "watch"}
    assert "watch (first windows after it): 1" in told["The policy then"]
    assert told["The incident"]
    turns = told["What became of it"]
    assert [turn.partition(", ")[2].partition(":")[0] for turn in turns[:2]] == ["requested", "requested"]
    assert any(", lost: " in turn for turn in turns)
    assert any(turn.startswith("Judged on fresh by rmse: champion ") for turn in turns)


def test_a_period_begins_with_what_was_decided_before(breached: Rig) -> None:
    breached.retrain = {"cooldown": "3h"}
    breached.trainer = "shuffled"
    breached.until(RunState.LOST)
    began = breached.clock.at
    pass_and_act(breached, "changed", "changed")
    assert reasons(breached) == [DecisionReason.BREACH, DecisionReason.COOLDOWN, DecisionReason.COOLDOWN]
    entry = breached.endpoint
    assert entry.retrain is not None
    with reading(breached.engine) as connection:
        monitor = monitors.by_name(connection, ENDPOINT)
        assert monitor is not None
        past = recorded.read(connection, monitor, entry)
    found = simulate(past, entry, entry.retrain, lambda _: {}, start=began + GRACE)
    assert found.noes == {DecisionReason.COOLDOWN: 2}


def test_a_batch_that_still_grew_was_acted_on_before_the_period(breached: Rig) -> None:
    """A run for another reason takes what had come, whole or not."""
    breached.retrain = {
        "for": "1 of 1",
        "cooldown": "0s",
        "back_off": "1 up to 0s",
        "new_data": breached.uri("new"),
        "target": {"local": "false"},
    }
    breached.write("new/mark", b"")
    usual, breached.retrain = breached.retrain, {**breached.retrain, "when": ("rmse > 1000",)}
    breached.act()
    breached.retrain = usual
    breached.write("new/train.csv", b"still growing")
    breached.pass_hours("changed")
    breached.until(RunState.FAILED)
    began = breached.clock.at + MINUTE
    pass_and_act(breached, "quiet", "quiet", "quiet")
    assert reasons(breached) == [
        DecisionReason.NO_BREACH,
        DecisionReason.BREACH,
        *[DecisionReason.NO_BREACH] * 3,
    ]
    again = replay(breached, start=began).decisions
    assert [each.verdict.reason for each in again] == [each.recorded for each in again]


def test_a_past_without_a_policy_is_replayed_hour_by_hour(rig: Rig) -> None:
    rig.pass_hours("quiet", "quiet", "changed", "changed", "changed", "changed")
    rig.retrain = {"when": ("rmse > 1.15",), "cooldown": "1h", "back_off": "1 up to 0s"}
    found = replay(rig, Assumed(takes=HOUR))
    assert [each.at for each in found.decisions] == [hour.start + HOUR + GRACE for hour in rig.hours]
    assert [each.verdict.reason for each in found.decisions] == [
        DecisionReason.NO_BREACH,
        DecisionReason.NO_BREACH,
        DecisionReason.NOT_LASTING,
        DecisionReason.BREACH,
        DecisionReason.COOLDOWN,
        DecisionReason.BREACH,
    ]
    assert [each.recorded for each in found.decisions] == [None] * 6
