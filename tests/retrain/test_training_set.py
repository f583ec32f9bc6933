"""The training set: split by inference time, told in a manifest, and never overlapping its judging window."""

from __future__ import annotations

import hashlib
import io
import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Engine

from config.training import LearnsFrom, TrainingFormat
from objects import open_place
from retrain.captured import Source
from retrain.data_checks import TrainingSetError
from retrain.training_set import (
    Recipe,
    Split,
    TooFew,
    TrainingSet,
    build,
    require_disjoint,
    split,
    write,
)
from tests.clock import HOUR, MINUTE, NOON
from tests.retrain.traffic import Endpoint, inferred

SOURCES = (Source("logs", "captures/a.jsonl", "e1"), Source("logs", "captures/b.jsonl", "e2"))
ORIGINAL = b"rings,a,b,notes\n9,0.10,1,x\n11,0.20,,y\n"


def records(minutes: list[int], label: float = 9.0) -> pl.DataFrame:
    """Labelled records so many minutes after noon, named by their place; every other label is 1 higher."""
    names = [f"{n:032x}" for n in range(len(minutes))]
    return pl.DataFrame(
        {
            "@id": names,
            "@row": [0] * len(minutes),
            "@time": [NOON + minute * MINUTE for minute in minutes],
            "a": [f"{n}.50" for n in range(len(minutes))],
            "b": [None if n % 7 == 3 else str(n) for n in range(len(minutes))],
            "@answered": [True] * len(minutes),
            "@label": [label + n % 2 for n in range(len(minutes))],
        },
        schema_overrides={
            "@time": pl.Datetime("us", "UTC"),
            "@answered": pl.Boolean,
            "@row": pl.Int64,
            "b": pl.String,
            "a": pl.String,
        },
    )


def hours(*counts: int) -> pl.DataFrame:
    """So many labelled records in each hour from noon on."""
    return records([hour * 60 + n % 60 for hour, count in enumerate(counts) for n in range(count)])


def made(parts: Split, **given: Any) -> TrainingSet:
    usual: dict[str, Any] = {"run_name": "kedge-abalone-1", "label": "rings", "features": ("a", "b")}
    return build(parts, **({**usual, "sources": SOURCES} | given))


def parted(rows: pl.DataFrame, minimum: int = 1, judging: int = 1) -> Split:
    found = split(rows, window=HOUR, minimum=minimum, judging=judging)
    assert isinstance(found, Split)
    return found


def test_the_newest_whole_windows_with_enough_labels_judge() -> None:
    parts = parted(hours(50, 50, 30, 20), minimum=100, judging=40)
    assert (parts.start, parts.end) == (NOON + 2 * HOUR, NOON + 4 * HOUR)
    assert (parts.training.height, parts.judging.height) == (100, 50)


def test_one_window_is_enough_when_it_has_enough() -> None:
    parts = parted(hours(50, 40), minimum=50, judging=40)
    assert (parts.start, parts.end) == (NOON + HOUR, NOON + 2 * HOUR)


def test_an_hour_without_labels_in_between_does_not_matter() -> None:
    parts = parted(hours(50, 20, 0, 20), minimum=50, judging=40)
    assert (parts.start, parts.end) == (NOON + HOUR, NOON + 4 * HOUR)


def test_records_that_the_champion_did_not_answer_judge_nothing() -> None:
    """They have nothing to be compared with: a window with too few others is no judging window."""
    rows = hours(50, 40, 40).with_columns(
        ((pl.col("@time") < NOON + 2 * HOUR) | (pl.int_range(pl.len()) % 2 == 1)).alias("@answered")
    )
    parts = parted(rows, minimum=50, judging=40)
    assert (parts.start, parts.end) == (NOON + HOUR, NOON + 3 * HOUR)
    assert (parts.training.height, parts.judging.height) == (50, 60)
    unanswered = rows.with_columns(pl.lit(False).alias("@answered"))
    found = split(unanswered, window=HOUR, minimum=50, judging=40)
    assert isinstance(found, TooFew)
    assert found.sentence.startswith("the champion answered only 0 of 130 labelled records")


@pytest.mark.parametrize(
    ("counts", "told"),
    [
        ((), "0 captured records have a label so far"),
        ((20, 20), "40 captured records have a label so far"),
        ((0, 400), "only 0 of 400 labelled records are older"),
        ((90, 400), "only 90 of 490 labelled records are older"),
    ],
)
def test_too_few_labels_are_told_with_what_is_wanted(counts: tuple[int, ...], told: str) -> None:
    found = split(hours(*counts), window=HOUR, minimum=100, judging=50)
    assert isinstance(found, TooFew)
    assert found.sentence.startswith(told)
    assert found.sentence.endswith("100 to train on and 50 to judge on are wanted")


def test_many_records_of_few_requests_are_nothing_to_judge_by() -> None:
    """Only two in each hour: the newest hours are taken until ten requests are there."""
    rows = hours(100, *[20] * 10).with_columns(
        pl.when(pl.col("@time") >= NOON + HOUR)
        .then(pl.concat_str(pl.col("@time").dt.hour(), pl.lit("-"), pl.int_range(pl.len()) % 2))
        .otherwise("@id")
        .alias("@id")
    )
    rows = rows.with_columns(pl.int_range(pl.len()).alias("@row"))
    parts = parted(rows, minimum=100, judging=40)
    assert parts.judging["@id"].n_unique() == 10
    assert parts.judging.height == 100
    alone = hours(300).with_columns(pl.lit("one").alias("@id"), pl.int_range(300).alias("@row"))
    found = split(alone, window=HOUR, minimum=100, judging=40)
    assert isinstance(found, TooFew)
    assert found.sentence == (
        "the 300 labelled records came in 1 request, and the records of one err alike: "
        "10 requests are wanted to judge by"
    )


def test_an_odd_value_that_is_judged_makes_no_text_of_what_is_learnt_from() -> None:
    rows = hours(60, 40).with_columns(
        pl.when(pl.int_range(pl.len()) == 99).then(pl.lit("N/A")).otherwise("a").alias("a")
    )
    made = build(
        parted(rows, minimum=50, judging=40),
        run_name="r",
        label="rings",
        features=["a"],
        sources=SOURCES,
        recipe=Recipe(LearnsFrom.CHANGE, None, TrainingFormat.PARQUET),
    )
    types = [pl.read_parquet(io.BytesIO(each)).schema["a"] for each in (made.training, made.fresh)]
    assert types == [pl.Float64, pl.String]


@given(
    minutes=st.lists(st.integers(0, 60 * 24), max_size=80),
    window=st.sampled_from([timedelta(minutes=5), HOUR, 6 * HOUR, 24 * HOUR]),
    minimum=st.integers(1, 30),
    judging=st.integers(1, 30),
)
def test_a_split_loses_nothing_and_never_overlaps(
    minutes: list[int], window: timedelta, minimum: int, judging: int
) -> None:
    rows = records(minutes)
    parts = split(rows, window=window, minimum=minimum, judging=judging)
    if isinstance(parts, TooFew):
        return
    require_disjoint(parts.training, parts.judging)
    assert sorted([*parts.training["@id"], *parts.judging["@id"]]) == rows["@id"].sort().to_list()
    assert parts.training.height >= minimum
    assert parts.judging.height >= judging
    assert parts.start - NOON.replace(hour=0) == (parts.start - NOON.replace(hour=0)) // window * window
    # the shortest: without its oldest window there would be too few
    assert parts.judging.filter(pl.col("@time") >= parts.start + window).height < judging


def test_a_training_set_that_shares_a_record_with_its_judging_window_is_refused() -> None:
    parts = parted(hours(10, 10))
    stolen = replace(parts, training=pl.concat([parts.training, parts.judging.head(3)]))
    with pytest.raises(TrainingSetError, match=r"^the training set and the judging window share 3 records: "):
        made(stolen)


def test_a_training_set_that_reaches_into_its_judging_window_is_refused() -> None:
    parts = parted(hours(10, 10))
    late = parts.training.with_columns(pl.lit(NOON + HOUR + 5 * MINUTE).alias("@time"))
    with pytest.raises(TrainingSetError, match="reaches to 2026-03-02T13:05:00"):
        made(replace(parts, training=late))


def test_not_even_one_moment_is_shared() -> None:
    touching = Split(records([0, 10]), records([10, 20]).with_columns("@id" + pl.col("@id")), NOON, NOON)
    with pytest.raises(TrainingSetError, match="share"):
        require_disjoint(touching.training, touching.training)
    with pytest.raises(TrainingSetError, match="split them by inference time"):
        require_disjoint(touching.training, touching.judging)


def test_the_refusal_names_no_record() -> None:
    parts = parted(hours(10, 10))
    with pytest.raises(TrainingSetError) as refused:
        made(replace(parts, training=parts.judging))
    assert not any(name in str(refused.value) for name in parts.judging["@id"])


def test_captured_records_follow_the_original_set_cell_for_cell() -> None:
    parts = parted(records([0, 70]))
    files = made(parts, original=ORIGINAL, original_uri="s3://logs/train.csv")
    assert files.training == b"rings,a,b\n9,0.10,1\n11,0.20,\n9,0.50,0\n"
    assert files.captured == b"a,b\n0.50,0\n"
    assert files.fresh == b"a,b\n1.50,1\n"


def test_without_an_original_the_captured_records_are_the_training_set() -> None:
    assert made(parted(records([0, 1, 70]))).training == b"rings,a,b\n9,0.50,0\n10,1.50,1\n"


def test_labels_that_are_not_whole_stay_so() -> None:
    files = made(parted(records([0, 1, 70], label=9.25)))
    assert files.training == b"rings,a,b\n9.25,0.50,0\n10.25,1.50,1\n"


def test_the_same_row_twice_in_the_original_stays_twice() -> None:
    files = made(parted(records([0, 70], label=8.0)), original=b"rings,a,b\n9,1,1\n9,1,1\n")
    assert files.training.count(b"9,1,1\n") == 2


@pytest.mark.parametrize(
    ("original", "told"),
    [
        (b"9,0.1,1\n", "the training set s3://logs/train.csv has no column 'rings'"),
        (b"rings,a\n9,0.1\n", "the training set s3://logs/train.csv has no column 'b'"),
        (b"", "the training set s3://logs/train.csv is no CSV that can be read"),
        (b"rings,a,b\n1,2,3,4,5\n", "the training set s3://logs/train.csv is no CSV that can be read"),
        (b"rings,a,b\n\xff\xfe,2,3\n", "the training set s3://logs/train.csv is no CSV that can be read"),
    ],
)
def test_an_original_set_of_another_form_is_told(original: bytes, told: str) -> None:
    with pytest.raises(TrainingSetError) as refused:
        made(parted(records([0, 70])), original=original, original_uri="s3://logs/train.csv")
    assert str(refused.value).startswith(told)


def test_the_trainer_never_receives_the_judging_window() -> None:
    parts = parted(hours(10, 10))
    files = made(parts, original=ORIGINAL)
    judged = set(pl.read_csv(io.BytesIO(files.fresh), infer_schema=False)["a"])
    trained = set(pl.read_csv(io.BytesIO(files.training), infer_schema=False)["a"])
    assert len(judged) == 10
    assert judged.isdisjoint(trained)


def test_labels_of_the_judging_window_are_in_no_file() -> None:
    rows = hours(10, 10)
    secret = rows.with_columns(
        pl.when(pl.col("@time") >= NOON + HOUR).then(777.125).otherwise(pl.col("@label")).alias("@label"),
    )
    files = made(parted(secret, judging=10))
    for data in (files.training, files.fresh, files.captured, files.judging_ids, files.manifest):
        assert b"777.125" not in data


def test_the_manifest_tells_both_ranges_and_what_they_were_made_of() -> None:
    parts = parted(hours(10, 4), judging=4)
    files = made(parts, original=ORIGINAL, original_uri="s3://logs/train.csv")
    told = json.loads(files.manifest)
    names = parts.training["@id"].sort().to_list()
    assert told["run"] == "kedge-abalone-1"
    assert told["training"] == {
        "count": 10,
        "first": "2026-03-02T12:00:00+00:00",
        "last": "2026-03-02T12:09:00+00:00",
        "ids_sha256": hashlib.sha256("\n".join(f"{name}/0" for name in names).encode()).hexdigest(),
    }
    assert (told["judging"]["count"], told["judging"]["start"]) == (4, "2026-03-02T13:00:00+00:00")
    assert told["judging"]["ids_sha256"] != told["training"]["ids_sha256"]
    assert told["objects"] == [
        {"bucket": "logs", "key": "captures/a.jsonl", "etag": "e1"},
        {"bucket": "logs", "key": "captures/b.jsonl", "etag": "e2"},
    ]
    assert told["original"] == {
        "uri": "s3://logs/train.csv",
        "sha256": hashlib.sha256(ORIGINAL).hexdigest(),
        "count": 2,
    }
    digests = {name: file["sha256"] for name, file in told["files"].items()}
    assert digests["training.csv"] == hashlib.sha256(files.training).hexdigest()
    assert digests["fresh.csv"] == hashlib.sha256(files.fresh).hexdigest()


def test_writing_twice_writes_the_same(tmp_path: Path) -> None:
    output = open_place(str(tmp_path))
    parts = parted(hours(10, 10))
    first = write(output, "kedge-abalone-1", made(parts, original=ORIGINAL))
    before = {path.name: path.read_bytes() for path in (tmp_path / "kedge-abalone-1").iterdir()}
    shuffled = hours(10, 10).sample(fraction=1, shuffle=True, seed=3).sort("@id")
    second = write(output, "kedge-abalone-1", made(parted(shuffled), original=ORIGINAL))
    after = {path.name: path.read_bytes() for path in (tmp_path / "kedge-abalone-1").iterdir()}
    assert (first, before) == (second, after)
    assert sorted(after) == ["captured.csv", "fresh.csv", "judging_ids.csv", "manifest.json", "training.csv"]


def test_every_file_has_its_address(tmp_path: Path) -> None:
    files = made(parted(hours(10, 10)))
    written = write(open_place(f"file://{tmp_path}"), "kedge-abalone-1", files)
    assert written.training == f"file://{tmp_path}/kedge-abalone-1/training.csv"
    for uri, data in {
        written.training: files.training,
        written.fresh: files.fresh,
        written.captured: files.captured,
        written.judging_ids: files.judging_ids,
        written.manifest: files.manifest,
    }.items():
        assert Path(uri.removeprefix("file://")).read_bytes() == data


def test_from_captures_to_files_and_back_to_the_truth(database: Engine, tmp_path: Path) -> None:
    endpoint = Endpoint(database, tmp_path)
    old, new = inferred(40, NOON, "old"), inferred(30, NOON + HOUR, "new")
    endpoint.capture(old)
    endpoint.capture(new)
    endpoint.label([(each.name, float(each.b) * 2) for each in [*old, *new]])
    endpoint.ingest()
    found = endpoint.rows(NOON, NOON + 2 * HOUR)
    parts = split(found.rows, window=HOUR, minimum=40, judging=30)
    assert isinstance(parts, Split)
    files = made(parts, sources=found.sources)
    trained = pl.read_csv(io.BytesIO(files.training))
    assert trained["rings"].to_list() == (trained["b"] * 2).to_list()
    scored = pl.read_csv(io.BytesIO(files.fresh))
    truth = endpoint.truth(parts.start, parts.end, files.judging_ids)
    assert truth.champion["label"].to_list() == (scored["b"] * 2).to_list()
    assert truth.champion["prediction"].to_list() == (scored["b"] + 0.25).to_list()
    assert [each["key"] for each in json.loads(files.manifest)["objects"]] == [s.key for s in found.sources]
