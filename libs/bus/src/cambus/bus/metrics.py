"""Metrics of one service in a registry of its own; label values come from closed sets only.

A label that could be a device, a subject or an address would make one time series of each: memory without
bound here and in Prometheus. So every label declares its values beforehand, and a value outside is counted
as `other`.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import product
from math import prod
from typing import Any, Generic, TypeVar, cast

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from prometheus_client.gc_collector import GCCollector
from prometheus_client.metrics import MetricWrapperBase
from prometheus_client.platform_collector import PlatformCollector
from prometheus_client.process_collector import ProcessCollector

CONTENT_TYPE = CONTENT_TYPE_PLAIN_0_0_4
OTHER = "other"
PREFIX = "cambus_"
FEW_SERIES = 64

SECONDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
"""Buckets for how long something on the bus or a device took, in seconds."""

Labels = Mapping[str, Iterable[str]]

disable_created_metrics()  # type: ignore[no-untyped-call]  # the library's; when a series began nobody asks


M = TypeVar("M", bound=MetricWrapperBase)


@dataclass(frozen=True, slots=True)
class Declaration:
    """What one metric is: for documents, and for whoever checks a dashboard.

    Attributes:
        name: as it is exported, without what a histogram adds (`_bucket`, `_sum`, `_count`).
        kind: `counter`, `gauge` or `histogram`.
        documentation: one sentence.
        labels: the values each label may have, beside `other`.
    """

    name: str
    kind: str
    documentation: str
    labels: Mapping[str, tuple[str, ...]]

    @property
    def series(self) -> tuple[str, ...]:
        """The names of its time series."""
        if self.kind == "histogram":
            return tuple(f"{self.name}_{part}" for part in ("bucket", "sum", "count"))
        return (self.name,)


class Family(Generic[M]):
    """One metric with declared labels; `family("ptz.move", "ok")` is the series to count on."""

    def __init__(self, metric: M, labels: Labels) -> None:
        self._metric = metric
        self._declared = [tuple(values) for values in labels.values()]
        self._allowed = [frozenset(values) for values in self._declared]
        self._series: dict[tuple[str, ...], M] = {}

    def __call__(self, *values: str) -> M:
        """Return the series of these label values, in the order of declaration.

        Raises:
            ValueError: too many or too few values.
        """
        series = self._series.get(values)
        return series if series is not None else self._create(values)

    def begin(self, most: int) -> None:
        """Create every series, if they are no more than `most`."""
        if prod(map(len, self._declared)) <= most:
            for values in product(*self._declared):
                self(*values)

    def _create(self, values: tuple[str, ...]) -> M:
        if len(values) != len(self._allowed):
            raise ValueError(f"{len(self._allowed)} labels are declared, {len(values)} values given")
        if not values:
            series = self._metric
        else:
            known = tuple(
                value if value in allowed else OTHER
                for value, allowed in zip(values, self._allowed, strict=True)
            )
            series = self._metric.labels(*known)
            if known != values:
                return series  # not remembered: the values outside have no bound
        self._series[values] = series
        return series


class Metrics:
    """The metrics of one service.

    Args:
        service: its name, a label of `cambus_build_info`.
        version: its version, likewise.
        process: also export the interpreter's and the process's own metrics.
    """

    def __init__(self, service: str = "test", version: str = "0", *, process: bool = False) -> None:
        self.registry = CollectorRegistry(auto_describe=True)
        self._families: dict[str, Family[Any]] = {}
        self._declared: dict[str, Declaration] = {}
        if process:
            ProcessCollector(registry=self.registry)
            PlatformCollector(registry=self.registry)
            GCCollector(registry=self.registry)
        labels = {"service": (service,), "version": (version,)}
        self.gauge("build_info", "The running service", labels)(service, version).set(1)

    @property
    def declared(self) -> list[Declaration]:
        """Every metric of the service, by name; not those of the interpreter and the process."""
        return [self._declared[name] for name in sorted(self._declared)]

    def counter(self, name: str, documentation: str, labels: Labels | None = None) -> Family[Counter]:
        """Return the counter `cambus_<name>`; asking again for the name gives the same one.

        One of few series begins at 0 in each of them: `increase()` does not see the first of something that was not
        there before.
        """
        family = self._family(Counter, name, documentation, labels or {})
        family.begin(FEW_SERIES)
        return family

    def gauge(
        self, name: str, documentation: str, labels: Labels | None = None, *, at_zero: bool = True
    ) -> Family[Gauge]:
        """Return the gauge `cambus_<name>`; asking again for the name gives the same one.

        Args:
            name: without the prefix.
            documentation: one sentence.
            labels: the labels, with their values.
            at_zero: one of few series begins at 0 in each of them. False for what is not known before it was measured.
        """
        family = self._family(Gauge, name, documentation, labels or {})
        if at_zero:
            family.begin(FEW_SERIES)
        return family

    def histogram(
        self,
        name: str,
        documentation: str,
        labels: Labels | None = None,
        buckets: Iterable[float] = SECONDS,
    ) -> Family[Histogram]:
        """Return the histogram `cambus_<name>`; asking again for the name gives the same one."""
        return self._family(Histogram, name, documentation, labels or {}, tuple(buckets))

    def render(self) -> bytes:
        """Everything in Prometheus' text format."""
        return generate_latest(self.registry)

    def _family(
        self,
        kind: type[M],
        name: str,
        documentation: str,
        labels: Labels,
        buckets: tuple[float, ...] | None = None,
    ) -> Family[M]:
        full = name if name.startswith(PREFIX) else PREFIX + name
        known = self._families.get(full)
        if known is not None:
            return cast(Family[M], known)
        declared = {label: tuple(values) for label, values in labels.items()}
        extra: dict[str, Any] = {"buckets": buckets} if buckets is not None else {}
        metric = kind(full, documentation, list(declared), registry=self.registry, **extra)
        family = Family(metric, declared)
        self._families[full] = family
        self._declare(full, kind.__name__.lower(), documentation, declared)
        return family

    def _declare(
        self, name: str, kind: str, documentation: str, labels: Mapping[str, tuple[str, ...]]
    ) -> None:
        exported = f"{name.removesuffix('_total')}_total" if kind == "counter" else name
        self._declared[exported] = Declaration(exported, kind, documentation, labels)
