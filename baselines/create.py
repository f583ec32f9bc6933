"""A baseline from a data set: its profile, and the constraints that it suggests."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from baselines.constraints import Constraints, suggest
from baselines.datasets import DatasetError, DatasetFormat, whole
from baselines.profile.profile import Profile, profile_frame
from baselines.profile.types import DataType, TypeCounts, classify_columns
from baselines.statistics import HISTOGRAM_BOUND

__all__ = ["DatasetError", "DatasetFormat", "create", "profile_dataset"]


def create(
    dataset: bytes | Path,
    *,
    format: DatasetFormat | None = None,
    header: bool = True,
    where: str | None = None,
    histogram_bound: int = HISTOGRAM_BOUND,
) -> tuple[Profile, Constraints]:
    """The profile of a data set and the constraints that it suggests; see `profile_dataset` and `suggest`."""
    profile = profile_dataset(dataset, format=format, header=header, where=where)
    return profile, suggest(profile, histogram_bound=histogram_bound)


def profile_dataset(
    source: bytes | Path,
    *,
    format: DatasetFormat | None = None,
    header: bool = True,
    where: str | None = None,
) -> Profile:
    """The profile of a whole data set, read in order, with Model Monitor's digits.

    Read twice, in batches: once for the type of each column, once for its numbers or its texts. `where` names
    the data set in errors, and by its suffix says the format where none is given; a path names itself, and
    may be a folder.
    Raises DatasetError.
    """
    name = where or (str(source) if isinstance(source, Path) else "the data set")
    text = _text_columns(source, format, header, name)
    profile = Profile.empty()
    for frame in whole(source, header, name, format):
        profile = profile_frame(frame, text=text, exact=True, onto=profile)
    if not profile.rows:
        raise DatasetError(
            f"{name} holds no rows: a baseline is made of the data that the model was trained on"
        )
    return replace(profile, widths={len(profile.columns): profile.rows})


def _text_columns(
    source: bytes | Path, kind: DatasetFormat | None, header: bool, where: str
) -> frozenset[str]:
    """The columns whose type, over the whole data set, is no number's."""
    types: dict[str, TypeCounts] = {}
    for frame in whole(source, header, where, kind):
        for name, counts in zip(frame.columns, classify_columns(frame), strict=True):
            types[name] = types.get(name, TypeCounts()) + counts
    texts = (DataType.STRING, DataType.BOOLEAN)
    return frozenset(name for name, counts in types.items() if counts.inferred in texts)
