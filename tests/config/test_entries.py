"""`kedge watch` writes an entry into the owner's file and leaves every other character of it alone."""

from __future__ import annotations

import os
import stat
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from config.discovery import (
    DiscoveryError,
    EndpointFacts,
    VariantFacts,
    add_entry,
    endpoint_of,
    entry_yaml,
    look_up,
)
from config.loading import ConfigError, load, load_tolerant, parse
from config.model import Endpoint
from tests.config.conftest import Account
from tests.config.test_discovery import CAPTURE, baseline

FACTS = EndpointFacts(
    name="abalone",
    status="InService",
    endpoint_config="abalone-7",
    capture_uri="s3://logs/capture",
    sampling=100,
    variants=(VariantFacts("AllTraffic", "champion", None),),
    csv_types=("text/csv",),
    json_types=(),
    statistics_uri="s3://logs/base/statistics.json",
    constraints_uri="s3://logs/base/constraints.json",
    last_modified=datetime(2026, 1, 31, tzinfo=UTC),
)
WATCHED = Endpoint(name="abalone", capture="s3://logs/capture", baseline="s3://logs/base")


def added(path: Path, text: str, facts: EndpointFacts = FACTS) -> str:
    """The file's text after the entry was added to this one."""
    path.write_bytes(text.encode())
    add_entry(path, facts)
    return path.read_bytes().decode()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "kedge.yaml"


def test_an_entry_reads_as_a_person_would_write_it() -> None:
    assert entry_yaml(FACTS) == (
        "  # endpoint config abalone-7, variants AllTraffic\n"
        "  # captures 100% of the requests, text/csv as CSV\n"
        "  - name: abalone\n"
        "    capture: s3://logs/capture\n"
        "    baseline: s3://logs/base\n"
    )


def test_an_entry_says_what_it_lacks() -> None:
    bare = replace(FACTS, statistics_uri=None, constraints_uri=None, csv_types=())
    text = entry_yaml(bare)
    assert "all as base64, since its config lists no content types" in text
    assert "# no baseline in a model package; kedge baseline create makes one" in text
    (endpoint,) = parse("endpoints:\n" + text, "x").endpoints
    assert endpoint == Endpoint(name="abalone", capture="s3://logs/capture")


def test_an_entry_means_the_endpoint_with_its_defaults() -> None:
    assert endpoint_of(FACTS) == WATCHED
    assert parse("endpoints:\n" + entry_yaml(FACTS), "x").endpoints == (WATCHED,)


def test_an_entry_of_a_real_endpoint_loads(account: Account) -> None:
    package = account.package("abalone", DriftCheckBaselines=baseline("s3://logs/base"))
    account.model("champion", ModelPackageName=package)
    account.endpoint("abalone", {"A": "champion", "B": "a-model"}, CAPTURE)
    facts = look_up(account.sagemaker, "abalone")
    text = entry_yaml(facts)
    assert "variants A, B" in text
    assert (
        "captures 40% of the requests, text/csv as CSV; application/json, application/jsonlines as JSON"
        in text
    )
    (endpoint,) = parse("endpoints:\n" + text, "x").endpoints
    assert (endpoint.name, endpoint.capture) == ("abalone", "s3://logs/endpoint-data-capture")
    assert endpoint.baseline == "s3://logs/base"


@pytest.mark.parametrize("name", ["123", "1e3", "on", "null", "0x1F", "2026-01-31", "y", "True"])
def test_a_name_that_yaml_takes_for_something_else_is_quoted(name: str) -> None:
    (endpoint,) = parse("endpoints:\n" + entry_yaml(replace(FACTS, name=name)), "x").endpoints
    assert endpoint.name == name


@given(
    st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=20).filter(
        lambda key: not key.endswith("/")
    )
)
def test_any_prefix_is_written_so_that_it_reads_back(key: str) -> None:
    facts = replace(FACTS, capture_uri=f"s3://logs/x{key}")
    (endpoint,) = parse("endpoints:\n" + entry_yaml(facts), "x").endpoints
    assert endpoint.capture == f"s3://logs/x{key}"


def test_an_endpoint_that_captures_nothing_has_no_entry(path: Path) -> None:
    for make in (entry_yaml, endpoint_of, lambda facts: add_entry(path, facts)):
        with pytest.raises(DiscoveryError, match="abalone captures nothing; deploy an endpoint config with"):
            make(replace(FACTS, capture_uri=None))
    assert not path.exists()


def test_a_destination_that_is_no_folder_is_said() -> None:
    with pytest.raises(
        DiscoveryError, match=r"abalone can't be watched: .* is no address of a folder"
    ) as caught:
        endpoint_of(replace(FACTS, capture_uri="https://logs.example/capture"))
    assert "\n" not in str(caught.value)


def test_a_new_file_holds_the_entry_alone(path: Path) -> None:
    add_entry(path, FACTS)
    assert path.read_text() == "endpoints:\n" + entry_yaml(FACTS)
    assert load(path).endpoints == (WATCHED,)
    assert [each.name for each in path.parent.iterdir()] == ["kedge.yaml"]


FIRST = "  - name: first\n    capture: s3://logs/first\n"
ENTRY = entry_yaml(FACTS)
FLUSH = "".join(line[2:] + "\n" for line in ENTRY.splitlines())


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("", f"endpoints:\n{ENTRY}"),
        ("# mine\n", f"# mine\nendpoints:\n{ENTRY}"),
        ("region: eu-west-1", f"region: eu-west-1\nendpoints:\n{ENTRY}"),
        ("endpoints:", f"endpoints:\n{ENTRY}"),
        (
            "endpoints:   # none yet\nregion: eu-west-1\n",
            f"endpoints:   # none yet\n{ENTRY}region: eu-west-1\n",
        ),
        ("endpoints: []\nregion: eu-west-1\n", f"endpoints:\n{ENTRY}region: eu-west-1\n"),
        ("endpoints: [ ]  # none yet\n", f"endpoints:  # none yet\n{ENTRY}"),
        ("endpoints: ~\n", f"endpoints:\n{ENTRY}"),
        (f"endpoints:\n{FIRST}", f"endpoints:\n{FIRST}{ENTRY}"),
        (f"endpoints:\n{FIRST[:-1]}", f"endpoints:\n{FIRST}{ENTRY}"),
        (f"endpoints:\n{FIRST}\n\nregion: eu-west-1\n", f"endpoints:\n{FIRST}{ENTRY}\n\nregion: eu-west-1\n"),
        (
            f"endpoints:\n{FIRST[:-1]}  # the first\n# after\nregion: eu-west-1\n",
            f"endpoints:\n{FIRST[:-1]}  # the first\n{ENTRY}# after\nregion: eu-west-1\n",
        ),
        (
            "endpoints:\n- name: first\n  capture: s3://logs/first\nregion: eu-west-1\n",
            f"endpoints:\n- name: first\n  capture: s3://logs/first\n{FLUSH}region: eu-west-1\n",
        ),
        (
            "endpoints:\n- {name: first,\n   capture: s3://logs/first}\n",
            f"endpoints:\n- {{name: first,\n   capture: s3://logs/first}}\n{FLUSH}",
        ),
        (
            "endpoints:\n  - name: first\n    capture: >-\n      s3://logs/a\n\nregion: eu-west-1\n",
            f"endpoints:\n  - name: first\n    capture: >-\n      s3://logs/a\n\n{ENTRY}region: eu-west-1\n",
        ),
        (
            f"endpoints:\n{FIRST}    columns:\n      - a\n      - b\n",
            f"endpoints:\n{FIRST}    columns:\n      - a\n      - b\n{ENTRY}",
        ),
        (
            "endpoints:\n  - name: first\n    results: &r s3://logs/r\n    capture: *r\nregion: eu-west-1\n",
            "endpoints:\n  - name: first\n    results: &r s3://logs/r\n    capture: *r\n"
            + ENTRY
            + "region: eu-west-1\n",
        ),
    ],
)
def test_the_entry_comes_last_and_all_else_stays(path: Path, before: str, after: str) -> None:
    assert added(path, before) == after
    assert WATCHED in load(path).endpoints


def test_line_ends_stay_the_owners(path: Path) -> None:
    text = added(path, f"region: eu-west-1\nendpoints:\n{FIRST}".replace("\n", "\r\n"))
    assert text == f"region: eu-west-1\nendpoints:\n{FIRST}{ENTRY}".replace("\n", "\r\n")
    assert len(load(path).endpoints) == 2


def test_entries_follow_each_other(path: Path) -> None:
    for number in range(5):
        add_entry(path, replace(FACTS, name=f"e-{number}"))
    assert [each.name for each in load(path).endpoints] == [f"e-{number}" for number in range(5)]


def test_a_bad_entry_of_the_owners_does_not_stand_in_the_way(path: Path) -> None:
    bad = "  - name: bad\n    windw: 1h\n"
    assert added(path, f"endpoints:\n{bad}") == f"endpoints:\n{bad}{ENTRY}"
    config, errors = load_tolerant(path)
    assert (config.endpoints, len(errors)) == ((WATCHED,), 1)


@pytest.mark.parametrize(
    "entry",
    ["  - name: abalone\n    capture: s3://logs/first\n", "  - {capture: nowhere, name: abalone}\n"],
)
def test_a_second_entry_of_the_name_is_refused(path: Path, entry: str) -> None:
    before = f"endpoints:\n{entry}"
    with pytest.raises(ConfigError, match="abalone has an entry already; change that one") as caught:
        added(path, before)
    assert str(caught.value).startswith(f"{path}, line 2, endpoints[0].name: ")
    assert path.read_text() == before


@pytest.mark.parametrize(
    "before",
    [
        "endpoints: [{name: first, capture: s3://logs/first}]\n",
        "{region: eu-west-1}\n",
        "{endpoints: []}\n",
        "region: eu-west-1\n...\n",
        "endpoints: x\n",
        "- a\n",
        "region: 3\n",
    ],
)
def test_where_there_is_no_place_the_file_stays_and_one_sentence_says_so(path: Path, before: str) -> None:
    path.write_text(before)
    with pytest.raises(ConfigError) as caught:
        add_entry(path, FACTS)
    assert path.read_text() == before
    assert "\n" not in str(caught.value)


def test_the_sentence_says_what_to_do_instead(path: Path) -> None:
    with pytest.raises(
        ConfigError, match="no place to add abalone; put in what `kedge watch abalone --print` shows"
    ):
        added(path, "endpoints: [{name: first, capture: s3://logs/first}]\n")


def test_what_is_no_yaml_is_said_and_stays(path: Path) -> None:
    with pytest.raises(ConfigError, match="this is no YAML"):
        added(path, "endpoints: [")
    assert path.read_text() == "endpoints: ["


def test_the_files_rights_stay(path: Path) -> None:
    path.write_text("region: eu-west-1\n")
    path.chmod(0o640)
    add_entry(path, FACTS)
    assert stat.S_IMODE(path.stat().st_mode) == 0o640


def test_a_link_to_the_file_stays_a_link(path: Path, tmp_path: Path) -> None:
    real = tmp_path / "real.yaml"
    real.write_text("region: eu-west-1\n")
    path.symlink_to(real)
    add_entry(path, FACTS)
    assert path.is_symlink()
    assert load(real).endpoints == (WATCHED,)


def test_a_folder_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"can't be written \(No such file or directory\)"):
        add_entry(tmp_path / "none" / "kedge.yaml", FACTS)


entries = st.lists(
    st.sampled_from(
        [
            "capture: s3://logs/c",
            "capture: 's3://logs/c'   # quoted",
            "capture: >\n{0}  s3://logs/c",
            "columns: [a,\n{0}  b]",
            "columns:\n{0}- a\n{0}- b",
            "columns:\n{0}  - a\n{0}  - b\n\n",
            "# a remark\n{0}hooks: {{}}",
            "hooks:\n{0}  preprocess: 'a\n\n{0}    b'",
            "grace: 5m\n\n",
        ]
    ),
    max_size=4,
    unique_by=lambda line: line.split(":")[0],
)


@given(
    several=st.lists(entries, min_size=1, max_size=3),
    indent=st.sampled_from(["", "  ", "    "]),
    tail=st.sampled_from(
        ["", "\n", "# the end\n", "region: eu-west-1\n", "  # odd\nregion: eu-west-1\n", "\n\n...\n"]
    ),
)
def test_whatever_the_file_looks_like_nothing_of_it_is_lost(
    tmp_path_factory: pytest.TempPathFactory, several: list[list[str]], indent: str, tail: str
) -> None:
    path = tmp_path_factory.mktemp("entries") / "kedge.yaml"
    text = "endpoints:\n"
    for number, lines in enumerate(several):
        text += f"{indent}- name: e-{number}\n"
        text += "".join(f"{indent}  {line.format(indent + '  ')}\n" for line in lines)
    before = yaml.safe_load(text + tail)
    after = yaml.safe_load(added(path, text + tail))
    assert after["endpoints"] == [*before["endpoints"], yaml.safe_load(ENTRY)[0]]
    assert {**after, "endpoints": None} == {**before, "endpoints": None}
    written = path.read_text()
    at = written.index(f"{indent}# endpoint config abalone-7")
    block = "".join(indent + line + "\n" for line in FLUSH.splitlines())
    assert written.replace(block, "", 1) == text + tail
    assert at > written.index(f"name: e-{len(several) - 1}")
    os.remove(path)
