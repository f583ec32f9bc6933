"""`kedge retrain`: runs asked for, looked at and told what to do, from the command line."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection

from config.plurals import counted
from store import deployments, incidents, runs
from store.engine import open_engine, reading, writing
from store.records import IncidentKind
from store.retraining import Run, RunReason, RunState
from tests.commands.line import Ran, kedge, kedge_process
from tests.web import retraining
from tests.web.history import ENDPOINT, HOUR, Told, tell
from tests.web.retraining import PACKAGE, RUN, WHY, WON

RETRAIN = """\
    retrain:
      when: [rmse > 1.15 * baseline]
      target: {local: train}
      training: {time_limit: 6h}
      registry: abalone
"""
ENTRY = f"""\
endpoints:
  - name: {ENDPOINT}
    capture: s3://logs/capture
    prediction: rings
    ground_truth: s3://logs/labels
"""
QUIET = """\
  - name: quiet-endpoint
    capture: s3://logs/capture
"""
Story = Callable[[Connection, Told], Run]


@pytest.fixture(scope="module")
def told_file(migrated_sqlite: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Told]:
    path = tmp_path_factory.mktemp("history") / "kedge.db"
    shutil.copy(migrated_sqlite, path)
    engine = open_engine(f"sqlite:///{path}")
    told = tell(engine)
    engine.dispose()
    with engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
    engine.dispose()
    return path, told


@pytest.fixture
def told(told_file: tuple[Path, Told]) -> Told:
    return told_file[1]


@pytest.fixture
def watched(folder: Path, told_file: tuple[Path, Told], monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder whose database holds the endpoint's history, at the history's time."""
    shutil.copy(told_file[0], folder / "kedge.db")
    (folder / "kedge.yaml").write_text(ENTRY + RETRAIN + QUIET)
    (folder / "clock").write_text(told_file[1].now.isoformat())
    monkeypatch.setenv("KEDGE_CLOCK", str(folder / "clock"))
    return folder


def given(folder: Path, told: Told, story: Story) -> None:
    engine = open_engine(f"sqlite:///{folder / 'kedge.db'}")
    with writing(engine) as connection:
        story(connection, told)
    engine.dispose()


def stored(folder: Path, name: str = RUN) -> Run:
    engine = open_engine(f"sqlite:///{folder / 'kedge.db'}")
    with reading(engine) as connection:
        run = runs.by_name(connection, name)
    engine.dispose()
    assert run is not None
    return run


def answered(ran: Ran) -> Any:
    assert (ran.status, ran.out.count("\n")) == (0, 1), ran
    return json.loads(ran.out)


class TestStart:
    def test_a_run_is_asked_for(self, watched: Path, told: Told) -> None:
        ran = kedge("retrain", "start", ENDPOINT)
        assert (ran.status, ran.out) == (0, f"{RUN} is requested; 'kedge serve' carries it out\n")
        run = stored(watched)
        assert (run.state, run.reason) == (RunState.REQUESTED, RunReason.BY_HAND)
        assert run.requested_at == told.now
        assert run.deadline == told.now + 6 * HOUR, "the time limit of kedge.yaml"
        assert run.change_at == told.judged[30].start, "where the drift that is open began"

    @pytest.mark.parametrize(("horizon", "hours"), [("3h", 3), ("3650d", None)])
    def test_without_an_incident_it_learns_from_all_that_may_be_labelled(
        self, watched: Path, told: Told, horizon: str, hours: int | None
    ) -> None:
        engine = open_engine(f"sqlite:///{watched / 'kedge.db'}")
        with writing(engine) as connection:
            for each in incidents.open_ones(connection, told.monitor.id):
                incidents.close(connection, each, reason="Over.", execution_id=None, now=told.now)
            era = deployments.eras(connection, told.monitor.id)[-1]
        engine.dispose()
        (watched / "kedge.yaml").write_text(f"{ENTRY}    label_horizon: {horizon}\n{RETRAIN}")
        assert kedge("retrain", "start", ENDPOINT).status == 0
        wanted = era.started_at if hours is None else max(era.started_at, told.now - hours * HOUR)
        assert stored(watched).change_at == wanted

    def test_a_program_gets_the_run(self, watched: Path) -> None:
        answer = answered(kedge("retrain", "start", ENDPOINT, "--json"))
        assert (answer["name"], answer["state"], answer["told"]) == (RUN, "requested", "Asked for by hand.")

    def test_one_at_a_time(self, watched: Path) -> None:
        assert kedge("retrain", "start", ENDPOINT).status == 0
        assert "has a retraining run under way already" in kedge("retrain", "start", ENDPOINT).sentence

    def test_an_open_data_fault_forbids_it(self, watched: Path, told: Told) -> None:
        engine = open_engine(f"sqlite:///{watched / 'kedge.db'}")
        with writing(engine) as connection:
            incidents.add(
                connection,
                monitor_id=told.monitor.id,
                deployment_id=told.judged[-1].deployment_id,
                variant="AllTraffic",
                kind=IncidentKind.DATA_FAULT,
                window=told.judged[-1].start,
                severity=1.0,
                features=("length",),
                summary="length is in another unit",
                execution_id=told.judged[-1].id,
                now=told.now,
            )
        engine.dispose()
        said = kedge("retrain", "start", ENDPOINT).sentence
        assert "open data fault" in said
        assert "length is in another unit" in said

    @pytest.mark.parametrize(
        ("endpoint", "said"),
        [
            ("nothing", "kedge.yaml has no endpoint nothing: it has abalone-prod-endpoint, quiet-endpoint"),
            ("quiet-endpoint", "quiet-endpoint has no retrain section in kedge.yaml: add one"),
        ],
    )
    def test_what_has_no_policy_can_not_be_retrained(self, watched: Path, endpoint: str, said: str) -> None:
        assert said in kedge("retrain", "start", endpoint).sentence

    def test_an_endpoint_that_was_never_judged_has_nothing_to_learn_from(self, watched: Path) -> None:
        (watched / "kedge.yaml").write_text(ENTRY.replace(ENDPOINT, "new-endpoint") + RETRAIN)
        assert (
            "the database knows no endpoint new-endpoint"
            in kedge("retrain", "start", "new-endpoint").sentence
        )


class TestList:
    def test_runs_come_newest_first_a_line_each(self, watched: Path, told: Told) -> None:
        given(watched, told, retraining.adopted)
        assert kedge("retrain", "start", ENDPOINT).status == 0
        second, first = kedge("retrain", "list").out.splitlines()
        assert second == f"{RUN[:-1]}2  requested  2026-03-03 16:17 UTC  Asked for by hand."
        assert first.startswith(f"{RUN}  adopted  2026-03-03 12:16 UTC  The first windows are good")
        assert kedge("retrain", "list", ENDPOINT).out.splitlines() == [second, first]
        names = [run["name"] for run in answered(kedge("retrain", "list", "--json"))]
        assert names == [f"{RUN[:-1]}2", RUN]

    def test_none_yet(self, watched: Path) -> None:
        assert kedge("retrain", "list").out == "There was no retraining run yet.\n"
        assert answered(kedge("retrain", "list", ENDPOINT, "--json")) == []

    def test_an_endpoint_that_was_never_seen(self, watched: Path) -> None:
        assert "knows no endpoint nothing: start" in kedge("retrain", "list", "nothing").sentence
        sentence = kedge("retrain", "list", f"{ENDPOINT}s").sentence
        assert sentence == f"the database knows no endpoint {ENDPOINT}s: is {ENDPOINT} meant?"


class TestShow:
    def test_a_run_is_told_step_by_step(self, watched: Path, told: Told) -> None:
        given(watched, told, retraining.adopted)
        lines = kedge("retrain", "show", RUN).out.splitlines()
        assert lines[0] == f"{RUN} of {ENDPOINT}: adopted"
        assert lines[1] == f"2026-03-03 12:16:00 UTC  requested  {WHY}"
        assert f"2026-03-03 12:26:00 UTC  won  {WON}" in lines
        assert (
            "fresh rmse: champion 3.38, challenger 2.21, difference -1.17 (-1.33 to -1.02) on 240 records"
            in lines
        )
        assert f"model package {PACKAGE}" in lines
        assert f"endpoint config {RUN}, before it {ENDPOINT}-2026-03" in lines

    def test_a_program_gets_what_the_api_gives(self, watched: Path, told: Told) -> None:
        given(watched, told, retraining.registered)
        detail = answered(kedge("retrain", "show", RUN, "--json"))
        assert detail["endpoint"] == ENDPOINT
        assert detail["run"]["state"] == "registered"
        assert detail["decision"]["words"] == WHY
        assert [call["name"] for call in detail["calls"]] == ["start", "register"]
        assert len(detail["trials"]) == 3

    def test_a_terminal_obeys_nothing_that_comes_from_outside(self, watched: Path, told: Told) -> None:
        def hostile(connection: Connection, told: Told) -> Run:
            run = retraining.started(connection, told)
            said = "The training failed: \x1b]0;owned\x07\x1b[2J\nkedge-fake-9  adopted"
            return runs.move(
                connection, run, RunState.FAILED, RunReason.TARGET_FAILED, said, retraining.at(3)
            )

        given(watched, told, hostile)
        for arguments in (("list",), ("show", RUN)):
            out = kedge("retrain", *arguments).out
            assert "\x1b" not in out
            assert "\x07" not in out
            assert not any(line.startswith("kedge-fake") for line in out.splitlines())


class TestWhy:
    def test_a_run_is_explained(self, watched: Path, told: Told) -> None:
        given(watched, told, retraining.registered)
        ran = kedge("retrain", "why", RUN)
        assert ran.status == 0
        lines = ran.out.splitlines()
        assert lines[:2] == ["Why it was opened", f"  {WHY}"]
        assert "What became of it" in lines
        assert "  2026-03-03 12:26 UTC, won: " + WON in lines
        assert any(line.startswith("  Judged on test by rmse: champion 2.04") for line in lines)

    def test_a_program_gets_it_in_parts(self, watched: Path, told: Told) -> None:
        given(watched, told, retraining.requested)
        first, *_ = answered(kedge("retrain", "why", RUN, "--json"))
        assert first["heading"] == "Why it was opened"
        assert first["sentences"][0] == WHY

    def test_a_run_that_is_not_there(self, watched: Path) -> None:
        assert "there is no retraining run kedge-none" in kedge("retrain", "why", "kedge-none").sentence


class TestSimulate:
    OTHER = RETRAIN.replace("rmse > 1.15 * baseline", "drifted_features_share > 0.05").replace(
        "    retrain:\n", "    retrain:\n      cooldown: 2h\n      back_off: 1 up to 0s\n"
    )

    def test_another_policy_is_replayed(self, watched: Path, told: Told) -> None:
        (watched / "other.yaml").write_text(ENTRY + self.OTHER)
        ran = kedge("retrain", "simulate", ENDPOINT, "--config", "other.yaml", "--takes", "1h")
        assert ran.status == 0, ran
        answer = answered(
            kedge("retrain", "simulate", ENDPOINT, "--config", "other.yaml", "--takes", "1h", "--json")
        )
        yes = [each for each in answer["decisions"] if each["retrains"]]
        assert yes
        count = len(answer["decisions"])
        asked = {each["at"] for each in answer["decisions"]}
        unasked = {each.judged_at.isoformat() for each in told.judged} - asked
        assert len(unasked) == 1, "when the next era had begun and had no window yet"
        assert f"It would have asked for {counted(len(yes), 'run')} in {count} decisions." in ran.out
        assert answer["runs"] == len(yes)
        assert sum(answer["noes"].values()) == count - len(yes)
        first = ran.out.splitlines()[0]
        assert "breach  Retrain. drifted_features_share" in first
        assert "A run that never was takes 1h and loses" in ran.out

    def test_a_period_without_records_is_told(self, watched: Path) -> None:
        (watched / "other.yaml").write_text(ENTRY + self.OTHER)
        ran = kedge("retrain", "simulate", ENDPOINT, "--config", "other.yaml", "--start", "2030-01-01")
        assert "It would have asked for 0 runs in 0 decisions.\nNothing that was judged" in ran.out

    def test_a_period_and_what_never_breaches(self, watched: Path, told: Told) -> None:
        (watched / "other.yaml").write_text(ENTRY + RETRAIN.replace("rmse > 1.15 * baseline", "volume > 1e9"))
        given = ("--config", "other.yaml", "--json", "--start", told.judged[30].judged_at.isoformat())
        answer = answered(kedge("retrain", "simulate", ENDPOINT, *given))
        assert answer["decisions"][0]["at"] == told.judged[30].judged_at.isoformat()
        assert (answer["runs"], answer["noes"]) == (0, {"no_breach": len(answer["decisions"])})

    def test_what_no_window_ever_measures_is_told_with_the_name_that_may_be_meant(
        self, watched: Path, told: Told
    ) -> None:
        misspelt = RETRAIN.replace("rmse > 1.15 * baseline", "drift(lenght) > 0.3")
        (watched / "other.yaml").write_text(ENTRY + misspelt)
        ran = kedge("retrain", "simulate", ENDPOINT, "--config", "other.yaml")
        assert re.search(
            r"UTC: Nothing is known yet\. drift\(lenght\) was not measured in \d+ windows", ran.out
        )
        never = (
            "retrain.when[0] asks for drift(lenght), and the baseline has no feature lenght; "
            "did you mean length?"
        )
        assert f"Never measured: {never}\n" in ran.out
        answer = answered(kedge("retrain", "simulate", ENDPOINT, "--config", "other.yaml", "--json"))
        assert answer["unmeasured"] == [never]

    @pytest.mark.parametrize(
        ("arguments", "said"),
        [
            (("--takes", "soon"), "no duration"),
            (("--start", "2026-03-03", "--end", "2026-03-02"), "holds no time"),
        ],
    )
    def test_arguments_that_can_t_be(self, watched: Path, arguments: tuple[str, ...], said: str) -> None:
        ran = kedge("retrain", "simulate", ENDPOINT, *arguments)
        assert ran.status == 2
        assert said in " ".join(ran.err.replace("│", " ").split())

    def test_an_endpoint_without_a_policy(self, watched: Path) -> None:
        assert "has no retrain section" in kedge("retrain", "simulate", "quiet-endpoint").sentence


class TestWords:
    @pytest.mark.parametrize("word", ["approve", "reject", "cancel"])
    def test_a_word_is_noted_for_the_service(self, watched: Path, told: Told, word: str) -> None:
        given(watched, told, retraining.registered)
        ran = kedge("retrain", word, RUN)
        assert (ran.status, ran.out) == (0, f"{RUN} is told to {word}; 'kedge serve' acts on it\n")
        assert (stored(watched).approval, stored(watched).state) == (word, RunState.REGISTERED)
        assert answered(kedge("retrain", word, RUN, "--json"))["approval"] == word
        assert f"told to {word}; 'kedge serve' acts on it" in kedge("retrain", "show", RUN).out

    @pytest.mark.parametrize(
        ("story", "word", "said"),
        [
            (
                retraining.started,
                "approve",
                f"{RUN} is started and can't be told to approve: The target trains.",
            ),
            (retraining.started, "reject", f"{RUN} is started and can't be told to reject"),
            (retraining.adopted, "cancel", f"{RUN} is adopted and can't be told to cancel"),
        ],
    )
    def test_what_comes_too_early_or_too_late_is_refused(
        self, watched: Path, told: Told, story: Story, word: str, said: str
    ) -> None:
        given(watched, told, story)
        assert said in kedge("retrain", word, RUN).sentence
        assert stored(watched).approval is None

    def test_the_first_word_counts(self, watched: Path, told: Told) -> None:
        given(watched, told, retraining.registered)
        assert kedge("retrain", "reject", RUN).status == 0
        assert f"{RUN} was told to reject already" in kedge("retrain", "approve", RUN).sentence
        assert stored(watched).approval == "reject"

    def test_a_run_that_asks_is_told_to_continue_and_no_other(self, watched: Path, told: Told) -> None:
        given(watched, told, retraining.asking)
        assert (
            kedge("retrain", "continue", RUN).out == f"{RUN} is told to continue; 'kedge serve' acts on it\n"
        )
        assert stored(watched).approval == "continue"

    def test_a_run_that_does_not_ask_is_not_told_to_continue(self, watched: Path, told: Told) -> None:
        given(watched, told, retraining.requested)
        assert (
            f"{RUN} is requested and can't be told to continue" in kedge("retrain", "continue", RUN).sentence
        )

    @pytest.mark.parametrize("word", ["show", "approve", "reject", "cancel", "continue"])
    def test_a_run_that_is_not_there(self, watched: Path, word: str) -> None:
        said = kedge("retrain", word, "kedge-nothing-1").sentence
        assert (
            said == "there is no retraining run kedge-nothing-1: 'kedge retrain list' shows those there are"
        )


def test_an_approval_survives_the_process(watched: Path, told: Told) -> None:
    given(watched, told, retraining.registered)
    assert kedge_process("retrain", "approve", RUN, cwd=watched).status == 0
    assert stored(watched).approval == "approve"


def test_a_database_of_an_older_version_is_said(folder: Path) -> None:
    (folder / "kedge.yaml").write_text(ENTRY + RETRAIN)
    assert "kedge db upgrade" in kedge("retrain", "list").sentence
