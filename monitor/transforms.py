"""Batch transforms in the service: manifests are found, and followed to the objects that they name."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime

import polars as pl

from monitor.capture import layout
from monitor.capture.columns import Schema
from monitor.capture.decode import Decoded, Times, decode, nothing
from monitor.capture.gunzip import gunzip
from monitor.capture.payload import RefusedError
from monitor.capture.rejects import NONE, RejectKind, Rejects, by_line, one
from monitor.capture.transform import Transformed, captured_lines, parse_manifest
from objects import ObjectRef, Place, PlaceError, PlaceProblem

OUTPUT, INPUT = "output", "input"
_GONE = frozenset({PlaceProblem.NO_KEY, PlaceProblem.NO_BUCKET, PlaceProblem.BAD_URI})
"""What is wrong with an address in a manifest, whoever reads it."""


def list_manifests(place: Place, since: datetime) -> Iterator[ObjectRef]:
    """The manifests of what was answered in the hours from `since` on."""
    folder = place.key(OUTPUT)
    yield from place.objects.list(f"{folder}/", layout.label_start_after(folder, since))


def job_hour(place: Place, key: str) -> datetime | None:
    """The hour in which the job of a manifest began; None outside the layout."""
    return layout.parse_label_key(key, place.key(OUTPUT))


@dataclass(frozen=True, slots=True)
class Transforms:
    """Follows the manifests of one place; `open_place` opens the addresses that stand in them."""

    place: Place
    open_place: Callable[[str], Place]

    def decode(
        self, key: str, manifest: bytes, schema: Schema, *, limit_bytes: int, between: Times
    ) -> Decoded:
        """The records of every object that a manifest of answers names.

        An object that is not there, or cannot be used, is a reject that names it, and costs no other.
        """
        hour = job_hour(self.place, key)
        assert hour is not None  # noqa: S101 (keys outside the layout are not followed)
        try:
            answers = parse_manifest(manifest)
        except RefusedError as refused:
            return nothing(schema, one(refused.kind, refused.detail))
        questions = self._questions(hour)
        parts = [self._object(each, questions, schema, hour, limit_bytes, between) for each in answers]
        if not parts:
            return nothing(schema, one(RejectKind.EMPTY_FILE, "the manifest names no object"))
        return Decoded(
            pl.concat([part.records for part in parts]),
            pl.concat([part.misfits for part in parts]),
            by_line([part.rejects for part in parts]),
        )

    def _questions(self, hour: datetime) -> dict[str, Transformed]:
        """What was asked in jobs of this hour, by name."""
        found: dict[str, Transformed] = {}
        for ref in self.place.objects.list(layout.label_prefix(self.place.key(INPUT), hour)):
            try:
                named = parse_manifest(self.place.objects.read(ref.key))
            except RefusedError:
                continue  # the answers are told apart without it where the job joined the two
            found.update((each.name, each) for each in named)
        return found

    def _object(
        self,
        answer: Transformed,
        questions: dict[str, Transformed],
        schema: Schema,
        hour: datetime,
        limit_bytes: int,
        between: Times,
    ) -> Decoded:
        try:
            answered, bad = self._unpacked(answer, limit_bytes)
            question = questions.get(answer.name.removesuffix(".out"))
            joined = _is_joined(answered, schema)
            asked = None if question is None or joined else self._unpacked(question, limit_bytes)[0]
            lines = captured_lines(answered, asked, schema, hour, answer.name)
        except RefusedError as refused:
            return nothing(schema, one(refused.kind, f"in {answer.name}: {refused.detail}"))
        except PlaceError as error:
            if error.kind not in _GONE:
                raise
            return nothing(
                schema, one(RejectKind.NOT_CAPTURE, f"{answer.name} is in the manifest and not there")
            )
        decoded = decode(lines, schema, limit_bytes=limit_bytes, between=between)
        return replace(decoded, rejects=_named(by_line([bad, decoded.rejects]), answer.name))

    def _unpacked(self, transformed: Transformed, limit_bytes: int) -> tuple[bytes, Rejects]:
        scheme = self.place.uri.partition("://")[0]
        if not transformed.uri.startswith(f"{scheme}://"):
            detail = f"the manifest names an object that does not lie in {scheme}://"
            raise RefusedError(RejectKind.NOT_CAPTURE, detail)
        place = self.open_place(transformed.uri.removesuffix(f"/{transformed.name}"))
        unpacked = gunzip(place.objects.read(place.key(transformed.name)), limit_bytes)
        return unpacked.data, unpacked.rejects


def _is_joined(answered: bytes, schema: Schema) -> bool:
    """Whether the first row of an object holds what was asked, too."""
    first = answered.lstrip().partition(b"\n")[0]
    if first.startswith((b"{", b"[")):
        return b'"SageMakerOutput"' in answered[: 1 << 20]
    return first.count(b",") + 1 >= len(schema.names)


def _named(rejects: Rejects, name: str) -> Rejects:
    """Rejects whose examples say in which object of the manifest they are."""
    if not rejects.counts:
        return NONE
    examples = tuple(replace(each, detail=f"in {name}: {each.detail}") for each in rejects.examples)
    return Rejects(rejects.counts, examples)
