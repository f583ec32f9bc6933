"""Where captures, labels and results lie in S3: keys carry the hour, in UTC.

<prefix>/<endpoint>/<variant>/yyyy/mm/dd/hh/MM-SS-mmm-<uuid>.jsonl     captures
<prefix>/yyyy/mm/dd/hh/<anything>                                      ground truth
<prefix>/<endpoint>/<schedule>/yyyy/mm/dd/hh/                          results of an execution
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

_LONGEST_NAME = 63
_YEAR = re.compile(r"[0-9]{4}")
_HOUR = re.compile(r"([0-9]{4})/([0-9]{2})/([0-9]{2})/([0-9]{2})")
_BEGUN = re.compile(r"([0-5][0-9])-([0-5][0-9])-[0-9]{3}-")


@dataclass(frozen=True, slots=True)
class CaptureKey:
    """What the key of a captured object says; `hour` is the start of the hour of the inferences, in UTC."""

    endpoint: str
    variant: str
    hour: datetime


def parse_key(key: str, prefix: str) -> CaptureKey | None:
    """What `key` says, or None where it lies outside the layout below `prefix`."""
    parts = _below(key, prefix)
    if parts is None or len(parts) != 7 or not all(parts):
        return None
    hour = _hour(parts[2:6]) if is_variant(parts[1]) else None
    return None if hour is None else CaptureKey(parts[0], parts[1], hour)


def begun(key: str, prefix: str) -> datetime | None:
    """When a captured object was begun: to the second, or to the hour where its name does not say more."""
    parsed = parse_key(key, prefix)
    if parsed is None:
        return None
    match = _BEGUN.match(key.rpartition("/")[2])
    minutes, seconds = match.groups() if match else (0, 0)
    return parsed.hour + timedelta(minutes=int(minutes), seconds=int(seconds))


def is_variant(name: str) -> bool:
    """Whether a variant of an endpoint can have this name, which is at most 63 characters long."""
    return len(name) <= _LONGEST_NAME and name.isprintable()


def is_beside_labels(key: str, prefix: str) -> bool:
    """Whether `key` lies in a folder below `prefix` that is no year."""
    parts = _below(key, prefix)
    return parts is not None and len(parts) > 1 and not _YEAR.fullmatch(parts[0])


def parse_label_key(key: str, prefix: str) -> datetime | None:
    """The hour in which the labels of `key` were collected, or None outside the layout."""
    parts = _below(key, prefix)
    if parts is None or len(parts) < 5 or not all(parts):
        return None
    return _hour(parts[:4])


def hour_prefix(prefix: str, endpoint: str, variant: str, hour: datetime) -> str:
    """The prefix of every capture of one hour, with its closing "/"."""
    return _join(prefix, endpoint, variant, _hour_path(hour))


def label_prefix(prefix: str, hour: datetime) -> str:
    """The prefix of every label collected in one hour, with its closing "/"."""
    return _join(prefix, _hour_path(hour))


def start_after(prefix: str, endpoint: str, variant: str, since: datetime) -> str:
    """A key before every capture of the hour of `since`, and after everything of earlier hours.

    Listing from here on finds captures of that hour and later ones.
    """
    return hour_prefix(prefix, endpoint, variant, since)


def label_start_after(prefix: str, since: datetime) -> str:
    """The same for labels."""
    return label_prefix(prefix, since)


def result_prefix(prefix: str, endpoint: str, schedule: str, hour: datetime) -> str:
    """Where the files of one execution go, with its closing "/"."""
    return _join(prefix, endpoint, schedule, _hour_path(hour))


def _below(key: str, prefix: str) -> list[str] | None:
    """The parts of `key` below `prefix`."""
    base = f"{prefix.strip('/')}/" if prefix.strip("/") else ""
    return key[len(base) :].split("/") if key.startswith(base) else None


def _hour(parts: list[str]) -> datetime | None:
    match = _HOUR.fullmatch("/".join(parts))
    if match is None:
        return None
    try:
        return datetime(*(int(part) for part in match.groups()), tzinfo=UTC)  # type: ignore[arg-type, misc]
    except ValueError:
        return None


def _hour_path(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y/%m/%d/%H")


def _join(*parts: str) -> str:
    return "/".join(part.strip("/") for part in parts if part.strip("/")) + "/"
