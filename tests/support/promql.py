"""What a PromQL expression asks for: which metrics, by which labels.

A real tokenizer, and just enough of the grammar.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

_TOKEN = re.compile(
    r"""(?P<space>\s+|\#[^\n]*)
      | (?P<string>"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|`[^`]*`)
      | (?P<duration>(?:\d+(?:ms|[smhdwy]))+|\$__rate_interval|\$__interval|\$__range)
      | (?P<number>0x[0-9a-fA-F]+|\d+\.?\d*(?:[eE][+-]?\d+)?|\.\d+)
      | (?P<name>[a-zA-Z_:][a-zA-Z0-9_:]*)
      | (?P<operator>=~|!~|!=|==|<=|>=|[-+*/%^<>=(){}\[\],:@])
    """,
    re.VERBOSE,
)
_WORDS = frozenset({"and", "or", "unless", "bool", "offset", "atan2", "inf", "nan", "start", "end"})
_LISTS = frozenset({"by", "without", "on", "ignoring", "group_left", "group_right"})
_AGGREGATES = frozenset(
    {
        *("sum", "min", "max", "avg", "group", "stddev", "stdvar", "count", "count_values"),
        *("bottomk", "topk", "quantile"),
    }
)


@dataclass(slots=True)
class Selector:
    """One metric as it is asked for; `matchers`: label, operator, value."""

    metric: str
    matchers: list[tuple[str, str, str]] = field(default_factory=list)


@dataclass(slots=True)
class Asked:
    """What an expression asks for; `groupings`: labels of `by`, `on` …, each with the selectors it is about."""

    selectors: list[Selector] = field(default_factory=list)
    groupings: list[tuple[str, list[Selector]]] = field(default_factory=list)


class NotPromQl(Exception):
    """The expression cannot be read."""


def asked_for(expression: str) -> Asked:
    """Read an expression.

    Raises:
        NotPromQl: It is none.
    """
    reader = _Reader(list(_tokens(expression)))
    reader.read(until="")
    return reader.asked


def _tokens(text: str) -> Iterator[tuple[str, str]]:
    position = 0
    while position < len(text):
        match = _TOKEN.match(text, position)
        if match is None:
            raise NotPromQl(f"{text[position : position + 20]!r} in {text!r}")
        position = match.end()
        if match.lastgroup != "space":
            yield str(match.lastgroup), match.group()


class _Reader:
    def __init__(self, tokens: list[tuple[str, str]]) -> None:
        self._tokens = tokens
        self._at = 0
        self.asked = Asked()

    def read(self, until: str) -> None:
        """Go on behind the closing bracket, or to the end."""
        pending: list[str] = []  # labels of `sum by (…)`, whose operand is still to come
        operand: int | None = None  # where the selectors of the last bracket begin, for `sum(…) by (…)`
        while self._at < len(self._tokens):
            kind, text = self._next()
            if text == until and kind == "operator":
                return
            if kind == "name" and text.lower() in _LISTS:
                labels = self._labels()
                if text == "by" and operand is None:
                    pending = labels
                elif text in {"by", "on"}:
                    self._group(labels, 0 if operand is None or text == "on" else operand)
            elif kind == "name" and text.lower() in _AGGREGATES and self._peek() in {"(", "by", "without"}:
                operand = None
            elif kind == "name" and text.lower() not in _WORDS:
                if self._peek() != "(":
                    self._select(text)
            elif text == "(":
                operand = len(self.asked.selectors)
                self.read(until=")")
                self._group(pending, operand)
                pending = []
            elif text == "[":
                self._skip("]")
            elif text in {")", "]", "}"}:
                raise NotPromQl(f"{text} closes nothing")
        if until:
            raise NotPromQl(f"{until} is missing")

    def _group(self, labels: list[str], first: int) -> None:
        self.asked.groupings += [(label, self.asked.selectors[first:]) for label in labels]

    def _select(self, metric: str) -> None:
        selector = Selector(metric)
        self.asked.selectors.append(selector)
        if self._peek() != "{":
            return
        self._next()
        while self._peek() != "}":
            (_, label), (_, operator), (kind, value) = self._next(), self._next(), self._next()
            if operator not in {"=", "!=", "=~", "!~"} or kind != "string":
                raise NotPromQl(f"{label}{operator}{value}")
            selector.matchers.append((label, operator, value[1:-1]))
            if self._peek() == ",":
                self._next()
        self._next()

    def _labels(self) -> list[str]:
        if self._peek() != "(":
            return []
        self._next()
        labels = []
        while (token := self._next())[1] != ")":
            if token[0] == "name":
                labels.append(token[1])
        return labels

    def _skip(self, until: str) -> None:
        while self._next()[1] != until:
            pass

    def _peek(self) -> str:
        return self._tokens[self._at][1] if self._at < len(self._tokens) else ""

    def _next(self) -> tuple[str, str]:
        if self._at >= len(self._tokens):
            raise NotPromQl("it ends too soon")
        self._at += 1
        return self._tokens[self._at - 1]
