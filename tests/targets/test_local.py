"""A command on this machine as the target: started once, outliving Kedge, ended on time and on demand."""

from __future__ import annotations

import json
import os
import re
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest

from retrain.targets.base import (
    Cancelled,
    ElsewhereError,
    Failed,
    Running,
    Status,
    Succeeded,
    TargetError,
    TimedOut,
)
from retrain.targets.local import LocalTarget
from tests.conftest import ROOT

RUN = "kedge-abalone-1"
INPUT = '{"run": "kedge-abalone-1",  "rows": 3}'
HOUR = timedelta(hours=1)
ANSWER = """
import json, os
given = json.load(open(os.environ["KEDGE_INPUT"]))
json.dump({"given": given, "run": os.environ["KEDGE_RUN"]}, open(os.environ["KEDGE_OUTPUT"], "w"))
"""
COUNT = "open('count', 'a').write('x')\n"
LAST = "import time\ntime.sleep(60)\n"


def command(script: str) -> str:
    return f"{shlex.quote(sys.executable)} -c {shlex.quote(script)}"


@pytest.fixture
def target(tmp_path: Path) -> Callable[..., LocalTarget]:
    def make(script: str, time_limit: timedelta = HOUR) -> LocalTarget:
        return LocalTarget(command(script), tmp_path / "runs", time_limit)

    return make


def end_of(target: LocalTarget, handle: str, seconds: float = 20.0) -> Status:
    deadline = time.monotonic() + seconds
    while isinstance(status := target.status(handle), Running):
        assert time.monotonic() < deadline, "it never ended"
        time.sleep(0.05)
    return status


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def eventually(condition: Callable[[], bool], seconds: float = 20.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it never happened"
        time.sleep(0.05)


Make = Callable[..., LocalTarget]


def test_the_command_gets_the_input_and_its_answer_comes_back(target: Make, tmp_path: Path) -> None:
    local = target(ANSWER)
    handle = local.start(RUN, INPUT)
    status = end_of(local, handle)
    assert isinstance(status, Succeeded)
    assert json.loads(status.output) == {"given": json.loads(INPUT), "run": RUN}
    assert (tmp_path / "runs" / RUN / "input.json").read_text() == INPUT


def test_starting_twice_is_starting_once(target: Make, tmp_path: Path) -> None:
    local = target(COUNT + ANSWER)
    handle = local.start(RUN, INPUT)
    assert local.start(RUN, INPUT) == handle
    end_of(local, handle)
    assert local.start(RUN, json.dumps(json.loads(INPUT))) == handle  # the same JSON, spelled otherwise
    assert isinstance(local.status(RUN), Succeeded)
    assert (tmp_path / "runs" / RUN / "count").read_text() == "x"


def test_starting_at_the_same_moment_starts_once(target: Make, tmp_path: Path) -> None:
    local = target(COUNT + ANSWER)
    with ThreadPoolExecutor(8) as pool:
        handles = set(pool.map(lambda _: local.start(RUN, INPUT), range(8)))
    assert handles == {f"{RUN}@{local.place()}"}
    assert isinstance(end_of(local, RUN), Succeeded)
    assert (tmp_path / "runs" / RUN / "count").read_text() == "x"
    assert not list((tmp_path / "runs" / RUN).glob("input.*[!n]"))


def test_another_input_under_the_same_name_is_refused(target: Make) -> None:
    local = target(ANSWER)
    local.start(RUN, INPUT)
    with pytest.raises(TargetError, match="another input") as refused:
        local.start(RUN, '{"run": "another"}')
    assert not refused.value.retryable
    assert isinstance(end_of(local, RUN), Succeeded)


def test_runs_do_not_meet(target: Make) -> None:
    local = target(ANSWER)
    for name in ("kedge-a-1", "kedge-b-1"):
        local.start(name, json.dumps({"of": name}))
    for name in ("kedge-a-1", "kedge-b-1"):
        status = end_of(local, name)
        assert isinstance(status, Succeeded)
        assert json.loads(status.output) == {"given": {"of": name}, "run": name}


def test_it_outlives_whoever_started_it(tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    script = f"""
import os, signal, sys
from datetime import timedelta
from pathlib import Path
from retrain.targets.local import LocalTarget
LocalTarget({command("import time; time.sleep(0.7)" + chr(10) + ANSWER)!r}, Path({str(runs)!r}),
            timedelta(hours=1)).start({RUN!r}, {INPUT!r})
os.killpg(0, signal.SIGKILL)
"""
    killed = subprocess.run([sys.executable, "-c", script], cwd=ROOT, start_new_session=True, timeout=60)
    assert killed.returncode == -signal.SIGKILL
    after = LocalTarget(command(ANSWER), runs, HOUR)
    assert after.status(RUN) == Running()
    assert after.start(RUN, INPUT) == f"{RUN}@{after.place()}"
    assert isinstance(end_of(after, RUN), Succeeded)


def test_another_machine_leaves_a_run_alone(target: Make, tmp_path: Path) -> None:
    here, shared = target(ANSWER), target(ANSWER)
    handle = here.start(RUN, INPUT)
    there = LocalTarget(command(ANSWER), tmp_path / "elsewhere", HOUR)
    for ask in (there.status, lambda handle: there.cancel(handle, "by hand")):
        with pytest.raises(ElsewhereError, match="run kedge-abalone-1 is on another machine") as told:
            ask(handle)
        assert told.value.retryable
    assert there.place() not in (None, here.place())
    assert not (tmp_path / "elsewhere" / RUN).exists()
    assert isinstance(end_of(shared, handle), Succeeded)


def test_a_start_that_was_cut_off_before_the_command_is_made_good(target: Make, tmp_path: Path) -> None:
    (tmp_path / "runs" / RUN).mkdir(parents=True)
    (tmp_path / "runs" / RUN / "input.json").write_text(INPUT)
    local = target(ANSWER)
    with pytest.raises(TargetError, match="no run kedge-abalone-1 was started"):
        local.status(RUN)
    local.start(RUN, INPUT)
    assert isinstance(end_of(local, RUN), Succeeded)


def test_cancelling_ends_the_command_and_its_children(target: Make, tmp_path: Path) -> None:
    local = target(
        "import subprocess, os, time\n"
        "child = subprocess.Popen(['sleep', '60'])\n"
        "open('pids.part', 'w').write(f'{os.getpid()} {child.pid}')\n"
        "os.rename('pids.part', 'pids')\n" + LAST
    )
    local.start(RUN, INPUT)
    pids = tmp_path / "runs" / RUN / "pids"
    eventually(pids.exists)
    ours = [int(pid) for pid in pids.read_text().split()]
    assert all(alive(pid) for pid in ours)
    local.cancel(RUN, "by hand")
    assert end_of(local, RUN) == Cancelled()
    eventually(lambda: not any(alive(pid) for pid in ours))


def test_a_command_that_will_not_end_is_killed(target: Make, tmp_path: Path) -> None:
    local = target(
        "import signal\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\nopen('deaf', 'w').close()\n" + LAST
    )
    local.start(RUN, INPUT)
    eventually((tmp_path / "runs" / RUN / "deaf").exists)
    local.cancel(RUN, "by hand")
    assert end_of(local, RUN) == Cancelled()


def test_cancelling_what_has_ended_changes_nothing(target: Make) -> None:
    local = target(ANSWER)
    local.start(RUN, INPUT)
    before = end_of(local, RUN)
    local.cancel(RUN, "too late")
    assert local.status(RUN) == before
    local.cancel("kedge-never-started-1", "nothing to end")


def test_a_command_that_takes_too_long_is_ended(target: Make) -> None:
    local = target(LAST, timedelta(seconds=0.3))
    local.start(RUN, INPUT)
    assert end_of(local, RUN) == TimedOut()


@pytest.mark.parametrize(
    ("script", "error", "cause"),
    [
        ("raise SystemExit(3)", "CommandFailed", r"ended with status 3; see .*log"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", "CommandFailed", "with status -9"),
        ("pass", "BadOutput", "wrote no file KEDGE_OUTPUT"),
        ("import os; open(os.environ['KEDGE_OUTPUT'], 'w').write('{')", "BadOutput", "is no JSON"),
    ],
)
def test_a_command_that_fails_is_told(target: Make, script: str, error: str, cause: str) -> None:
    local = target(script)
    local.start(RUN, INPUT)
    status = end_of(local, RUN)
    assert isinstance(status, Failed)
    assert status.error == error
    assert re.search(cause, status.cause)


def test_a_command_that_is_not_there_is_told(tmp_path: Path) -> None:
    local = LocalTarget(str(tmp_path / "nothing"), tmp_path / "runs", HOUR)
    local.start(RUN, INPUT)
    assert end_of(local, RUN) == Failed(
        "CommandFailed", "the command cannot be started: No such file or directory"
    )


def test_a_command_that_cannot_be_split_is_refused(tmp_path: Path) -> None:
    local = LocalTarget("python 'train.py", tmp_path / "runs", HOUR)
    with pytest.raises(TargetError, match="close its quotes") as refused:
        local.start(RUN, INPUT)
    assert not refused.value.retryable


def test_a_watcher_that_was_killed_is_a_failure_and_no_second_start(target: Make, tmp_path: Path) -> None:
    local = target(
        COUNT + "import os\nopen('pid', 'w').write(str(os.getpid()))\n"
        "open('parent', 'w').write(str(os.getppid()))\n" + LAST
    )
    local.start(RUN, INPUT)
    folder = tmp_path / "runs" / RUN
    eventually(lambda: (folder / "parent").exists() and (folder / "parent").read_text() != "")
    watcher = int((folder / "parent").read_text())
    os.kill(watcher, signal.SIGKILL)
    eventually(lambda: not alive(watcher))
    status = end_of(local, RUN)
    assert isinstance(status, Failed)
    assert status.error == "WorkerGone"
    local.start(RUN, INPUT)
    assert (folder / "count").read_text() == "x"
    os.kill(int((folder / "pid").read_text()), signal.SIGKILL)


def test_the_command_sees_none_of_kedges_own_environment(
    target: Make, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("KEDGE_PASSWORD", "secret")
    monkeypatch.setenv("DATABASE_URL", "postgresql://u:p@host/db")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    local = target("import json, os; json.dump(dict(os.environ), open(os.environ['KEDGE_OUTPUT'], 'w'))")
    local.start(RUN, INPUT)
    status = end_of(local, RUN)
    assert isinstance(status, Succeeded)
    seen = json.loads(status.output)
    assert seen["AWS_DEFAULT_REGION"] == "eu-west-1"
    assert seen["PATH"] == os.environ["PATH"]
    assert {name for name in seen if name.startswith("KEDGE_")} == {
        "KEDGE_RUN",
        "KEDGE_INPUT",
        "KEDGE_OUTPUT",
    }
    assert "DATABASE_URL" not in seen
    assert not [path for path in (tmp_path / "runs" / RUN).iterdir() if "secret" in path.read_text()]


def test_what_it_says_goes_to_the_log(target: Make, tmp_path: Path) -> None:
    local = target("import sys; print('out'); print('err', file=sys.stderr)\n" + ANSWER)
    local.start(RUN, INPUT)
    end_of(local, RUN)
    assert sorted((tmp_path / "runs" / RUN / "log").read_text().split()) == ["err", "out"]


@pytest.mark.parametrize("name", ["../elsewhere", "", "a/b", ".", "kedge\nx"])
def test_a_name_that_leads_elsewhere_is_refused(target: Make, name: str) -> None:
    with pytest.raises(TargetError, match="is no name of a run"):
        target(ANSWER).start(name, INPUT)


def test_a_folder_that_cannot_be_used_is_told_in_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "runs").write_text("a file")
    with pytest.raises(TargetError, match=r"cannot use the run's folder .*: check the disk") as told:
        LocalTarget("true", tmp_path / "runs", HOUR).start(RUN, INPUT)
    assert told.value.retryable
