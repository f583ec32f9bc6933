"""The conditions of kedge.yaml: read, written and weighed, never evaluated as code.

    condition  = all { "or" all }
    all        = term { "and" term }
    term       = "(" condition ")" | comparison
    comparison = metric [ "(" feature ")" ] op [ number "*" ] ( "baseline" | "champion" | number )
    op         = "<" | "<=" | ">" | ">="

A feature whose name holds spaces, quotes or brackets stands in double quotes, with \\" and \\\\ inside them.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, TypeAlias

_DEEPEST: Final = 40
_LONGEST: Final = 2_000
_METRIC = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)
_BARE_FEATURE = re.compile(r"[\w.-]+")
_TOKEN = re.compile(
    r"""\s*(?:
        (?P<number>[-+]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][-+]?\d+)?)(?![\w.])
      | (?P<word>[A-Za-z_][A-Za-z0-9_]*)
      | (?P<op><=|>=|<|>)
      | (?P<mark>[()*])
    )""",
    re.VERBOSE | re.ASCII,
)
_QUOTED = re.compile(r'"(?:[^"\\]|\\.)*"')
_RESERVED = frozenset({"and", "or", "baseline", "champion"})


class ExpressionError(ValueError):
    """A condition that can't be read; `column` counts from 1."""

    def __init__(self, message: str, column: int) -> None:
        super().__init__(f"column {column}: {message}")
        self.column = column


class Op(StrEnum):
    """How a metric is compared."""

    BELOW = "<"
    AT_MOST = "<="
    ABOVE = ">"
    AT_LEAST = ">="

    def holds(self, left: float, right: float) -> bool:
        """Whether ``left op right``."""
        match self:
            case Op.BELOW:
                return left < right
            case Op.AT_MOST:
                return left <= right
            case Op.ABOVE:
                return left > right
            case Op.AT_LEAST:
                return left >= right

    @property
    def upward(self) -> bool:
        """Whether large values make it true."""
        return self in (Op.ABOVE, Op.AT_LEAST)


class Reference(StrEnum):
    """What a metric may be held against, other than a number: its own value elsewhere."""

    BASELINE = "baseline"
    CHAMPION = "champion"


@dataclass(frozen=True, slots=True)
class Comparison:
    """``metric(feature) op factor * against``."""

    metric: str
    feature: str | None
    op: Op
    factor: float | None
    against: Reference | float

    def __str__(self) -> str:
        return f"{_subject(self.metric, self.feature)} {self.op.value} {self._threshold()}"

    def _threshold(self) -> str:
        against = self.against.value if isinstance(self.against, Reference) else _number(self.against)
        return against if self.factor is None else f"{_number(self.factor)} * {against}"


@dataclass(frozen=True, slots=True)
class And:
    """Every part holds; two parts or more."""

    parts: tuple[Condition, ...]

    def __str__(self) -> str:
        return " and ".join(f"({part})" if isinstance(part, And | Or) else str(part) for part in self.parts)


@dataclass(frozen=True, slots=True)
class Or:
    """At least one part holds; two parts or more."""

    parts: tuple[Condition, ...]

    def __str__(self) -> str:
        return " or ".join(f"({part})" if isinstance(part, Or) else str(part) for part in self.parts)


Condition: TypeAlias = Comparison | And | Or


class Truth(StrEnum):
    """Three values: what is not known is neither true nor false."""

    TRUE = "true"
    FALSE = "false"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Reading:
    """A metric's value, its interval where it has one (low to high), and the same metric elsewhere."""

    value: float
    low: float | None = None
    high: float | None = None
    baseline: float | None = None
    champion: float | None = None


@dataclass(frozen=True, slots=True)
class Seen:
    """The numbers that one comparison saw, and what they made of it; None is what was not there."""

    comparison: Comparison
    reading: Reading | None
    threshold: float | None
    truth: Truth
    words: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a condition came to, with every comparison in the order in which it is written."""

    truth: Truth
    seen: tuple[Seen, ...]

    @property
    def words(self) -> str:
        """The outcome as one sentence without a full stop."""
        return "; ".join(each.words for each in self.seen)


Metrics: TypeAlias = Callable[[str, str | None], Reading | None]


def parse(text: str) -> Condition:
    """Read a condition.

    Raises:
        ExpressionError: where it is none; it says at which column, and what was wanted there.
    """
    if len(text) > _LONGEST:
        raise ExpressionError(f"the condition is longer than {_LONGEST} characters; split it", _LONGEST + 1)
    return _Parser(text).whole()


def evaluate(condition: Condition, metrics: Metrics) -> Outcome:
    """Hold a condition against the metrics of one window; `metrics` gives None for what was not measured.

    A comparison is true where value, and the interval if there is one, lie wholly on its side of the
    threshold; false where the value does not; unknown where the value does and the interval does not,
    or where the metric or its threshold is not there. And/or follow Kleene: a false part settles `and`,
    a true one `or`, whatever is unknown beside it. Every comparison is weighed, so that all are told.
    """
    if isinstance(condition, Comparison):
        seen = _weigh(condition, metrics(condition.metric, condition.feature))
        return Outcome(seen.truth, (seen,))
    outcomes = [evaluate(part, metrics) for part in condition.parts]
    settling = Truth.FALSE if isinstance(condition, And) else Truth.TRUE
    truth = _joined((outcome.truth for outcome in outcomes), settling)
    return Outcome(truth, tuple(seen for outcome in outcomes for seen in outcome.seen))


def comparisons(condition: Condition) -> tuple[Comparison, ...]:
    """Every comparison in a condition, in the order in which it is written."""
    if isinstance(condition, Comparison):
        return (condition,)
    return tuple(found for part in condition.parts for found in comparisons(part))


def _joined(truths: Iterable[Truth], settling: Truth) -> Truth:
    found = set(truths)
    if settling in found:
        return settling
    if Truth.UNKNOWN in found:
        return Truth.UNKNOWN
    return Truth.TRUE if settling is Truth.FALSE else Truth.FALSE


def _weigh(comparison: Comparison, reading: Reading | None) -> Seen:
    subject = _subject(comparison.metric, comparison.feature)
    if reading is None or math.isnan(reading.value):
        words = (
            f"{subject} was not measured, so it is unknown whether it is {comparison.op.value} its threshold"
        )
        return Seen(comparison, reading, None, Truth.UNKNOWN, words)
    threshold = _threshold(comparison, reading)
    if threshold is None:
        words = f"{subject} is {reading.value:.6g}, and there is no {comparison.against} to hold it against"
        return Seen(comparison, reading, None, Truth.UNKNOWN, words)
    truth = _truth(comparison.op, reading, threshold)
    return Seen(comparison, reading, threshold, truth, _told(comparison, reading, threshold, truth))


def _threshold(comparison: Comparison, reading: Reading) -> float | None:
    match comparison.against:
        case Reference.BASELINE:
            level = reading.baseline
        case Reference.CHAMPION:
            level = reading.champion
        case number:
            level = number
    if level is None or math.isnan(level):
        return None
    return level if comparison.factor is None else comparison.factor * level


def _truth(op: Op, reading: Reading, threshold: float) -> Truth:
    if not op.holds(reading.value, threshold):
        return Truth.FALSE
    nearest = reading.low if op.upward else reading.high
    return Truth.TRUE if nearest is None or op.holds(nearest, threshold) else Truth.UNKNOWN


def _told(comparison: Comparison, reading: Reading, threshold: float, truth: Truth) -> str:
    interval = ""
    if reading.low is not None and reading.high is not None:
        interval = f" (interval {reading.low:.6g} to {reading.high:.6g})"
    limit = f"{threshold:.6g}"
    if comparison.factor is not None or isinstance(comparison.against, Reference):
        limit = f"{limit} ({_limit(comparison, reading)})"
    relation = f"{'' if truth is not Truth.FALSE else 'not '}{comparison.op.value} {limit}"
    doubt = ", but its interval still includes that" if truth is Truth.UNKNOWN else ""
    subject = _subject(comparison.metric, comparison.feature)
    return f"{subject} is {reading.value:.6g}{interval}, {relation}{doubt}"


def _limit(comparison: Comparison, reading: Reading) -> str:
    factor = "" if comparison.factor is None else f"{_number(comparison.factor)} * "
    if not isinstance(comparison.against, Reference):
        return f"{factor}{_number(comparison.against)}"
    level = reading.baseline if comparison.against is Reference.BASELINE else reading.champion
    return f"{factor}{comparison.against.value} {level:.6g}"


def _subject(metric: str, feature: str | None) -> str:
    if feature is None:
        return metric
    name = feature if _BARE_FEATURE.fullmatch(feature) else json.dumps(feature, ensure_ascii=False)
    return f"{metric}({name})"


def _number(value: float) -> str:
    return str(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value)


class _Parser:
    """Recursive descent over the tokens of one condition."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._depth = 0

    def whole(self) -> Condition:
        condition = self._any()
        if self._peek():
            raise self._wanted("'and', 'or' or the end")
        return condition

    def _any(self) -> Condition:
        parts = self._parts(self._all, "or")
        return parts[0] if len(parts) == 1 else Or(parts)

    def _all(self) -> Condition:
        parts = self._parts(self._term, "and")
        return parts[0] if len(parts) == 1 else And(parts)

    def _parts(self, part: Callable[[], Condition], joiner: str) -> tuple[Condition, ...]:
        found = [part()]
        while self._take(joiner):
            found.append(part())
        return tuple(found)

    def _term(self) -> Condition:
        if not self._take("("):
            return self._comparison()
        self._depth += 1
        if self._depth > _DEEPEST:
            raise ExpressionError(f"more than {_DEEPEST} brackets inside each other; use fewer", self._at)
        condition = self._any()
        if not self._take(")"):
            raise self._wanted("')', 'and' or 'or'")
        self._depth -= 1
        return condition

    def _comparison(self) -> Comparison:
        metric = self._match("word")
        if metric is None or metric in _RESERVED:
            raise self._wanted("the name of a metric, such as rmse")
        self._advance()
        feature = self._feature() if self._take("(") else None
        op = self._match("op")
        if op is None:
            raise self._wanted("one of < <= > >=")
        self._advance()
        return Comparison(metric, feature, Op(op), *self._threshold())

    def _feature(self) -> str:
        start = len(self._text) - len(self._text[self._at :].lstrip())
        quoted = _QUOTED.match(self._text, start)
        end = quoted.end() if quoted else self._text.find(")", start)
        if end < 0:
            raise ExpressionError(
                "the bracket around the feature is not closed; write ')' after it", start + 1
            )
        name = _unquoted(quoted[0], start) if quoted else self._text[start:end].strip()
        if not name or (not quoted and re.search(r'["(]', name)):
            wanted = (
                'expected the name of a feature, in double quotes where it holds brackets: drift("a (b)")'
            )
            raise ExpressionError(wanted, start + 1)
        self._at = end
        if not self._take(")"):
            raise self._wanted("')' after the feature")
        return name

    def _threshold(self) -> tuple[float | None, Reference | float]:
        first = self._level()
        if not self._take("*"):
            return None, first
        if isinstance(first, Reference):
            raise ExpressionError(f"the number stands first: write 1.1 * {first.value}", self._at)
        return first, self._level()

    def _level(self) -> Reference | float:
        word, number = self._match("word"), self._match("number")
        if word in ("baseline", "champion"):
            self._advance()
            return Reference(word)
        if number is None:
            raise self._wanted("a number, 'baseline' or 'champion'")
        value = float(number)
        if math.isinf(value):
            raise ExpressionError("the number is too large", self._column())
        self._advance()
        return value

    def _peek(self) -> re.Match[str] | None:
        if not self._text[self._at :].strip():
            return None
        found = _TOKEN.match(self._text, self._at)
        if found is None:
            column = self._column()
            raise ExpressionError(
                f"{self._text[column - 1]!r} has no place in a condition; remove it", column
            )
        return found

    def _match(self, kind: str) -> str | None:
        found = self._peek()
        return found[kind] if found else None

    def _take(self, token: str) -> bool:
        found = self._peek()
        if found is None or found[0].strip() != token:
            return False
        self._advance()
        return True

    def _advance(self) -> None:
        found = self._peek()
        if found is not None:
            self._at = found.end()

    def _column(self) -> int:
        rest = self._text[self._at :]
        return self._at + len(rest) - len(rest.lstrip()) + 1

    def _wanted(self, what: str) -> ExpressionError:
        found = self._peek()
        there = "the condition ends" if found is None else f"found {found[0].strip()!r}"
        return ExpressionError(f"{there} where {what} should stand", self._column())


def _unquoted(text: str, start: int) -> str:
    try:
        name = json.loads(text)
    except ValueError:
        raise ExpressionError(
            'the quoted name is not valid; inside quotes write \\" and \\\\', start + 1
        ) from None
    return str(name)
