"""A captured line as a preprocess script sees it: Model Monitor's attributes, in both of its spellings.

Standard library alone: each hook's process imports it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

_SIDES = {
    "endpointInput": "endpoint_input",
    "endpointOutput": "endpoint_output",
    "batchTransformOutput": "batch_transform_output",
}


@dataclass(slots=True)
class Side:
    """What was sent one way: its text as it was captured, and how that is to be read."""

    data: str | None
    encoding: str | None
    observedContentType: str | None  # noqa: N815 (Model Monitor's name)
    mode: str | None

    @property
    def observed_content_type(self) -> str | None:
        """The same in the other spelling."""
        return self.observedContentType


@dataclass(slots=True)
class EventMetadata:
    """About the request; `custom_attribute` is the list of what the caller sent, or None."""

    event_id: str | None
    event_time: str | None
    custom_attribute: Any
    inference_id: str | None

    eventId = property(lambda self: self.event_id)  # noqa: N815
    eventTime = property(lambda self: self.event_time)  # noqa: N815
    inferenceTime = property(lambda self: self.event_time)  # noqa: N815
    inferenceId = property(lambda self: self.inference_id)  # noqa: N815
    customAttributes = property(lambda self: self.custom_attribute)  # noqa: N815


@dataclass(slots=True)
class InferenceRecord:
    """One captured request; a side that was not captured is None."""

    endpoint_input: Side | None
    endpoint_output: Side | None
    batch_transform_output: Side | None
    ground_truth: Side | None
    event_metadata: EventMetadata
    event_version: str | None
    event_dict: dict[str, Any]

    endpointInput = property(lambda self: self.endpoint_input)  # noqa: N815
    endpointOutput = property(lambda self: self.endpoint_output)  # noqa: N815
    batchTransformOutput = property(lambda self: self.batch_transform_output)  # noqa: N815
    groundTruth = property(lambda self: self.ground_truth)  # noqa: N815
    eventMetadata = property(lambda self: self.event_metadata)  # noqa: N815
    eventVersion = property(lambda self: self.event_version)  # noqa: N815


def record_of(event: dict[str, Any]) -> InferenceRecord:
    """A captured line's JSON as a record; `event` has objects under captureData and eventMetadata."""
    capture, metadata = event["captureData"], event["eventMetadata"]
    sides = {ours: _side(capture.get(theirs)) for theirs, ours in _SIDES.items()}
    return InferenceRecord(
        **sides,
        ground_truth=_side(event.get("groundTruthData")),
        event_metadata=EventMetadata(
            metadata.get("eventId"),
            metadata.get("inferenceTime"),
            metadata.get("customAttributes"),
            metadata.get("inferenceId"),
        ),
        event_version=event.get("eventVersion"),
        event_dict=event,
    )


def _side(given: Any) -> Side | None:  # noqa: ANN401 (JSON of strangers)
    if not isinstance(given, dict):
        return None
    return Side(given.get("data"), given.get("encoding"), given.get("observedContentType"), given.get("mode"))
