"""Variants that are judged apart, and every form of a capture through the service's doors."""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from typing import Any

import pytest

from store.records import ExecutionKind, Outcome
from tests.capture.events import captured, csv_line, event, json_line, line, side
from tests.clock import HOUR, NOON
from tests.observing.conftest import Watch
from tests.observing.yard import VARIANT, Record, capture_key, records

TIME = NOON.strftime("%Y-%m-%dT%H:%M:%SZ")


def base64_of(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def rows(given: Sequence[Record]) -> tuple[str, str]:
    return "\n".join(f"{one.length},{one.sex}" for one in given), "\n".join(str(one.rings) for one in given)


def instances(given: Sequence[Record]) -> tuple[Any, Any]:
    asked = [{"size": {"length": one.length}, "sex": one.sex} for one in given]
    return {"instances": asked}, {"predictions": [{"score": one.rings} for one in given]}


def one_request(form: str, given: Sequence[Record], event_id: str) -> bytes:
    """Several records in one request of a form."""
    asked, answered = rows(given)
    about: dict[str, Any] = {"event_id": event_id, "time": TIME}
    if form == "csv":
        return csv_line(asked, f"{answered}\n", **about)
    if form == "base64":
        sides = (side(base64_of(text), "BASE64", "Text/CSV; charset=utf-8") for text in (asked, answered))
        return line(event(*sides, **about))
    if form == "mixed":
        lines = "\n".join(json.dumps({"rings": one.rings}) for one in given)
        out = side(base64_of(lines), "BASE64", "application/jsonlines; charset=utf-8")
        return line(event(side(asked, "CSV", None), out, **about))
    return json_line(*instances(given), **about)


FIELDS = {
    "rings": "predictions[].score",
    "length": "instances[].size.length",
    "sex": "instances[].sex",
}


@pytest.mark.parametrize("form", ["csv", "base64", "mixed", "paths"])
def test_each_form_gives_the_same_distributions_and_labels_join_by_place(watch: Watch, form: str) -> None:
    """Two records a request: Model Monitor joins labels by request, and within it by their order."""
    given = records(1, NOON, 200)
    pairs = [given[at : at + 2] for at in range(0, 200, 2)]
    body = captured(*(one_request(form, pair, f"r{at}") for at, pair in enumerate(pairs)))
    watch.yard.put("capture", f"abalone/{capture_key(VARIANT, NOON, 'a')}", body)
    labels = [
        {
            "groundTruthData": label(at, [one.rings + 2 for one in pair]),
            "eventMetadata": {"eventId": f"r{at}"},
            "eventVersion": "0",
        }
        for at, pair in enumerate(pairs)
    ]
    text = "".join(json.dumps(one) + "\n" for one in labels).encode()
    watch.yard.put("labels", f"{NOON:%Y/%m/%d/%H}/a.jsonl", text)
    entry = watch.yard.endpoint(
        fields=FIELDS if form == "paths" else {}, ground_truth=f"{watch.yard.uri}/labels"
    )
    watch.fine(entry, NOON + HOUR)
    [execution] = watch.judged()
    assert (execution.records, execution.rejected) == (200, 0)
    values = {
        (one.feature, one.check): one.value
        for one in watch.checks(execution)
        if one.check == "baseline_drift_check"
    }
    assert values == pytest.approx(expected_drift(watch, given))
    [quality] = watch.judged(ExecutionKind.MODEL_QUALITY)
    assert quality.records == 200


def label(at: int, values: Sequence[float]) -> dict[str, str]:
    """Ground truth of a request in each of its forms in turn."""
    texts = {
        0: ("\n".join(str(value) for value in values), "CSV"),
        1: (json.dumps(values), "JSON"),
        2: ("\n".join(json.dumps({"label": value}) for value in values) + "\n", "JSON"),
    }
    data, encoding = texts[at % 3]
    return {"data": data, "encoding": encoding}


def expected_drift(watch: Watch, given: Sequence[Record]) -> dict[tuple[str, str], float | None]:
    """The same records, one a request, at another endpoint."""
    watch.yard.capture("plain", given)
    watch.fine(watch.yard.endpoint("plain", window="1h"), NOON + 2 * HOUR)
    [execution] = watch.judged(name="plain")
    return {
        (one.feature, one.check): one.value
        for one in watch.checks(execution)
        if one.check == "baseline_drift_check"
    }


def test_variants_are_judged_apart_and_one_may_be_left_out(watch: Watch) -> None:
    watch.yard.capture("abalone", records(1, NOON, 300), variant="blue")
    watch.yard.capture("abalone", records(2, NOON, 300, shift=2), variant="green")
    watch.fine(watch.yard.endpoint(), NOON + HOUR)
    drifted = {
        one.variant: {check.feature for check in watch.checks(one) if check.outcome is Outcome.VIOLATED}
        for one in watch.judged()
    }
    assert drifted == {"blue": set(), "green": {"rings", "length"}}
    assert {one.variant for one in watch.incidents()} == {"green"}
    watch.yard.capture("single", records(1, NOON, 300), variant="blue")
    watch.yard.capture("single", records(2, NOON, 300, shift=2), variant="green")
    watch.fine(watch.yard.endpoint("single", variant="blue"), NOON + HOUR)
    assert [one.variant for one in watch.judged(name="single")] == ["blue"]


def test_what_is_left_out_of_declared_fields_needs_no_path(watch: Watch) -> None:
    given = records(3, NOON, 100)
    asked, answered = instances(given)
    body = captured(json_line(asked, answered, event_id="one", time=TIME))
    watch.yard.put("capture", f"abalone/{capture_key(VARIANT, NOON, 'a')}", body)
    without = {name: path for name, path in FIELDS.items() if name != "sex"}
    done = watch.round(watch.yard.endpoint(fields=without), NOON + HOUR)
    assert done.problem is not None
    assert "no path for the input column 'sex'" in done.problem
    watch.fine(watch.yard.endpoint(fields=without, exclude=("sex",)), NOON + HOUR)
    [execution] = watch.judged()
    assert execution.records == 100
    assert {one.feature for one in watch.checks(execution)} == {"rings", "length"}
    assert all(one.outcome is not Outcome.VIOLATED for one in watch.checks(execution))


def test_a_path_for_a_column_that_there_is_not(watch: Watch) -> None:
    done = watch.round(watch.yard.endpoint(fields={**FIELDS, "weight": "w"}), NOON + HOUR)
    assert done.problem is not None
    assert "fields names the column 'weight'" in done.problem
