"""Labelled records: captures read again, joined to what the ledger knows, each once."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine

from monitor.capture.columns import Schema
from objects import PlaceError, PlaceProblem
from tests.clock import HOUR, MINUTE, NOON
from tests.retrain.traffic import Endpoint, Inferred, inferred

DAY = (NOON - 24 * HOUR, NOON + 24 * HOUR)


@pytest.fixture
def endpoint(database: Engine, tmp_path: Path) -> Endpoint:
    return Endpoint(database, tmp_path)


def labelled(endpoint: Endpoint, requests: list[Inferred], name: str = "a") -> None:
    endpoint.label([(each.name, 10 + n) for n, each in enumerate(requests)], name)


def test_inputs_come_back_as_they_were_sent_with_label_and_prediction(endpoint: Endpoint) -> None:
    key = endpoint.capture([Inferred("x", NOON + MINUTE, a="0.10", b="", answer="8.75")])
    endpoint.label([("x", 9.0)])
    endpoint.ingest()
    found = endpoint.rows(*DAY)
    (row,) = found.rows.to_dicts()
    assert {name: value for name, value in row.items() if name != "@id"} == {
        "@row": 0,
        "@time": NOON + MINUTE,
        "a": "0.10",
        "b": None,
        "@answered": True,
        "@label": 9.0,
    }
    assert row["@id"] != "x"
    (source,) = found.sources
    assert source.key == key
    assert source.etag == endpoint.captures.objects.read_with_etag(key)[1]


def test_records_without_a_label_are_left_out(endpoint: Endpoint) -> None:
    requests = inferred(5, NOON)
    endpoint.capture(requests)
    labelled(endpoint, requests[:3])
    endpoint.ingest()
    assert sorted(endpoint.rows(*DAY).rows["a"]) == ["0.5", "1.5", "2.5"]


def test_a_record_delivered_twice_counts_once(endpoint: Endpoint) -> None:
    requests = inferred(5, NOON)
    endpoint.capture(requests)
    endpoint.capture(requests[2:], name="30-00-000-b")
    labelled(endpoint, requests)
    endpoint.ingest()
    found = endpoint.rows(*DAY)
    assert sorted(found.rows["a"]) == ["0.5", "1.5", "2.5", "3.5", "4.5"]
    assert len(found.sources) == 2


@pytest.mark.parametrize("later", [MINUTE, 62 * MINUTE])
@pytest.mark.parametrize("objects", [1, 2])
def test_one_id_that_was_answered_in_two_ways_is_nobodys(
    endpoint: Endpoint, later: timedelta, objects: int
) -> None:
    """Nobody can tell which of the two requests the label is of."""
    twice = [Inferred("x", NOON, a="1", answer="5"), Inferred("x", NOON + later, a="2", answer="7")]
    other = Inferred("y", NOON, a="3", answer="6")
    if objects == 1:
        endpoint.capture([*twice, other])
    else:
        endpoint.capture([twice[1], other])
        endpoint.capture(twice[:1], name="30-00-000-b")
    labelled(endpoint, [twice[0], other])
    endpoint.ingest()
    found = endpoint.rows(*DAY).rows
    assert found.select("a", "@answered").rows() == [("3", True)]
    ids = found.select("@id", "@row").write_csv().encode()
    assert endpoint.truth(*DAY, ids).champion["prediction"].to_list() == [6.0]


def test_a_request_that_was_sent_again_for_want_of_an_answer_has_one(endpoint: Endpoint) -> None:
    endpoint.capture([Inferred("x", NOON, answer=""), Inferred("x", NOON + MINUTE, answer="7")])
    labelled(endpoint, [Inferred("x", NOON)])
    endpoint.ingest()
    rows = endpoint.rows(*DAY).rows
    assert rows["@answered"].to_list() == [True]
    ids = rows.select("@id", "@row").write_csv().encode()
    assert endpoint.truth(*DAY, ids).champion["prediction"].to_list() == [7.0]


def test_objects_that_are_gone_are_counted(endpoint: Endpoint) -> None:
    requests = inferred(4, NOON)
    endpoint.capture(requests[:2])
    gone = endpoint.capture(requests[2:], name="30-00-000-b")
    labelled(endpoint, requests)
    endpoint.ingest()
    (endpoint.folder / "captures" / gone).unlink()
    found = endpoint.rows(*DAY)
    assert (found.rows.height, found.gone, len(found.sources)) == (2, 1, 1)


def test_records_of_a_settled_window_are_found(endpoint: Endpoint) -> None:
    """Segments go a day after the lateness; the ledger waits for labels, and captures lie where they lay."""
    requests = inferred(30, NOON)
    key = endpoint.capture(requests)
    labelled(endpoint, requests)
    endpoint.ingest()
    endpoint.settle(NOON + 2 * HOUR)
    found = endpoint.rows(*DAY)
    assert found.rows.height == 30
    assert [source.key for source in found.sources] == [key]


def test_only_the_era_s_own_captures_are_read(endpoint: Endpoint) -> None:
    second = endpoint.begin_era(NOON + HOUR)
    old, new = inferred(2, NOON, "old"), inferred(2, NOON + HOUR, "new")
    endpoint.capture(old)
    key = endpoint.capture(new)
    labelled(endpoint, [*old, *new])
    endpoint.ingest()
    assert [source.key for source in endpoint.rows(*DAY, era=second).sources] == [key]


def test_the_period_holds_its_start_and_not_its_end(endpoint: Endpoint) -> None:
    requests = [Inferred(f"h{n}", NOON + n * HOUR, a=str(n)) for n in range(4)]
    for each in requests:
        endpoint.capture([each])
    labelled(endpoint, requests)
    endpoint.ingest()
    assert sorted(endpoint.rows(NOON + HOUR, NOON + 3 * HOUR).rows["a"]) == ["1", "2"]


def test_records_of_another_era_or_variant_are_left_out(endpoint: Endpoint) -> None:
    second = endpoint.begin_era(NOON + 30 * MINUTE)
    requests = inferred(60, NOON)
    endpoint.capture(requests)
    endpoint.capture([Inferred("other", NOON, a="other")], variant="Canary")
    labelled(endpoint, requests)
    endpoint.label([("other", 1.0)], name="b")
    endpoint.ingest()
    assert endpoint.rows(*DAY).rows["@time"].max() == NOON + 29 * MINUTE
    assert endpoint.rows(*DAY, era=second).rows["@time"].min() == NOON + 30 * MINUTE


def test_the_last_label_of_a_record_counts(endpoint: Endpoint) -> None:
    endpoint.capture([Inferred("x", NOON)])
    endpoint.label([("x", 9.0)], name="a")
    endpoint.label([("x", 11.0)], name="b")
    endpoint.ingest()
    assert endpoint.rows(*DAY).rows["@label"].to_list() == [11.0]


def test_a_capture_that_is_gone_is_passed_over(endpoint: Endpoint) -> None:
    gone, kept = inferred(1, NOON, "gone"), inferred(2, NOON + HOUR, "kept")
    key = endpoint.capture(gone)
    endpoint.capture(kept)
    labelled(endpoint, [*gone, *kept])
    endpoint.ingest()
    (endpoint.folder / "captures" / key).unlink()
    found = endpoint.rows(*DAY)
    assert (found.rows.height, len(found.sources)) == (2, 1)


def test_captures_that_can_not_be_read_are_told(endpoint: Endpoint) -> None:
    requests = inferred(2, NOON)
    key = endpoint.capture(requests)
    labelled(endpoint, requests)
    endpoint.ingest()
    path = endpoint.folder / "captures" / key
    path.unlink()
    path.symlink_to(path)  # a loop: there, and not to be read by anybody
    with pytest.raises(PlaceError) as unreadable:
        endpoint.rows(*DAY)
    assert unreadable.value.kind is PlaceProblem.UNREACHABLE


def test_nothing_captured_gives_a_table_with_the_columns(endpoint: Endpoint) -> None:
    found = endpoint.rows(*DAY)
    assert found.rows.columns == ["@id", "@row", "@time", "a", "b", "@answered", "@label"]
    assert (found.rows.height, found.sources) == (0, ())


def test_columns_that_are_called_label_and_prediction_are_no_trouble(
    database: Engine, tmp_path: Path
) -> None:
    schema = Schema(("p", "label", "prediction"), outputs=("p",))
    endpoint = Endpoint(database, tmp_path, schema)
    endpoint.capture([Inferred("x", NOON, a="3", b="4", answer="5")])
    endpoint.label([("x", 6.0)])
    endpoint.ingest()
    (row,) = endpoint.rows(*DAY).rows.to_dicts()
    assert [row[name] for name in ("label", "prediction", "@answered", "@label")] == ["3", "4", True, 6.0]
    truth = endpoint.truth(*DAY, endpoint.rows(*DAY).rows.select("@id", "@row").write_csv().encode())
    assert truth.champion.select("label", "prediction").rows() == [(6.0, 5.0)]


def test_truth_follows_the_order_of_the_scored_file(endpoint: Endpoint) -> None:
    requests = inferred(50, NOON)
    endpoint.capture(requests)
    labelled(endpoint, requests)
    endpoint.ingest()
    rows = endpoint.rows(*DAY).rows
    truth = endpoint.truth(*DAY, rows.select("@id", "@row").write_csv().encode())
    assert truth.positions.tolist() == list(range(50))
    labels = truth.champion["label"].to_list()
    assert labels == rows["@label"].to_list()
    assert truth.champion["prediction"].to_list() == [float(a) - 0.25 for a in rows["a"]]
    assert labels != sorted(labels)  # so that an order is there to be kept


def test_labels_that_came_after_scoring_move_nothing(endpoint: Endpoint) -> None:
    requests = inferred(40, NOON)
    endpoint.capture(requests)
    labelled(endpoint, requests[:20])
    endpoint.ingest()
    before = endpoint.rows(*DAY).rows
    ids = before.select("@id", "@row").write_csv().encode()
    labelled(endpoint, requests, name="b")
    endpoint.ingest()
    assert endpoint.rows(*DAY).rows.height == 40
    truth = endpoint.truth(*DAY, ids)
    assert truth.champion["label"].to_list() == before["@label"].to_list()


def test_a_record_whose_label_was_taken_back_keeps_the_places_of_the_others(endpoint: Endpoint) -> None:
    requests = inferred(10, NOON)
    endpoint.capture(requests)
    labelled(endpoint, requests)
    endpoint.ingest()
    before = endpoint.rows(*DAY).rows
    endpoint.label([(each.name, 10 + n) for n, each in enumerate(requests) if n != 4])
    endpoint.ingest()
    truth = endpoint.truth(*DAY, before.select("@id", "@row").write_csv().encode())
    lost = before["@label"].to_list().index(14.0)
    assert truth.positions.tolist() == [n for n in range(10) if n != lost]
    assert truth.champion["label"].to_list() == [
        label for label in before["@label"].to_list() if label != 14.0
    ]


def test_a_record_without_a_champions_answer_trains_but_does_not_judge(endpoint: Endpoint) -> None:
    endpoint.capture([Inferred("x", NOON, answer=""), Inferred("y", NOON)])
    endpoint.label([("x", 1.0), ("y", 2.0)])
    endpoint.ingest()
    rows = endpoint.rows(*DAY).rows
    assert sorted(rows["@label"].to_list()) == [1.0, 2.0]
    truth = endpoint.truth(*DAY, rows.select("@id", "@row").write_csv().encode())
    assert truth.champion["label"].to_list() == [2.0]
