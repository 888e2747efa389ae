"""Every metric a service shows Prometheus, as it is declared where it is counted.

Metrics are declared when a service is put together, which wants a bus and devices. So they are read off the source:
a declaration names the metric and what it means in literals, and the values of its labels are worked out in the
module that declares them.
"""

import ast
import importlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

from reference.markdown import GENERATED, code, document, prose, table
from reference.services import ROOT, names, sources

KINDS: Final = frozenset({"counter", "gauge", "histogram"})
MOST_VALUES: Final = 16
"""So many values of a label are listed; longer lists are told by their number."""


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric: its full name, its kind, its labels with their values (None: told at run time), its meaning."""

    name: str
    kind: str
    labels: Mapping[str, tuple[str, ...] | None]
    help: str


@cache
def declared(package: str) -> tuple[Metric, ...]:
    """The metrics that a distribution (`libs/bus`, `services/recorder`) declares, by name."""
    found = (metric for path in sources(ROOT / package) for metric in _in_file(path))
    return tuple(sorted(found, key=lambda metric: metric.name))


def of_service(service: str) -> list[Metric]:
    """Everything a service may show under the name of the suite."""
    packages = ["libs/bus", f"services/{service}"]
    packages += ["libs/connector"] if service.startswith("connector-") else []
    return [metric for package in packages for metric in declared(package)]


def _in_file(path: Path) -> Iterator[Metric]:
    text = path.read_text(encoding="utf-8")
    if not any(f".{kind}(" in text for kind in KINDS):
        return
    for function in ast.walk(ast.parse(text)):
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
            calls = [node for node in _own_nodes(function) if isinstance(node, ast.Call) and _declares(node)]
            if calls:
                scope = _scope(path, function)
                yield from (_metric(call, scope) for call in calls)


def _own_nodes(function: ast.AST) -> Iterator[ast.AST]:
    """Every node of a function, without those of functions inside of it."""
    for child in ast.iter_child_nodes(function):
        if not isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef):
            yield child
            yield from _own_nodes(child)


def _declares(call: ast.Call) -> bool:
    named = isinstance(call.func, ast.Attribute) and call.func.attr in KINDS
    return named and len(call.args) >= 2 and isinstance(call.args[0], ast.Constant)


def _metric(call: ast.Call, scope: dict[str, Any]) -> Metric:
    name, meaning = (ast.literal_eval(argument) for argument in call.args[:2])
    keywords = {keyword.arg: keyword.value for keyword in call.keywords}
    labels = call.args[2] if len(call.args) > 2 else keywords.get("labels")
    assert isinstance(call.func, ast.Attribute)
    return Metric(f"cambus_{name}", call.func.attr, _labels(labels, scope), meaning)


def _labels(expression: ast.expr | None, scope: dict[str, Any]) -> dict[str, tuple[str, ...] | None]:
    if expression is None:
        return {}
    values: Mapping[str, Iterable[Any]] = _value(expression, scope)
    listed = {label: tuple(each) for label, each in values.items()}
    return {
        label: None if any(isinstance(value, _AtRunTime) for value in each) else tuple(map(str, each))
        for label, each in listed.items()
    }


def _scope(path: Path, function: ast.FunctionDef | ast.AsyncFunctionDef) -> dict[str, Any]:
    """What the names in a function stand for, as far as that can be known before it runs."""
    scope = dict(vars(_module(path)))
    arguments = function.args
    scope |= {
        each.arg: _AtRunTime() for each in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs)
    }
    for statement in function.body:
        if isinstance(statement, ast.Assign) and isinstance(statement.targets[0], ast.Name):
            scope[statement.targets[0].id] = _known(statement.value, scope)
    return scope


def _known(expression: ast.expr, scope: dict[str, Any]) -> Any:
    """Labels that several metrics share, `labels = {"protocol": (protocol,)}`, and lists of values.

    Nothing else is worked out: it might be of the running service.
    """
    return _value(expression, scope) if isinstance(expression, ast.Dict | ast.Tuple) else _AtRunTime()


def _module(path: Path) -> Any:
    parts = (
        path.relative_to(next(parent for parent in path.parents if parent.name == "src"))
        .with_suffix("")
        .parts
    )
    return importlib.import_module(".".join(parts))


def _value(expression: ast.expr, scope: dict[str, Any]) -> Any:
    return eval(
        compile(ast.Expression(expression), "<labels>", "eval"), scope
    )  # our own source, nothing else


class _AtRunTime:
    """What only the running service knows, such as the protocol of a connector; in a list, a value like others."""

    def __iter__(self) -> Iterator["_AtRunTime"]:
        return iter((self,))

    def __getattr__(self, name: str) -> "_AtRunTime":
        return self


def page() -> str:
    """The page of the metrics."""
    intro = (
        "Each service shows these at `/metrics` of its HTTP port. Label values come from closed lists and "
        "never name a device; one outside of its list is counted as `other`. Histograms end in `_bucket`, "
        "`_sum` and `_count`. Python's and the process's own metrics (`process_*`, `python_*`) are there as "
        "well, and `cambus_build_info` tells the service and its version."
    )
    return document(
        "# Metrics",
        GENERATED,
        intro,
        "## All services",
        "A service shows those of what it does: one that handles no events has no `cambus_consumer_…`.",
        _table(declared("libs/bus")),
        "## All connectors",
        _table(declared("libs/connector")),
        *(part for service in names() for part in (f"## {service}", _table(declared(f"services/{service}")))),
    )


def _table(metrics: Iterable[Metric]) -> str:
    return table(
        ("metric", "kind", "labels", "meaning"),
        ((code(each.name), each.kind, _shown(each.labels), prose(each.help)) for each in metrics),
    )


def _shown(labels: Mapping[str, tuple[str, ...] | None]) -> str:
    return "; ".join(
        code(label) + (f": {_listed(values)}" if values is not None else "")
        for label, values in labels.items()
    )


def _listed(values: tuple[str, ...]) -> str:
    if len(values) > MOST_VALUES:
        return f"{len(values)} values, such as " + ", ".join(map(code, values[:3]))
    return ", ".join(map(code, values))
