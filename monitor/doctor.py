"""An endpoint examined step by step, from the credentials to the results; what each step needs comes in."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from itertools import islice
from typing import Any

import polars as pl

from baselines import folder
from baselines.constraints import Constraints, ConstraintsError
from baselines.folder import BaselineError
from baselines.profile.profile import Profile
from baselines.statistics import StatisticsError
from config.discovery import look_up
from config.facts import DiscoveryError
from config.findings import Finding, State, fine, refused, skipped, wrong
from config.model import Endpoint
from config.plurals import counted
from monitor import diagnosis
from monitor.capture import layout
from monitor.capture.decode import Decoded, decode
from monitor.capture.ground_truth import decode_labels, join_ids
from monitor.capture.schema import SchemaError, schema_of
from monitor.ingest import Found, list_captures, list_labels
from monitor.notifications import examination
from objects import Place, PlaceError, S3Client, aws_told, open_place

CREDENTIALS, ROLE, BASELINE, RESULTS = "credentials", "role", "baseline", "results"
_LOOKED_AT = 3
"""So many of the newest objects are read."""
_KEYS = 1000
_PROBE = ".kedge-doctor"


@dataclass(frozen=True, slots=True)
class Instruments:
    """What is asked: AWS's clients, each in a role or in the process's own, and the time (UTC, wall)."""

    client: Callable[[str, str | None], Any]
    s3: Callable[[str | None], S3Client]
    sqs: Callable[[str, str | None], Any]
    """The client for a queue by its URL, in a role; raises QueueError."""
    now: Callable[[], datetime]
    write: bool = False
    """Whether the results' place may be written to."""


def examine(entry: Endpoint, by: Instruments) -> Iterator[Finding]:
    """Every check in order, each as soon as it is made; what rests on one that failed is skipped."""
    captured_on_aws = entry.capture.startswith("s3://")
    if captured_on_aws or entry.retrain is not None:
        for finding in _identity(entry, by):
            yield finding
            if captured_on_aws and is_nobody(finding):
                yield skipped("all else", "wants credentials")
                return
    else:
        yield skipped(CREDENTIALS, f"{entry.capture} is a folder of this machine")
    if captured_on_aws:
        yield from _endpoint(entry, by)
    captured = _Captured.look(entry, by)
    yield captured.finding
    if entry.notifications is not None:
        yield from _announced(entry, entry.notifications, by)
    baseline = _baseline(entry, by)
    decoded: list[Decoded] = []
    if isinstance(baseline, Finding):
        yield skipped(diagnosis.LINES, "wants a baseline")
        yield baseline
    else:
        profile, constraints, told = baseline
        yield from _lines(entry, captured, constraints, decoded)
        yield told
        if decoded:
            yield diagnosis.of_order(decoded[0], profile, constraints)
    yield _labels(entry, by, decoded)
    yield _results(entry, by)


def is_nobody(finding: Finding) -> bool:
    """Whether it says that there are no credentials to ask AWS with."""
    return finding.state is State.WRONG and finding.check in (CREDENTIALS, ROLE)


def _identity(entry: Endpoint, by: Instruments) -> Iterator[Finding]:
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        answer = by.client("sts", None).get_caller_identity()
    except (BotoCoreError, ClientError) as error:
        yield _no_identity(error)
        return
    yield fine(CREDENTIALS, answer["Arn"])
    date = answer.get("ResponseMetadata", {}).get("HTTPHeaders", {}).get("date")
    if date:
        yield diagnosis.of_clock(by.now(), parsedate_to_datetime(date).astimezone(UTC))
    if entry.role is None:
        return
    try:
        assumed = by.client("sts", entry.role).get_caller_identity()
    except (BotoCoreError, ClientError) as error:
        change = (
            f"allow {answer['Arn']} sts:AssumeRole on {entry.role}, in its policy and in the role's trust"
        )
        yield wrong(ROLE, f"{entry.role} can't be assumed: {_said(error)}", change)
        return
    yield fine(ROLE, f"acts as {assumed['Arn']}")


def _no_identity(error: Exception) -> Finding:
    """Nobody to ask as, or no way to ask."""
    from botocore.exceptions import ClientError

    if isinstance(error, ClientError):
        return wrong(CREDENTIALS, _said(error), "give them in the environment, a profile or an instance role")
    said, _, change = aws_told(error).rpartition(": ")
    return wrong(CREDENTIALS, said, change)


def _said(error: Exception) -> str:
    return " ".join(str(error).split()).rstrip(".")


def _endpoint(entry: Endpoint, by: Instruments) -> Iterator[Finding]:
    from botocore.exceptions import BotoCoreError

    try:
        facts = look_up(by.client("sagemaker", entry.role), entry.name)
    except DiscoveryError as error:
        said, _, change = str(error).rpartition("; ")
        yield wrong(diagnosis.ENDPOINT, said or str(error), change or "check the name and the region")
        yield skipped(diagnosis.CAPTURING, "wants the endpoint's config")
        return
    except BotoCoreError as error:
        said, _, change = aws_told(error).rpartition(": ")
        yield wrong(diagnosis.ENDPOINT, said, change)
        yield skipped(diagnosis.CAPTURING, "wants the endpoint's config")
        return
    yield diagnosis.of_endpoint(facts)
    yield diagnosis.of_capturing(facts, entry)


def _open(entry: Endpoint, by: Instruments, uri: str, kms_key: str | None = None) -> Place:
    return open_place(uri, lambda: by.s3(entry.role), kms_key=kms_key)


@dataclass(frozen=True, slots=True)
class _Captured:
    """The captures of an endpoint: what is said of them, and the newest ones."""

    finding: Finding
    place: Place | None = None
    newest: tuple[Found, ...] = ()

    @classmethod
    def look(cls, entry: Endpoint, by: Instruments) -> _Captured:
        now = by.now()
        try:
            place = _open(entry, by, entry.capture)
            found = list(list_captures(place, entry.name, entry.variant, now - entry.lateness))
            inside = sorted((each for each in found if each.in_layout), key=_hour_of(place))
            newest = inside[-1].ref.key if inside else None
            around = None if inside else surroundings(place, entry)
        except PlaceError as error:
            return cls(refused(diagnosis.CAPTURES, error))
        told = diagnosis.of_captures(entry, len(inside), newest, around, now)
        return cls(told, place, tuple(inside[-_LOOKED_AT:]))


def _hour_of(place: Place) -> Callable[[Found], tuple[datetime, str]]:
    def order(found: Found) -> tuple[datetime, str]:
        begun = layout.begun(found.ref.key, place.prefix)
        assert begun is not None  # noqa: S101 (those outside the layout were left out)
        return begun, found.ref.key

    return order


def surroundings(place: Place, entry: Endpoint) -> diagnosis.Surroundings:
    """What lies around where captures are looked for; raises PlaceError."""
    base = f"{place.prefix}/" if place.prefix else ""
    keys = tuple(ref.key for ref in islice(place.objects.list(base), _KEYS))
    older = [
        each.ref.key
        for name in ([entry.variant] if entry.variant else place.objects.folders(place.key(entry.name)))
        for each in list_captures(place, entry.name, name, datetime(2017, 1, 1, tzinfo=UTC))
        if each.in_layout
    ]
    return diagnosis.Surroundings(
        uri=place.uri,
        prefix=place.prefix,
        endpoints=tuple(name for name in place.objects.folders(place.prefix) if name and name != entry.name),
        variants=tuple(place.objects.folders(place.key(entry.name))),
        keys=keys,
        doubled=any(f"{base}/" == key[: len(base) + 1] for key in keys),
        newest=max(older, key=lambda key: layout.begun(key, place.prefix) or datetime.min.replace(tzinfo=UTC))
        if older
        else None,
    )


def _announced(entry: Endpoint, url: str, by: Instruments) -> Iterator[Finding]:
    told, arn = examination.of_queue(url, lambda: by.sqs(url, entry.role))
    yield told
    if arn is None:
        yield skipped(examination.ANNOUNCED, "wants the queue")
        return
    bucket, _, prefix = entry.capture.removeprefix("s3://").partition("/")
    below = f"{prefix.rstrip('/')}/{entry.name}/".lstrip("/")
    yield examination.of_announcements(arn, bucket, below, lambda: by.client("s3", entry.role))


def _baseline(entry: Endpoint, by: Instruments) -> tuple[Profile, Constraints, Finding] | Finding:
    if entry.baseline is None:
        return skipped(
            BASELINE,
            "the entry names none: without one that was imported (kedge baseline list) nothing is judged",
        )
    try:
        files = folder.read_files(_open(entry, by, entry.baseline))
        profile, constraints = folder.parse(files)
    except PlaceError as error:
        return refused(BASELINE, error)
    except (BaselineError, StatisticsError, ConstraintsError) as error:
        return wrong(BASELINE, str(error), "create it again: kedge baseline create DATASET --output DIR")
    features = counted(len(constraints.features), "feature")
    told = f"{counted(profile.rows, 'record')}, {features}, at {entry.baseline}"
    return profile, constraints, fine(BASELINE, told)


def _lines(
    entry: Endpoint, captured: _Captured, constraints: Constraints, decoded: list[Decoded]
) -> Iterator[Finding]:
    if captured.place is None or not captured.newest:
        yield skipped(diagnosis.LINES, "there is none")
        return
    try:
        schema = schema_of(entry, constraints)
        for found in captured.newest:
            decoded.append(decode(captured.place.objects.read(found.ref.key), schema))
    except SchemaError as error:
        yield wrong(diagnosis.LINES, str(error), "name the columns of a record under columns, outputs first")
        return
    except PlaceError as error:
        yield refused(diagnosis.LINES, error)
        return
    told = [diagnosis.of_lines(f.ref.key, d) for f, d in zip(captured.newest, decoded, strict=True)]
    yield next((each for each in told if each.state is State.WRONG), told[-1])


def _labels(entry: Endpoint, by: Instruments, decoded: list[Decoded]) -> Finding:
    if entry.ground_truth is None:
        return skipped(diagnosis.LABELS, "the entry names none")
    try:
        place = _open(entry, by, entry.ground_truth)
        found = [each for each in list_labels(place, by.now() - entry.label_horizon) if each.in_layout]
        read = [decode_labels(place.objects.read(each.ref.key)).frame["join_id"] for each in found[-20:]]
    except PlaceError as error:
        return refused(diagnosis.LABELS, error)
    empty = pl.Series("join_id", [], dtype=pl.String)
    labels = pl.concat([empty, *read])
    records = pl.concat([empty, *(join_ids(each.records) for each in decoded)])
    return diagnosis.of_labels(len(found), labels, records, entry.ground_truth)


def _results(entry: Endpoint, by: Instruments) -> Finding:
    if entry.results is None:
        return skipped(RESULTS, "the entry names no place for them")
    if not by.write:
        return skipped(RESULTS, f"{entry.results} is written to with --write alone")
    try:
        place = _open(entry, by, entry.results, entry.results_kms_key)
        place.objects.write(place.key(f"{entry.name}/{_PROBE}"), b"")
    except PlaceError as error:
        return refused(RESULTS, error)
    by_key = f", encrypted by {entry.results_kms_key}" if entry.results_kms_key else ""
    return fine(RESULTS, f"{entry.results} takes what is written{by_key}")
