"""From an endpoint's entry and its baseline to the columns of a captured record."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING

from baselines.constraints import Constraints, FeatureConstraints
from baselines.profile.profile import Profile
from baselines.profile.types import DataType
from monitor.capture.columns import Schema

if TYPE_CHECKING:  # kedge.yaml takes its time to load, and kedge check goes without
    from config.model import Endpoint

_TEXT = frozenset({DataType.STRING, DataType.BOOLEAN})


class SchemaError(ValueError):
    """The entry's columns and the baseline's don't agree, in one sentence."""


def text_columns(features: Iterable[FeatureConstraints]) -> frozenset[str]:
    """The features whose values are texts, not numbers."""
    return frozenset(feature.name for feature in features if feature.inferred_type in _TEXT)


def in_own_types(constraints: Constraints, current: Profile) -> Constraints | None:
    """The constraints with each feature numeric or text as its values are now; None where all are so.

    Records are profiled as their baseline has them, so that they compare with it. What a run tells of its own
    data is profiled by these.
    """
    found = tuple(_in_own_type(feature, current) for feature in constraints.features)
    return None if found == constraints.features else replace(constraints, features=found)


def _in_own_type(feature: FeatureConstraints, current: Profile) -> FeatureConstraints:
    column = current.columns.get(feature.name)
    own = DataType.UNKNOWN if column is None else column.inferred_type
    same = (own in _TEXT) is (feature.inferred_type in _TEXT)
    return feature if same or own is DataType.UNKNOWN else replace(feature, inferred_type=own)


def schema_of_baseline(constraints: Constraints, source: str) -> Schema:
    """The columns by position as the baseline has them, where nobody says which of them are outputs.

    `source` names the baseline in the SchemaError for columns that no table can have.
    """
    features = constraints.features
    try:
        return Schema(
            tuple(feature.name for feature in features),
            text_columns(features),
            domains=_domains(features),
        )
    except ValueError as error:
        raise SchemaError(f"the baseline in {source}: {error}") from None


def _domains(features: Iterable[FeatureConstraints]) -> dict[str, frozenset[str]]:
    return {feature.name: frozenset(feature.domains) for feature in features if feature.domains is not None}


def _answers(endpoint: Endpoint, names: tuple[str, ...]) -> tuple[str, ...]:
    """The columns that the entry says are answered, in their order, or else the first one."""
    named = tuple(dict.fromkeys(each for each in (endpoint.prediction, endpoint.probability) if each))
    return tuple(sorted(named, key=lambda each: names.index(each) if each in names else -1)) or names[:1]


def schema_of(endpoint: Endpoint, constraints: Constraints) -> Schema:
    """The columns by position: the entry's, or else the baseline's, output columns first."""
    names = endpoint.columns or tuple(feature.name for feature in constraints.features)
    outputs = endpoint.output_columns or _answers(endpoint, names)
    if unknown := [name for name in (*outputs, *endpoint.exclude) if name not in names]:
        raise SchemaError(
            f"endpoint {endpoint.name}: the column {unknown[0]!r} is neither in its columns nor in its "
            f"baseline: the columns are {', '.join(names)}"
        )
    if names[: len(outputs)] != outputs:
        # an entry without columns takes the baseline's order and can't move the outputs to the front
        raise SchemaError(
            f"endpoint {endpoint.name}: the output columns {', '.join(outputs)} do not come first in "
            f"{', '.join(names)}: captured CSV rows are output columns, then input columns"
        )
    _check_paths(endpoint, names, outputs)
    described = {feature.name: feature for feature in constraints.features}
    known = [described[name] for name in names if name in described]
    try:
        return Schema(
            names=names,
            text=text_columns(known),
            outputs=outputs,
            exclude=frozenset(endpoint.exclude),
            domains=_domains(known),
            paths=dict(endpoint.fields),
        )
    except ValueError as error:
        raise SchemaError(f"endpoint {endpoint.name}: {error}") from None


def _check_paths(endpoint: Endpoint, names: tuple[str, ...], outputs: tuple[str, ...]) -> None:
    """On either side all columns that are looked at have a path, or none has.

    Raises:
        SchemaError: a path for a column that there is not, or a column without one beside others that have.
    """
    paths = dict(endpoint.fields)
    if unknown := [name for name in paths if name not in names]:
        raise SchemaError(
            f"endpoint {endpoint.name}: fields names the column {unknown[0]!r}, which is neither in its "
            f"columns nor in its baseline: the columns are {', '.join(names)}"
        )
    for side, columns in (("output", outputs), ("input", names[len(outputs) :])):
        looked_at = [name for name in columns if name not in endpoint.exclude]
        without = [name for name in looked_at if name not in paths]
        if without and any(name in paths for name in columns):
            raise SchemaError(
                f"endpoint {endpoint.name}: fields has no path for the {side} column {without[0]!r}, and "
                f"others of the {side} have one: give it a path too, or exclude it"
            )
