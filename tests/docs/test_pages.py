"""What the pages name is there: links, pictures, targets, commands, options, metrics, files, tables."""

from __future__ import annotations

import dataclasses
import json
import re
import shlex
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
from prometheus_client import generate_latest

import service
from demo.summary import Summary
from docs.reference import commands
from store.schema import metadata
from tests.conftest import ROOT
from tests.docs.markdown import Page, page, pages, resolve, rows
from web.metrics import FleetCollector

PAGES = pages()
OPTIONS = {
    command.path: {name for one in command.parameters for name in one.opts if name.startswith("--")}
    for command in commands()
}
each_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)


def targets() -> frozenset[str]:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    return frozenset(re.findall(r"^([a-z][a-z-]*):", makefile, re.MULTILINE))


def made(page: Page) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Each target that a page calls, with its ARGS."""
    for line in page.code:
        if line.startswith("make "):
            words = shlex.split(line)[1:]
            given = [word.removeprefix("ARGS=") for word in words if word.startswith("ARGS=")]
            called = [word for word in words if "=" not in word and not word.startswith("-")]
            yield from ((target, tuple(shlex.split(" ".join(given)))) for target in called)


def called(page: Page) -> Iterator[tuple[str, ...]]:
    """The arguments of each `kedge` that a page shows, also of those behind make."""
    for line in page.code:
        if found := re.match(r"(?:\.venv/bin/)?kedge (.+)", line):
            yield tuple(shlex.split(found[1]))
    yield from ((target, *given) for target, given in made(page) if (target,) in OPTIONS)


def wrong_in(arguments: tuple[str, ...]) -> str | None:
    """What is wrong with a command as a page shows it; a group or COMMAND stands for any of its commands."""
    words = [word for word in arguments if not word.startswith("-")]
    given = {word.partition("=")[0] for word in arguments if word.startswith("--")} - {"--help"}
    path = tuple(words[:1]) if tuple(words[:1]) in OPTIONS else tuple(words[:2])
    known = OPTIONS.get(path)
    if words[:1] == ["COMMAND"] or (len(words) == 1 and any(one[:1] == path for one in OPTIONS)):
        known = set().union(*OPTIONS.values()) if known is None else known
    if known is None:
        return f"there is no kedge {' '.join(path)}"
    return f"kedge {' '.join(path)} has no {', '.join(sorted(given - known))}" if given - known else None


@each_page
def test_every_link_leads_somewhere(page: Page) -> None:
    for target in page.links:
        file = resolve(page.name, target)
        assert file.exists(), f"{page.name} links to {target}"
        assert file.resolve().is_relative_to(ROOT), f"{page.name} links to {target}, outside of the project"
        anchor = target.partition("#")[2]
        if anchor:
            there = Page(page.name, file.read_text(encoding="utf-8"))
            assert anchor in there.anchors, f"{page.name} links to {target}"


def test_every_page_can_be_reached_from_the_first() -> None:
    linked = {resolve(one.name, target).resolve() for one in PAGES for target in one.links}
    assert {ROOT / one.name for one in PAGES} - linked <= {ROOT / "README.md"}


def test_every_picture_is_shown() -> None:
    shown = {resolve(one.name, target).resolve() for one in PAGES for target in one.links}
    assert set((ROOT / "docs" / "images").iterdir()) <= shown


@each_page
def test_every_make_target_exists(page: Page) -> None:
    assert {target for target, _ in made(page)} <= targets()


def test_the_targets_that_make_help_tells_exist() -> None:
    told = set(re.findall(r"make ([a-z]+) ", (ROOT / "Makefile").read_text(encoding="utf-8")))
    assert {"demo", "test", "serve", "lint", "docs"} <= told <= targets()


@each_page
def test_every_command_exists_with_its_options(page: Page) -> None:
    assert [wrong for arguments in called(page) if (wrong := wrong_in(arguments))] == []


@each_page
def test_an_option_that_stands_alone_is_one_of_some_command(page: Page) -> None:
    alone = {line.split()[0] for line in page.code if line.startswith("--")} - {"--help"}
    assert alone <= set().union(*OPTIONS.values())


@cache
def metrics(folder: Path) -> frozenset[str]:
    """Every name that /metrics tells, by the service itself."""
    file = folder / "kedge.yaml"
    file.write_text(f"database: sqlite:///{folder / 'kedge.db'}\n")
    opened = service.open_service(file, {}, 5.0)
    opened.registry.register(FleetCollector(opened.engine, opened.clock))
    told = generate_latest(opened.registry).decode()
    opened.engine.dispose()
    return frozenset(re.findall(r"^# TYPE (\w+) (?:counter|gauge)", told, re.MULTILINE))


OF_AIRFLOW = {"kedge_worker", "kedge_retrain"}
"""A variable and a file of its, no metrics."""


def test_the_metrics_of_the_pages_are_those_of_the_service(tmp_path: Path) -> None:
    told = {name for name in metrics(tmp_path) if not name.endswith("_created")}
    named = {name for one in PAGES for name in re.findall(r"\bkedge_[a-z_]+", one.text)}
    assert named - OF_AIRFLOW <= told
    described = {
        row[0].strip("`") for row in rows(page("docs/operating.md").sections["Watching the watcher"])
    }
    assert told <= described


@each_page
def test_every_file_of_the_project_that_is_named_exists(page: Page) -> None:
    named = {code for code in page.code if re.fullmatch(r"[\w.-]+(/[\w.-]+)*/?", code)}
    paths = [code for code in named if code.endswith((".py", ".ini", "/")) or code == "Dockerfile"]
    paths = [path for path in paths if "yyyy" not in path]  # the layout of captures and labels
    ours = [path.as_posix() for path in tracked()]
    for path in paths:
        inside = f"/{path}" if not path.endswith("/") else f"/{path.rstrip('/')}/"
        assert any(f"/{one}".endswith(inside) or inside in f"/{one}" for one in ours), f"{page.name}: {path}"


def test_the_tables_of_the_architecture_are_those_of_the_schema() -> None:
    section = page("docs/architecture.md").sections["The database"]
    named = [name for row in rows(section) for name in row[0].split(", ")]
    assert sorted(named) == sorted(metadata.tables)


def test_the_readme_shows_the_summary_as_it_is_printed() -> None:
    line = next(line for line in page("README.md").code if line.startswith("{"))
    shown = json.loads(line.replace(",…}", "}"))
    keys = [field.name for field in dataclasses.fields(Summary)]
    assert list(shown) == keys[: len(shown)]
    assert json.dumps(shown, separators=(",", ":")) == line.replace(",…}", "}")


def tracked() -> tuple[Path, ...]:
    """The files of the project: git's, or in a copy without git those that a checkout would have."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False)
    if listed.returncode == 0 and listed.stdout:
        return tuple(Path(name) for name in listed.stdout.split("\0") if name)
    every = (path.relative_to(ROOT) for path in ROOT.rglob("*") if path.is_file())
    return tuple(path for path in every if not any(part.startswith(".") for part in path.parts))


MACHINE = [
    rf"(?:file://|(?<![\w.~/])){'/'}(?:work|root|home|Users|tmp)/\w",
    "pypi" + r"\.org",
    "python" + "hosted",
    "(?:index|find)-(?:url|links)" + r"[ =]\S*:/",
    "artifact" + "ory",
    "dev" + r"pi\b",
]


def test_no_committed_file_names_a_registry_or_a_path_of_a_machine() -> None:
    found = []
    for path in tracked():
        if (ROOT / path).suffix in {".png", ".svg"} or not (ROOT / path).exists():
            continue
        text = (ROOT / path).read_text(encoding="utf-8", errors="replace")
        found += [f"{path}: {hit[0]}" for form in MACHINE for hit in re.finditer(form, text)]
    assert found == []


@pytest.mark.parametrize(
    "text",
    [
        "/work" + "/main",
        "see /home" + "/someone/x",
        "https://py" + "pi.org/simple",
        "file:///tmp" + "/x",
        '"/tmp' + '/x"',
    ],
)
def test_such_a_name_is_found(text: str) -> None:
    assert any(re.search(form, text) for form in MACHINE)


@pytest.mark.parametrize(
    ("line", "wrong"),
    [
        ("kedge check --capture x --nonsense", "kedge check has no --nonsense"),
        ("kedge retrain begin", "there is no kedge retrain begin"),
        ("kedge baseline merge", "there is no kedge baseline merge"),
        (".venv/bin/kedge demo --once --help", None),
        ("kedge COMMAND --help", None),
    ],
)
def test_a_wrong_command_is_found(line: str, wrong: str | None) -> None:
    arguments = next(called(Page("a page", f"`{line}`")))
    assert wrong_in(arguments) == wrong
