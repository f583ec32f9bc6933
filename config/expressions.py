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
from collections.abc import Callable
from typing import Final

from config.conditions import And, Comparison, Condition, Op, Or, Reference, comparisons
from config.weighing import Metrics, Outcome, Reading, Seen, Truth, evaluate

__all__ = [
    "And",
    "Comparison",
    "Condition",
    "ExpressionError",
    "Metrics",
    "Op",
    "Or",
    "Outcome",
    "Reading",
    "Reference",
    "Seen",
    "Truth",
    "comparisons",
    "evaluate",
    "parse",
]

_DEEPEST: Final = 40
_LONGEST: Final = 2_000
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
_PERCENT = re.compile(r"(\d+(?:\.\d*)?|\.\d+)\s*%(\s*of\s+(baseline|champion)\b)?", re.ASCII)
_INSTEAD: Final = {
    "&": "write and",
    "|": "write or",
    "=": "write one of < <= > >=",
    "≤": "write <=",
    "≥": "write >=",
}
_RESERVED = frozenset({"and", "or", "baseline", "champion"})


class ExpressionError(ValueError):
    """A condition that can't be read; `column` counts from 1."""

    def __init__(self, message: str, column: int) -> None:
        super().__init__(f"column {column}: {message}")
        self.column = column


def parse(text: str) -> Condition:
    """Read a condition.

    Raises:
        ExpressionError: where it is none; it says at which column, and what was wanted there.
    """
    if len(text) > _LONGEST:
        raise ExpressionError(f"the condition is longer than {_LONGEST} characters; split it", _LONGEST + 1)
    return _Parser(text).whole()


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
        if not _is_text(name):
            raise ExpressionError(
                "the name of the feature holds half a character, or NUL, which no text has; write it as the "
                "captures do",
                start + 1,
            )
        self._at = end
        if not self._take(")"):
            raise self._wanted("')' after the feature")
        return name

    def _threshold(self) -> tuple[float | None, Reference | float]:
        first = self._level()
        if not self._take("*"):
            return None, first
        if isinstance(first, Reference):
            raise self._turned_round(first)
        return first, self._level()

    def _turned_round(self, reference: Reference) -> ExpressionError:
        """The error of ``baseline * 1.1``, whose star was the last token."""
        star = self._at
        word, factor = self._match("word"), self._match("number")
        if word in ("baseline", "champion"):
            return ExpressionError("a number stands first, and one of the two alone behind it", star)
        if factor is None:
            return self._wanted("a number")
        self._advance()
        self._peek()  # what has no place behind the number is told before
        return ExpressionError(f"the number stands first: write {factor} * {reference.value}", star)

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
            raise self._out_of_place()
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

    def _out_of_place(self) -> ExpressionError:
        column = self._column()
        advice = _advice(self._text, column - 1)
        return ExpressionError(f"{self._text[column - 1]!r} has no place in a condition; {advice}", column)

    def _wanted(self, what: str) -> ExpressionError:
        found = self._peek()
        there = "the condition ends" if found is None else f"found {found[0].strip()!r}"
        return ExpressionError(f"{there} where {what} should stand", self._column())


def _advice(text: str, at: int) -> str:
    """What to write in place of the character there."""
    if text[at] in _INSTEAD:
        return _INSTEAD[text[at]]
    percent = next((found for found in _PERCENT.finditer(text) if text.index("%", found.start()) == at), None)
    if percent is None:
        return "write one such as rmse > 1.15 * baseline and volume > 500"
    share, level = f"{float(percent[1]) / 100:.12g}", percent[3]
    if level is None:
        return f"write {share} in place of {percent[1]}%"
    return f"write {share} * {level} in place of {percent[1]}% of {level}"


def _is_text(name: str) -> bool:
    """Whether a database takes it: PostgreSQL has no NUL, and half of a surrogate pair has no UTF-8."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return "\0" not in name


def _unquoted(text: str, start: int) -> str:
    try:
        name = json.loads(text)
    except ValueError:
        raise ExpressionError(
            'the quoted name is not valid; inside quotes write \\" and \\\\', start + 1
        ) from None
    return str(name)
