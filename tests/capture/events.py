"""Captured lines as SageMaker writes them, and as it never would."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from monitor.capture.columns import Schema

TIME = "2021-05-26T00:30:11Z"

ABC = Schema(("p", "a", "b"), outputs=("p",))
"""A prediction and two features, all numbers."""


def side(
    data: str, encoding: str = "CSV", content_type: str | None = "text/csv", mode: str = "INPUT"
) -> dict[str, str | None]:
    return {"observedContentType": content_type, "mode": mode, "data": data, "encoding": encoding}


def event(
    asked: Mapping[str, Any] | None,
    answered: Mapping[str, Any] | None,
    *,
    event_id: str = "e-1",
    inference_id: str | None = None,
    time: str | None = TIME,
) -> dict[str, Any]:
    capture = {"endpointInput": asked, "endpointOutput": answered}
    metadata = {"eventId": event_id, "inferenceId": inference_id, "inferenceTime": time}
    return {
        "captureData": {name: value for name, value in capture.items() if value is not None},
        "eventMetadata": {name: value for name, value in metadata.items() if value is not None},
        "eventVersion": "0",
    }


def line(value: Any, *, ascii_only: bool = False) -> bytes:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=ascii_only).encode()


def csv_line(asked: str | None, answered: str | None, **about: Any) -> bytes:
    return line(
        event(
            None if asked is None else side(asked),
            None if answered is None else side(answered, mode="OUTPUT"),
            **about,
        )
    )


def json_line(asked: Any, answered: Any, content_type: str = "application/json", **about: Any) -> bytes:
    def text(value: Any) -> str:
        return value if isinstance(value, str) else json.dumps(value)

    return line(
        event(side(text(asked), "JSON", content_type), side(text(answered), "JSON", content_type), **about)
    )


def captured(*lines: bytes) -> bytes:
    return b"".join(each + b"\n" for each in lines)


def numbered(count: int) -> Sequence[bytes]:
    """Good lines for `ABC`; line i says i in every cell."""
    return [csv_line(f"{i},{i}", str(i), event_id=f"e-{i}") for i in range(1, count + 1)]
