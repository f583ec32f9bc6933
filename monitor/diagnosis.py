"""Why an endpoint is not monitored as its owner means: pure, from what was seen to a finding.

Model Monitor says "Job inputs had no data" or "No S3 objects found" and leaves the reason to be guessed;
these say what was looked for, what lies there instead, and what to change.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import polars as pl

from baselines.constraints import Constraints
from baselines.profile.profile import Profile
from config.durations import spell
from config.facts import EndpointFacts
from config.findings import Finding, fine, noted, wrong
from config.model import Endpoint
from config.plurals import counted
from monitor.capture import layout
from monitor.capture.decode import Decoded
from monitor.capture.rejects import RejectKind

CAPTURES, CAPTURING, ENDPOINT, LINES, ORDER, LABELS, CLOCK = (
    "captures", "data capture", "endpoint", "a captured object", "column order", "ground truth", "clock"
)  # fmt: skip
_SKEW = timedelta(minutes=5)
"""AWS refuses a signature that is older."""
_FEW_NAMED = 5


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What lies where captures are looked for, when none are found.

    `endpoints` and `variants` are the names of folders; `keys` some keys below the prefix; `newest` the
    newest captured object of the endpoint of whatever age.
    """

    uri: str
    prefix: str
    endpoints: tuple[str, ...]
    variants: tuple[str, ...]
    keys: tuple[str, ...]
    doubled: bool
    newest: str | None


def of_clock(here: datetime, there: datetime) -> Finding:
    """This machine's clock beside AWS's."""
    off = abs(here - there)
    if off > _SKEW:
        said = f"this machine's clock is {spell(timedelta(seconds=int(off.total_seconds())))} off AWS's"
        return wrong(CLOCK, said, "set it by NTP: AWS refuses requests signed more than 5 minutes off")
    return fine(CLOCK, "within 5 minutes of AWS's")


def of_endpoint(facts: EndpointFacts) -> Finding:
    """Whether the endpoint answers."""
    said = f"{facts.name} is {facts.status}, endpoint config {facts.endpoint_config}"
    if facts.status in ("InService", "Updating", "SystemUpdating", "RollingBack"):
        return fine(ENDPOINT, said)
    return wrong(ENDPOINT, said, "mend the endpoint first: only one that answers captures anything")


def of_capturing(facts: EndpointFacts, entry: Endpoint) -> Finding:
    """Whether requests are captured, where to, and how they are stored."""
    if facts.capture_uri is None:
        change = (
            "deploy an endpoint config with DataCaptureConfig (EnableCapture) in place "
            f"of {facts.endpoint_config}"
        )
        return wrong(CAPTURING, "is off", change)
    if facts.sampling == 0:
        return wrong(CAPTURING, "samples 0% of the requests", "raise InitialSamplingPercentage")
    if _normal(facts.capture_uri) != _normal(entry.capture):
        said = f"goes to {facts.capture_uri}, and the entry says {entry.capture}"
        return wrong(CAPTURING, said, f"write capture: {facts.capture_uri}")
    if entry.variant is not None and entry.variant not in {each.name for each in facts.variants}:
        names = ", ".join(each.name for each in facts.variants)
        said = f"the entry watches variant {entry.variant}, the endpoint has {names}"
        return wrong(CAPTURING, said, "write one of these under variant, or leave it out")
    said = f"{facts.sampling}% of the requests to {facts.capture_uri}"
    if not facts.csv_types and not facts.json_types:
        return noted(
            CAPTURING,
            f"{said}, all as BASE64, since no content types are listed",
            "Kedge decodes them by their content type; for other readers list yours in "
            "CaptureContentTypeHeader (CsvContentTypes, JsonContentTypes)",
        )
    listed = ", ".join((*facts.csv_types, *facts.json_types))
    return fine(CAPTURING, f"{said}; {listed} as text, all else as BASE64")


class MisplacedError(Exception):
    """Captures lie beside the place that is read, in one sentence."""


def misplaced(entry: Endpoint, around: Surroundings, now: datetime) -> str | None:
    """The sentence for captures that are there and that the entry does not lead to; None for none."""
    if around.doubled or (entry.variant is not None and around.variants and around.newest is None):
        finding = of_captures(entry, 0, None, around, now)
        return f"no captures: {finding.said}: {finding.change}"
    return None


def _normal(uri: str) -> str:
    return uri.rstrip("/")


def of_captures(
    entry: Endpoint, found: int, newest: str | None, around: Surroundings | None, now: datetime
) -> Finding:
    """How many captured objects there are within the lateness; where none, what lies there instead."""
    looked = f"{entry.capture}/{entry.name}/{entry.variant or '<variant>'}/yyyy/mm/dd/hh/"
    if found:
        return fine(
            CAPTURES, f"{counted(found, 'object')} within {spell(entry.lateness)}, the newest is {newest}"
        )
    since = now - entry.lateness
    said = f"none at {looked} since {since:%Y-%m-%d %H:%M} UTC"
    if around is None:
        return wrong(CAPTURES, said, "send the endpoint a request and wait some minutes")
    return wrong(CAPTURES, f"{said}; {_instead(entry, around)}", _remedy(entry, around))


def _instead(entry: Endpoint, around: Surroundings) -> str:
    if around.doubled:
        return "there are keys with a double slash (//) where the endpoint's name should come"
    if around.newest is not None:
        return f"the newest of this endpoint is older: {around.newest}"
    if entry.variant is not None and around.variants:
        return f"there are other variants: {_few(around.variants)}"
    if around.endpoints:
        return f"there are folders of other names: {_few(around.endpoints)}"
    if around.keys:
        return f"there are keys of another form, such as {around.keys[0]}"
    return "nothing lies there at all"


def _remedy(entry: Endpoint, around: Surroundings) -> str:
    if around.doubled:
        return "take the slash off the end of DestinationS3Uri: deploy another endpoint config"
    if around.newest is not None:
        return (
            f"nothing was captured for {spell(entry.lateness)}: look for traffic, sampling and the "
            "endpoint's disk (capture pauses when it is full); a longer lateness counts what is older"
        )
    if entry.variant is not None and around.variants:
        return f"write variant: {around.variants[0]}, or leave variant out to watch all"
    if around.endpoints and layout.is_variant(around.endpoints[0]):
        return f"name must be the endpoint's, and capture the prefix without it: no /{entry.name} at its end"
    where = "the bucket and the prefix" if entry.capture.startswith("s3://") else "the folder"
    return f"send the endpoint a request and wait some minutes; check {where} of capture"


def _few(names: Sequence[str]) -> str:
    more = len(names) - _FEW_NAMED
    return ", ".join(names[:_FEW_NAMED]) + (f" and {more} more" if more > 0 else "")


_ADVICE = {
    RejectKind.WRONG_COLUMNS: "captured rows are output columns, then input columns: create the baseline "
    "with the prediction first, or name the columns of a record under columns",
    RejectKind.NOT_DECODABLE: "list the content type in CaptureContentTypeHeader to have it stored as text",
    RejectKind.NOT_CAPTURE: "the prefix holds other files than captures: give capture a prefix of its own",
    RejectKind.NOT_JSON: "the prefix holds other files than captures: give capture a prefix of its own",
    RejectKind.NO_PAYLOAD: "let the endpoint capture Input and Output (CaptureOptions)",
    RejectKind.BAD_TIME: "the object was not written by SageMaker: its inferenceTime has another form",
}


def of_lines(key: str, decoded: Decoded) -> Finding:
    """Whether a captured object can be read with the baseline's columns."""
    rows, lost = decoded.records.height, decoded.rejects.lost
    if not lost:
        return fine(LINES, f"{key}: all {rows} records can be read")
    worst = max(
        (kind for kind in decoded.rejects.counts if isinstance(kind, RejectKind)), key=decoded.rejects.count
    )
    example = next(each for each in decoded.rejects.examples if each.kind is worst)
    where = f"{key} line {example.line}" if example.line else key
    said = f"{lost} of {lost + rows} lines or records can't be read; {where}: {worst}: {example.detail}"
    return wrong(LINES, said, _ADVICE.get(worst, "look at the line; what is broken is counted and left out"))


def of_order(decoded: Decoded, baseline: Profile, constraints: Constraints) -> Finding:
    """Whether the columns come in the baseline's order, by how many values fit its types and ranges.

    A captured row is output first; a baseline that has its output last fits when its names are turned by one.
    """
    names = tuple(feature.name for feature in constraints.features if feature.name in decoded.records.columns)
    rows = decoded.records.select(names).head(1000)
    if len(names) < 2 or rows.is_empty():
        return fine(ORDER, "too little to compare")
    straight = _fits(rows, names, baseline, constraints)
    # a row is (output, inputs…): under the names (inputs…, output) each value stands one name too far left
    order = (names[-1], *names[:-1])
    output_last = _fits(rows.rename(dict(zip(names, order, strict=True))), names, baseline, constraints)
    if straight < _FIT and output_last > straight + _BETTER:
        said = (
            f"{straight:.0%} of the values fit the types and ranges of the baseline's columns; "
            f"with {order[0]} first it is {output_last:.0%}"
        )
        return wrong(ORDER, said, f"write columns: [{', '.join(order)}] in the entry")
    if straight < _FIT:
        said = f"{straight:.0%} of the values fit the types and ranges of the baseline's columns"
        return noted(ORDER, said, "either the data has changed much, or the columns are in another order")
    return fine(ORDER, f"{straight:.0%} of the values fit the types and ranges of the baseline's columns")


_FIT = 0.7
_BETTER = 0.2


def _fits(rows: pl.DataFrame, names: Sequence[str], baseline: Profile, constraints: Constraints) -> float:
    """The share of values that have the type, and lie within the range, of the baseline's column."""
    shares = []
    for name in names:
        feature, column = constraints.feature(name), baseline.columns.get(name)
        values = rows[name].drop_nulls()
        if feature is None or column is None or values.is_empty():
            continue
        numbers = values.cast(pl.Float64, strict=False)
        if column.moments.count:
            inside = numbers.is_between(column.moments.minimum, column.moments.maximum).fill_null(value=False)
            shares.append(float(inside.mean() or 0.0))  # type: ignore[arg-type]
        else:
            shares.append(float(numbers.is_null().mean() or 0.0))  # type: ignore[arg-type]
    return sum(shares) / len(shares) if shares else 1.0


def of_labels(objects: int, labels: pl.Series, records: pl.Series, uri: str) -> Finding:
    """Whether ground truth is there and names records that were captured."""
    if not objects:
        said = f"nothing at {uri}/yyyy/mm/dd/hh/ within the label horizon"
        return wrong(
            LABELS, said, "write labels there as JSON lines, in the hour in which they were collected"
        )
    if labels.is_empty():
        return wrong(
            LABELS,
            f"{counted(objects, 'object')}, and no label can be read",
            "write lines with groundTruthData",
        )
    matched = int(labels.is_in(records.implode()).sum())
    said = f"{matched} of {labels.len()} labels name one of {records.len()} captured records looked at"
    if matched:
        return fine(LABELS, said)
    change = (
        "eventId of a label must be the inferenceId that the caller sent with the request, and where it sent "
        "none, the captured eventId"
    )
    return noted(LABELS, said, change)
