"""The owner's scripts in the service: before records are profiled, and after a window is judged."""

from __future__ import annotations

from pathlib import Path

from structlog.testing import capture_logs

from tests.clock import MINUTE, NOON
from tests.hooks.scripts import COUNTING
from tests.observing.conftest import Watch
from tests.observing.yard import records

NAMED = """
def preprocess_handler(inference_record, logger):
    length, sex = inference_record.endpoint_input.data.split(",")
    if {bad}:
        raise ValueError("could not convert " + sex)
    return {{"rings": inference_record.endpoint_output.data, "length": float(length) * {factor}, "sex": sex}}
"""


def _pre(folder: Path, bad: str = "False", factor: float = 1) -> dict[str, str]:
    path = folder / "pre.py"
    path.write_text(NAMED.format(bad=bad, factor=factor))
    return {"preprocess": str(path)}


def test_a_script_that_changes_nothing_changes_no_verdict(watch: Watch, tmp_path: Path) -> None:
    watch.yard.capture("abalone", records(1, NOON, 200))
    watch.yard.capture("other", records(1, NOON, 200))
    watch.fine(watch.yard.endpoint(), NOON + 5 * MINUTE)
    watch.fine(watch.yard.endpoint("other", hooks=_pre(tmp_path)), NOON + 5 * MINUTE)
    (plain,), (hooked,) = watch.judged(), watch.judged(name="other")
    assert (plain.records, plain.violations) == (hooked.records, hooked.violations) == (200, 0)
    assert watch.checks(plain) == watch.checks(hooked)


def test_what_the_script_makes_is_what_is_judged(watch: Watch, tmp_path: Path) -> None:
    watch.yard.capture("abalone", records(1, NOON, 200))
    watch.fine(watch.yard.endpoint(hooks=_pre(tmp_path, factor=3)), NOON + 5 * MINUTE)
    (execution,) = watch.judged()
    assert {row.feature for row in watch.checks(execution) if row.outcome == "VIOLATED"} == {"length"}


def test_lines_at_which_it_fails_are_counted_and_shown_by_bucket_key_and_line(
    watch: Watch, tmp_path: Path
) -> None:
    given = records(1, NOON, 200)
    key = watch.yard.capture("abalone", given)
    failing = [at for at, one in enumerate(given, 1) if one.sex == "I"]
    watch.fine(watch.yard.endpoint(hooks=_pre(tmp_path, bad="sex == 'I'")), NOON + 5 * MINUTE)
    assert watch.rejects() == {"hook_failed": len(failing)}
    (shown,) = watch.rejected()
    assert shown.key == key
    (bad,) = shown.rejects
    assert [example.line for example in bad.examples] == failing[:20]
    assert bad.examples[0].detail == (
        f"the preprocess script {tmp_path}/pre.py failed in its line 5 (ValueError)"
    )
    assert [execution.records for execution in watch.judged()] == [200 - len(failing)]


def test_a_script_that_cannot_be_loaded_is_told_and_no_capture_is_lost(watch: Watch, tmp_path: Path) -> None:
    watch.yard.capture("abalone", records(1, NOON, 200))
    path = tmp_path / "pre.py"
    endpoint = watch.yard.endpoint(hooks={"preprocess": str(path)})
    absent = watch.round(endpoint, NOON + 5 * MINUTE).problem
    assert absent is not None
    assert "pre.py" in absent
    path.write_text("import nowhere_to_be_found\n")
    broken = watch.round(endpoint, NOON + 5 * MINUTE).problem
    assert broken == (
        f"the script {path} fails when it is read, in its line 1 (ModuleNotFoundError): mend it"
    )
    assert watch.judged() == []
    _pre(tmp_path)
    watch.fine(endpoint, NOON + 5 * MINUTE)
    assert [execution.records for execution in watch.judged()] == [200]


def test_a_changed_script_reads_again_what_is_to_be_judged(watch: Watch, tmp_path: Path) -> None:
    watch.yard.capture("abalone", records(1, NOON, 200))
    endpoint = watch.yard.endpoint(hooks=_pre(tmp_path, factor=3))
    watch.fine(endpoint, NOON + MINUTE / 2)  # counted, and not yet to be judged
    assert watch.judged() == []
    _pre(tmp_path)
    watch.fine(endpoint, NOON + 5 * MINUTE)
    (execution,) = watch.judged()
    assert (execution.records, execution.violations) == (200, 0)


def test_the_script_behind_a_verdict_gets_its_files_once(watch: Watch, tmp_path: Path) -> None:
    watch.yard.capture("abalone", records(1, NOON, 200, shift=4))
    path = tmp_path / "post.py"
    path.write_text(COUNTING)
    endpoint = watch.yard.endpoint(hooks={"postprocess": str(path)})
    with capture_logs() as logs:
        watch.fine(endpoint, NOON + 5 * MINUTE)
        watch.fine(endpoint, NOON + 6 * MINUTE)
    done = [each for each in logs if each["event"] == "postprocessed"]
    violations = watch.judged()[0].violations
    assert violations > 0
    assert [each["characters"] for each in done] == [len(f"records 200\nviolations {violations}\n")]


def test_a_script_that_fails_behind_a_verdict_is_told_and_the_verdict_stands(
    watch: Watch, tmp_path: Path
) -> None:
    watch.yard.capture("abalone", records(1, NOON, 200))
    path = tmp_path / "post.py"
    path.write_text("def postprocess_handler():\n    1 / 0\n")
    observer = watch.observer()
    watch.clock.at = NOON + 5 * MINUTE
    endpoint = watch.yard.endpoint(hooks={"postprocess": str(path)})
    told = f"the postprocess script {path} failed in its line 2 (ZeroDivisionError): mend it"
    for _ in range(2):  # until it succeeds, not for one round
        done = observer.observe(endpoint)
        assert done is not None
        assert done.problem == told
    assert [execution.records for execution in watch.judged()] == [200]
