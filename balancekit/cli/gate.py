"""Gates: conditions such as `ir > 100 and not few == 0`, read and judged without eval.

    condition   = both {"or" both}
    both        = one {"and" one}
    one         = ["not"] ("(" condition ")" | comparison)
    comparison  = NAME (">" | ">=" | "<" | "<=" | "==" | "!=") NUMBER

A measure may be unknown: then the comparison is, and so is what depends on it alone:
`ir > 100 or js > 0.1` holds for a ratio of 200, whatever js is.
"""

import difflib
import operator
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

from balancekit.errors import OptionError

__all__ = ["Gate", "parse_gate"]

Value = float | None

OPERATORS: Mapping[str, Callable[[float, float], bool]] = {
    ">=": operator.ge,
    "<=": operator.le,
    "==": operator.eq,
    "!=": operator.ne,
    ">": operator.gt,
    "<": operator.lt,
}
TOKEN = re.compile(
    r"(?P<operator>>=|<=|==|!=|>|<)|(?P<bracket>[()])"
    r"|(?P<number>[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?(?![\w.]))"
    r"|(?P<word>[^\W\d]\w*)",
    re.ASCII,
)
SPACE = re.compile(r"\s*")
WORDS = ("and", "or", "not")
MOST_OPEN = 50
"""Brackets open at once: far more than a gate needs, far less than Python's stack holds."""


@dataclass(frozen=True)
class _Comparison:
    name: str
    sign: str
    number: float

    def judge(self, values: Mapping[str, Value]) -> bool | None:
        value = values[self.name]
        return None if value is None else OPERATORS[self.sign](value, self.number)

    def names(self) -> Iterator[str]:
        yield self.name


@dataclass(frozen=True)
class _Not:
    part: "_Condition"

    def judge(self, values: Mapping[str, Value]) -> bool | None:
        holds = self.part.judge(values)
        return None if holds is None else not holds

    def names(self) -> Iterator[str]:
        return self.part.names()


@dataclass(frozen=True)
class _Joined:
    """Parts of which one (`decisive` is True) or all (it is False) must hold."""

    parts: tuple["_Condition", ...]
    decisive: bool

    def judge(self, values: Mapping[str, Value]) -> bool | None:
        judged = [part.judge(values) for part in self.parts]
        if self.decisive in judged:
            return self.decisive
        return None if None in judged else not self.decisive

    def names(self) -> Iterator[str]:
        for part in self.parts:
            yield from part.names()


_Condition = _Comparison | _Not | _Joined


@dataclass(frozen=True)
class Gate:
    """A condition that must not hold.

    >>> gate = parse_gate("ir > 100 or few > 0", {"ir", "few"})
    >>> gate.holds({"ir": 128.5, "few": None}), gate.holds({"ir": 3, "few": None})
    (True, None)
    """

    text: str
    condition: _Condition

    def holds(self, values: Mapping[str, Value]) -> bool | None:
        """Whether the condition holds; None where it depends on a measure that is unknown."""
        return self.condition.judge(values)

    def names(self) -> tuple[str, ...]:
        """The measures that it compares, each once, in their order."""
        return tuple(dict.fromkeys(self.condition.names()))


def parse_gate(text: str, known: Iterable[str], option: str = "--fail-on") -> Gate:
    """The gate that a text states.

    Args:
        text: in the grammar of this module.
        known: names of the measures.
        option: that the text is the value of, for messages.

    Raises:
        OptionError: the text is no condition, or names an unknown measure.
    """
    return Gate(text, _Parser(text, frozenset(known), option).whole())


class _Parser:
    def __init__(self, text: str, known: frozenset[str], option: str) -> None:
        self.text, self.known, self.option = text, known, option
        self.place = self.n_open = 0
        self.kind = self.symbol = ""
        self.column = 0
        self._next()

    def whole(self) -> _Condition:
        condition = self._either()
        if self.kind:
            raise self._expected("'and', 'or' or the end")
        return condition

    def _next(self) -> str:
        """Take the token that was looked at, and look at the one behind it."""
        taken = self.symbol
        space = SPACE.match(self.text, self.place)
        assert space is not None  # it matches nothing, too
        self.place = space.end()
        self.column = self.place + 1
        self.kind = self.symbol = ""
        if self.place < len(self.text):
            found = TOKEN.match(self.text, self.place)
            if found is None or found.lastgroup is None:
                self.kind, self.symbol = "unknown", self.text[self.place]
                return taken
            self.kind, self.symbol, self.place = found.lastgroup, found.group(), found.end()
            if self.symbol in WORDS:
                self.kind = self.symbol
        return taken

    def _either(self) -> _Condition:
        parts = [self._both()]
        while self.kind == "or":
            self._next()
            parts.append(self._both())
        return parts[0] if len(parts) == 1 else _Joined(tuple(parts), decisive=True)

    def _both(self) -> _Condition:
        parts = [self._one()]
        while self.kind == "and":
            self._next()
            parts.append(self._one())
        return parts[0] if len(parts) == 1 else _Joined(tuple(parts), decisive=False)

    def _one(self) -> _Condition:
        negated = False
        while self.kind == "not":
            self._next()
            negated = not negated
        condition = self._bracketed() if self.symbol == "(" else self._comparison()
        return _Not(condition) if negated else condition

    def _bracketed(self) -> _Condition:
        self.n_open += 1
        if self.n_open > MOST_OPEN:
            raise self._expected(f"at most {MOST_OPEN} open brackets")
        self._next()
        condition = self._either()
        if self.symbol != ")":
            raise self._expected("')'")
        self._next()
        self.n_open -= 1
        return condition

    def _comparison(self) -> _Comparison:
        if self.kind != "word":
            raise self._expected("a measure such as ir")
        if self.symbol not in self.known:
            raise self._unknown_measure()
        name = self._next()
        if self.kind != "operator":
            raise self._expected(f"one of {', '.join(OPERATORS)}")
        sign = self._next()
        if self.kind != "number":
            raise self._expected("a number")
        return _Comparison(name, sign, float(self._next()))

    def _expected(self, what: str) -> OptionError:
        got = f"{self.symbol!r}" if self.kind else "the end"
        return OptionError(
            f"{self.option} {self.text!r}: expected {what} at column {self.column}, got {got}. "
            "Write it as 'ir > 100 or few > 0'."
        )

    def _unknown_measure(self) -> OptionError:
        # A part of a name, as ir of ir_before, is less alike than it is meant.
        parts = sorted(name for name in self.known if self.symbol in name.split("_"))
        near = parts or difflib.get_close_matches(self.symbol, self.known, 1)
        meant = f" Did you mean {' or '.join(map(repr, near[:3]))}?" if near else ""
        codes = {name for name in self.known if name.isupper()}
        listed = ", ".join(sorted(self.known - codes))
        return OptionError(
            f"{self.option} {self.text!r}: expected a measure at column {self.column}, got "
            f"{self.symbol!r}.{meant} There are {listed}"
            f"{', and codes of issues, such as BK201' if codes else ''}."
        )
