"""`postprocess_handler` scripts, run unchanged when results are written."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from monitor.hooks.postprocess import run_on, run_postprocess
from monitor.hooks.process import LIMITS, HookError
from monitor.hooks.script import Script
from tests.hooks.scripts import COUNTING

FILES = {
    "statistics.json": '{"dataset": {"item_count": 7}}',
    "constraint_violations.json": '{"violations": [{}, {}]}',
}


def _script(source: str) -> Script:
    return Script("hooks/post.py", source.encode())


def test_it_finds_the_results_where_the_container_has_them(tmp_path: Path) -> None:
    for name, text in FILES.items():
        (tmp_path / name).write_text(text)
    assert run_postprocess(_script(COUNTING), tmp_path).said == "records 7\nviolations 2\n"
    assert run_on(_script(COUNTING), FILES).said == "records 7\nviolations 2\n"
    quiet = {"statistics.json": FILES["statistics.json"]}
    assert run_on(_script(COUNTING), quiet).said == "records 7\nviolations 0\n"


@pytest.mark.parametrize(
    "looking",
    [
        "import pathlib; print(pathlib.Path(at, 'statistics.json').read_text())",
        "import os; print(open(os.path.join(at, sorted(os.listdir(at))[-1])).read())",
        "import os; print(os.read(os.open(at + '/statistics.json', os.O_RDONLY), 1000).decode())",
        "import io; print(io.open(at + '/statistics.json').read())",
        "import os; print([open(each.path).read() for each in os.scandir(at) if each.name[0] == 's'][0])",
    ],
)
def test_however_it_looks_for_them(looking: str) -> None:
    source = f"at = '/opt/ml/processing/output'\ndef postprocess_handler():\n    {looking}\n"
    assert run_on(_script(source), FILES).said.strip() == FILES["statistics.json"]


def test_what_it_writes_there_stays_where_the_results_are(tmp_path: Path) -> None:
    source = (
        "def postprocess_handler():\n"
        "    with open('/opt/ml/processing/output/mine.txt', 'w') as file:\n"
        "        file.write('mine')\n"
    )
    run_postprocess(_script(source), tmp_path)
    assert (tmp_path / "mine.txt").read_text() == "mine"


@pytest.mark.parametrize(
    ("doing", "left"),
    [
        ("os.makedirs(at + '/a/b', exist_ok=True)", "a/b"),
        ("pathlib.Path(at, 'a').mkdir()", "a"),
        ("pathlib.Path(at, 'a', 'b').mkdir(parents=True)", "a/b"),
        ("os.rename(at + '/statistics.json', at + '/a.json')", "a.json"),
        ("os.replace(src=at + '/statistics.json', dst=at + '/a.json')", "a.json"),
        ("pathlib.Path(at, 'statistics.json').rename(at + '/a.json')", "a.json"),
        ("shutil.copy(at + '/statistics.json', at + '/a.json')", "a.json"),
        ("shutil.copy2(at + '/statistics.json', at + '/a.json')", "a.json"),
        ("shutil.copytree(at, at + '/a')", "a/statistics.json"),
        ("shutil.move(at + '/statistics.json', at + '/a.json')", "a.json"),
        ("os.chdir(at); open('a.json', 'w').close()", "a.json"),
        ("os.symlink(at + '/statistics.json', at + '/a.json')", "a.json"),
        ("os.mkdir(at + '/a'); shutil.rmtree(at + '/a'); open(at + '/b', 'w').close()", "b"),
    ],
)
def test_whatever_it_does_there(tmp_path: Path, doing: str, left: str) -> None:
    (tmp_path / "statistics.json").write_text(FILES["statistics.json"])
    head = "import os, pathlib, shutil\nat = '/opt/ml/processing/output'\n"
    source = f"{head}def postprocess_handler():\n    {doing}\n"
    run_postprocess(_script(source), tmp_path)
    assert (tmp_path / left).exists()


@pytest.mark.parametrize(
    ("source", "told"),
    [
        (
            "def postprocess_handler():\n    raise KeyError('secret')\n",
            "the postprocess script hooks/post.py failed in its line 2 (KeyError)",
        ),
        ("def postprocess_handler(x): pass", "the script hooks/post.py has a postprocess_handler that wants"),
        ("", "the script hooks/post.py has no function postprocess_handler"),
        (
            "import time\ndef postprocess_handler():\n    time.sleep(600)\n",
            "the process of the postprocess script hooks/post.py took longer than 1 s",
        ),
    ],
)
def test_a_failure_is_told_in_one_sentence_without_a_value(source: str, told: str) -> None:
    with pytest.raises(HookError) as raised:
        run_on(_script(source), FILES, replace(LIMITS, seconds=1))
    assert told in str(raised.value)
    assert "secret" not in str(raised.value)
