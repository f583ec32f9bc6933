"""`kedge baseline`: from a data set to a version, and out again."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import boto3
import pytest

from tests.commands.line import Ran, kedge
from tests.judging.profiles import CONSTRAINTS_TEXT, STATISTICS_TEXT

TRAINING = "rings,sex,length\n9,M,0.5\n10,F,0.25\n8,,0.75\n"
FILES = ("statistics.json", "constraints.json")


def features_in(folder: Path) -> dict[str, tuple[str, float]]:
    read = json.loads((folder / "constraints.json").read_text())["features"]
    return {feature["name"]: (feature["inferred_type"], feature["completeness"]) for feature in read}


def told(ran: Ran) -> object:
    assert ran.status == 0
    assert ran.out.count("\n") == 1
    return json.loads(ran.out)


class TestCreate:
    def test_it_takes_the_files_of_a_folder_and_gzip(self, folder: Path) -> None:
        (folder / "training").mkdir()
        (folder / "training" / "_SUCCESS").write_text("")
        (folder / "training" / "a.csv").write_text("rings,length\n9,0.5\n")
        (folder / "training" / "b.csv.gz").write_bytes(gzip.compress(b"rings,length\n10,\n"))
        ran = kedge("baseline", "create", "training", "--output", "made")
        assert (ran.status, ran.out) == (0, "2 records, 2 features, written to made\n"), ran.err
        assert features_in(folder / "made")["length"] == ("Fractional", 0.5)

    def test_it_writes_the_two_files_of_a_data_set(self, folder: Path) -> None:
        (folder / "training.csv").write_text(TRAINING)
        ran = kedge("baseline", "create", "training.csv", "--output", "made/here")
        assert (ran.status, ran.out) == (0, "3 records, 3 features, written to made/here\n")
        assert features_in(folder / "made" / "here") == {
            "rings": ("Integral", 1.0),
            "sex": ("String", 2 / 3),
            "length": ("Fractional", 1.0),
        }
        assert json.loads((folder / "made/here/statistics.json").read_text())["dataset"] == {"item_count": 3}

    def test_without_a_header_the_columns_are_numbered(self, folder: Path) -> None:
        (folder / "training.csv").write_text("9,M\n10,F\n")
        ran = kedge("baseline", "create", "training.csv", "--no-header", "--output", "made", "--json")
        assert told(ran) == {"records": 2, "features": 2, "output": "made"}
        assert features_in(folder / "made").keys() == {"_c0", "_c1"}

    def test_how_many_texts_have_a_histogram_can_be_said(self, folder: Path) -> None:
        (folder / "training.csv").write_text("site\n" + "".join(f"s{n % 5}\n" for n in range(50)))
        for bound, has in (("4", False), ("5", True)):
            assert (
                kedge(
                    "baseline", "create", "training.csv", "--output", bound, "--histogram-bound", bound
                ).status
                == 0
            )
            (site,) = json.loads((folder / bound / "statistics.json").read_text())["features"]
            (asked,) = json.loads((folder / bound / "constraints.json").read_text())["features"]
            assert ("distribution" in site["string_statistics"], "string_constraints" in asked) == (has, has)

    def test_a_data_set_can_lie_at_an_address(self, folder: Path, aws: str) -> None:
        s3 = boto3.client("s3")
        s3.create_bucket(Bucket="data", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
        s3.put_object(Bucket="data", Key="abalone/training.csv", Body=TRAINING.encode())
        (folder / "training.csv").write_text(TRAINING)
        addresses = ["training.csv", "s3://data/abalone/training.csv", f"file://{folder}/training.csv"]
        made = [folder / f"made{n}" for n in range(3)]
        for address, output in zip(addresses, made, strict=True):
            assert kedge("baseline", "create", address, "--output", output).status == 0
        for name in FILES:
            assert len({(output / name).read_bytes() for output in made}) == 1

    @pytest.mark.parametrize(
        ("name", "content", "said"),
        [
            ("training.csv", "a,b\n1,2\n3\n", "training.csv, line 3"),
            ("training.csv", "", "training.csv holds no rows"),
            ("training.jsonl", '{"a": 1}\n{"a": \n', "training.jsonl, line 2"),
            ("training.parquet", "not parquet", "training.parquet is not parquet"),
            ("training.txt", "a\n1\n", "training.txt has a suffix that says no format"),
        ],
    )
    def test_a_data_set_that_no_baseline_can_be_made_of(
        self, folder: Path, name: str, content: str, said: str
    ) -> None:
        (folder / name).write_text(content)
        assert kedge("baseline", "create", name, "--output", "made").sentence.startswith(said)
        assert not (folder / "made").exists()

    def test_an_absent_data_set(self, folder: Path) -> None:
        assert "nowhere.csv" in kedge("baseline", "create", "nowhere.csv", "--output", "made").sentence

    @pytest.mark.parametrize("address", ["s3://bucket", "s3://", "ftp://host/training.csv"])
    def test_an_address_that_names_no_data_set(self, folder: Path, aws: str, address: str) -> None:
        assert kedge("baseline", "create", address, "--output", "made").sentence


class TestVersions:
    def test_what_was_imported_comes_out_byte_for_byte(self, imported: Path) -> None:
        ran = kedge("baseline", "export", "abalone-prod", "--output", "out")
        assert (ran.status, ran.out) == (0, "written to out\n")
        assert (imported / "out" / "statistics.json").read_bytes() == STATISTICS_TEXT.encode()
        assert (imported / "out" / "constraints.json").read_bytes() == CONSTRAINTS_TEXT.encode()

    def test_line_ends_and_letters_are_kept(self, imported: Path) -> None:
        odd = CONSTRAINTS_TEXT.replace("\n", "\r\n").replace("length", "länge").encode()
        (imported / "baseline" / "constraints.json").write_bytes(odd)
        assert kedge("baseline", "import", "abalone-prod", "baseline").status == 0
        assert kedge("baseline", "export", "abalone-prod", "--output", "out").status == 0
        assert (imported / "out" / "constraints.json").read_bytes() == odd

    def test_an_import_says_which_version_it_is(self, configured: Path) -> None:
        first = kedge("baseline", "import", "abalone-prod", "baseline")
        assert (first.status, first.out) == (0, "version 1 of abalone-prod: 2 features\n")
        again = kedge("baseline", "import", "abalone-prod", f"file://{configured}/baseline", "--json")
        assert told(again) == {"endpoint": "abalone-prod", "version": 1, "features": 2}

    def test_versions_are_listed_newest_first(self, imported: Path) -> None:
        stricter = CONSTRAINTS_TEXT.replace("0.1", "0.05")
        (imported / "baseline" / "constraints.json").write_text(stricter)
        assert "version 2" in kedge("baseline", "import", "abalone-prod", "baseline").out
        listed = kedge("baseline", "list", "abalone-prod").out.splitlines()
        assert [line.split()[0] for line in listed] == ["2", "1"]
        read = told(kedge("baseline", "list", "abalone-prod", "--json"))
        assert isinstance(read, list)
        assert [(b["version"], b["records"], b["features"], b["source"]) for b in read] == [
            (2, 30, 2, "baseline"),
            (1, 30, 2, "baseline"),
        ]
        assert all(b["created_at"].endswith("+00:00") for b in read)

    def test_a_version_can_be_chosen(self, imported: Path) -> None:
        (imported / "baseline" / "constraints.json").write_text(CONSTRAINTS_TEXT.replace("0.1", "0.05"))
        kedge("baseline", "import", "abalone-prod", "baseline")
        given = ("abalone-prod", "--output", "out", "--version")
        for version, text in (("1", CONSTRAINTS_TEXT), ("2", CONSTRAINTS_TEXT.replace("0.1", "0.05"))):
            assert kedge("baseline", "export", *given, version).status == 0
            assert (imported / "out" / "constraints.json").read_text() == text

    def test_a_version_is_shown_to_people_and_to_programs(self, imported: Path) -> None:
        assert kedge("baseline", "show", "abalone-prod").out == (
            "version 1: 30 records, baseline\n"
            "rings  Fractional  100.0%  0 to 29, mean 14.5\n"
            "length  Fractional  100.0%  0 to 2.9, mean 1.45\n"
        )
        assert told(kedge("baseline", "show", "abalone-prod", "--json")) == {
            "statistics": json.loads(STATISTICS_TEXT),
            "constraints": json.loads(CONSTRAINTS_TEXT),
        }

    def test_what_has_no_versions_says_so(self, imported: Path) -> None:
        assert kedge("baseline", "show", "abalone-prod", "--version", "7").sentence == (
            "abalone-prod has no baseline version 7: give one of 1 with --version"
        )

    def test_an_endpoint_that_was_never_observed(self, configured: Path) -> None:
        sentence = kedge("baseline", "list", "abalone-prod").sentence
        assert "the database knows no endpoint abalone-prod" in sentence

    def test_a_folder_without_the_files_imports_nothing(self, configured: Path) -> None:
        assert "elsewhere" in kedge("baseline", "import", "abalone-prod", "elsewhere").sentence
        (configured / "baseline" / "statistics.json").write_text("[1, 2")
        sentence = kedge("baseline", "import", "abalone-prod", "baseline").sentence
        assert "baseline/statistics.json is not a statistics.json: line 1" in sentence
        assert "knows no endpoint" in kedge("baseline", "list", "abalone-prod").sentence
