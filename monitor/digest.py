"""One captured object, digested: what it gives each window. A pure function of its bytes."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import polars as pl

from baselines.profile import codec
from baselines.profile.profile import Profile, profile_frame
from baselines.profile.types import NumberForm
from baselines.quality import classes
from monitor.capture.columns import Schema
from monitor.capture.decode import Decoded
from monitor.capture.ground_truth import hash_ids, join_ids
from monitor.capture.rejects import Reject, RejectKind, Rejects, many
from monitor.hooks.script import Script
from monitor.windows import era_of, place_in_time, window_start
from store import ledger
from store.records import Deployment, RejectCount, RejectExample, Segment
from store.windows import WindowKey


@dataclass(frozen=True, slots=True)
class Digest:
    """What one object gives: segments, bad lines, and its predictions for the ledger."""

    segments: tuple[Segment, ...]
    rejects: tuple[RejectCount, ...]
    predictions: pl.DataFrame
    records: int
    rejected: int
    newest: datetime | None


@dataclass(frozen=True, slots=True)
class Recipe:
    """How an endpoint's objects are digested."""

    schema: Schema
    window: timedelta
    eras: Sequence[Deployment]
    sample_rows: int
    prediction: str | None
    """The column whose values go to the ledger; None keeps none of it."""
    probability: str | None = None
    """The column of the positive class's probability, which goes there too; None where there is none."""
    classes: bool = False
    """Whether predictions are classes, which may be texts."""
    preprocess: Script | None = None
    """The owner's script that makes records of captured lines; None takes them as they were captured."""

    @property
    def columns(self) -> str:
        """Tells records read in this way from those that would be others."""
        if self.preprocess is None:
            return self.schema.digest
        told = f"{self.schema.digest}/{self.preprocess.digest}"
        return hashlib.sha256(told.encode()).hexdigest()


def digest(decoded: Decoded, variant: str, recipe: Recipe, begun: datetime | None = None) -> Digest:
    """Split an object's records by window and era, and profile each part.

    What was lost belongs to a window too: by its own time, or else by that at which the object was begun.
    """
    records = place_in_time(decoded.records, recipe.window, recipe.eras)
    misfits = _misfit_widths(decoded.misfits, recipe)
    parts = dict(records.partition_by("@window", "@era", as_dict=True, maintain_order=True))
    lost = {key: sum(widths.values()) for key, widths in misfits.items()}
    timeless = decoded.rejects.lost - decoded.rejects.count(RejectKind.EMPTY_FILE) - sum(lost.values())
    if begun is not None and timeless > 0:
        home = _home(begun, parts, recipe)
        lost[home] = lost.get(home, 0) + timeless
    columns = recipe.columns
    segments = tuple(
        replace(
            _segment(parts.get(key), misfits.get(key, {}), key, variant, recipe, decoded.forms),
            rejected=lost.get(key, 0),
            columns=columns,
        )
        for key in sorted({*parts, *lost})
    )
    return Digest(
        segments=segments,
        rejects=reject_counts(decoded.rejects),
        predictions=_predictions(records, variant, recipe),
        records=records.height,
        rejected=decoded.rejects.lost,
        newest=_newest(records, decoded.misfits),
    )


def without_settled(found: Digest, settled: frozenset[WindowKey]) -> Digest:
    """What an object gives windows that can still take it; records of settled windows are counted as rejects.

    Nobody can say of a settled window which records are in it, so a late one would be counted by guess.
    """
    late = [one for one in found.segments if window_of(one) in settled]
    if not late:
        return found
    lost = sum(segment.records for segment in late)
    closed = pl.DataFrame(
        [(one.window_start, one.variant, one.deployment_id) for one in late],
        schema={name: ledger.PREDICTIONS[name] for name in ("window_start", "variant", "deployment_id")},
        orient="row",
    )
    detail = "the windows of these records were settled before they came: they are older than the lateness"
    return replace(
        found,
        segments=tuple(one for one in found.segments if window_of(one) not in settled),
        predictions=found.predictions.join(closed, on=closed.columns, how="anti"),
        rejects=(*found.rejects, *reject_counts(_late(lost, detail))),
        records=found.records - lost,
        rejected=found.rejected + lost,
    )


def window_of(segment: Segment) -> WindowKey:
    """The window that a segment belongs to."""
    return segment.window_start, segment.window_end, segment.variant, segment.deployment_id


def _late(count: int, detail: str) -> Rejects:
    """So many records that came too late; where they stand was not kept."""
    return many(RejectKind.TOO_LATE, count, [Reject(RejectKind.TOO_LATE, None, None, detail)])


def reject_counts(rejects: Rejects) -> tuple[RejectCount, ...]:
    """Rejects as the store keeps them."""
    return tuple(
        RejectCount(
            kind,
            count,
            tuple(RejectExample(e.line, e.column, e.detail) for e in rejects.examples if e.kind == kind),
        )
        for kind, count in rejects.counts.items()
    )


_PartKey = tuple[object, ...]


def _newest(*tables: pl.DataFrame) -> datetime | None:
    """The last time in tables with a column "@time"."""
    newest: datetime | None = pl.concat([table["@time"] for table in tables]).max()  # type: ignore[assignment]
    return newest


def _home(begun: datetime, parts: Mapping[_PartKey, pl.DataFrame], recipe: Recipe) -> _PartKey:
    """Where lines without a time count: in the window in which the object was begun.

    Where it has records and none of them is there, in the window of most of them: else a file that was begun
    just before its window would make a window of bad lines alone.
    """
    begun_in = (window_start(begun, recipe.window), era_of(begun, recipe.eras).id)
    if not parts or begun_in in parts:
        return begun_in
    return max(sorted(parts), key=lambda key: parts[key].height)


def _misfit_widths(misfits: pl.DataFrame, recipe: Recipe) -> dict[_PartKey, dict[int, int]]:
    placed = place_in_time(misfits.drop_nulls("@time"), recipe.window, recipe.eras)
    found: dict[_PartKey, dict[int, int]] = {}
    for window, era, width, count in placed.group_by("@window", "@era", "@width").len().iter_rows():
        found.setdefault((window, era), {})[width] = count
    return found


def _segment(
    part: pl.DataFrame | None,
    widths: Mapping[int, int],
    key: _PartKey,
    variant: str,
    recipe: Recipe,
    forms: Mapping[str, NumberForm],
) -> Segment:
    start, era = key
    assert isinstance(start, datetime)  # noqa: S101 (the key of a partition by "@window")
    assert isinstance(era, int)  # noqa: S101
    end = start + recipe.window
    if part is None:
        profile, first, last, rows = Profile.empty(_kept(recipe)), start, start, 0
    else:
        profile = profile_frame(
            part.select(_kept(recipe)),
            text=recipe.schema.text - recipe.schema.exclude,
            domains=recipe.schema.domains,
            ids=_row_ids(part),
            sample_rows=recipe.sample_rows,
            forms=forms,
        )
        first, last, rows = part["@time"].min(), part["@time"].max(), part.height  # type: ignore[assignment]
    # excluded columns hold their place in a record, so the width is the schema's, not the frame's
    own = {len(recipe.schema.names): rows} if rows else {}
    encoded = codec.encode(replace(profile, widths={**own, **widths}))
    return Segment(start, end, variant, era, rows, first, last, encoded)


def _kept(recipe: Recipe) -> list[str]:
    return [name for name in recipe.schema.names if name not in recipe.schema.exclude]


def _row_ids(part: pl.DataFrame) -> pl.Series:
    return part.select(pl.col("@event_id") + "/" + pl.col("@row").cast(pl.String)).to_series()


def _predictions(records: pl.DataFrame, variant: str, recipe: Recipe) -> pl.DataFrame:
    if (recipe.prediction is None and recipe.probability is None) or records.is_empty():
        return ledger.PREDICTIONS.to_frame()
    answer = pl.lit(None, pl.String) if recipe.prediction is None else pl.col(recipe.prediction)
    known = [answer.cast(pl.Float64, strict=False).alias("prediction")]
    if recipe.classes:
        known.append(classes.text_only(answer).alias("answer"))
    if recipe.probability is not None:
        known.append(pl.col(recipe.probability).cast(pl.Float64, strict=False).alias("probability"))
    return records.select(
        hash_ids(join_ids(records)).alias("join_hash"),
        pl.col("@row").cast(pl.Int64).alias("row"),
        pl.col("@window").alias("window_start"),
        pl.lit(variant).alias("variant"),
        pl.col("@era").alias("deployment_id"),
        *known,
    )
