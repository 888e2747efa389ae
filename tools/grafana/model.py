"""What a dashboard is made of, and how Grafana (11 and 12) wants it written."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

SCHEMA: Final = 39
"""Schema of dashboards of Grafana 11.0; later ones migrate it when they read it."""
COLUMNS: Final = 24
DATASOURCE: Final = {"type": "prometheus", "uid": "${datasource}"}
GOOD, WARN, BAD = "green", "orange", "red"

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Query:
    """One PromQL expression and how its series are called (`{{label}}` is replaced)."""

    expr: str
    legend: str = ""


@dataclass(frozen=True, slots=True)
class Panel:
    """One panel.

    Attributes:
        title: a few words.
        description: what it tells, and when to worry.
        queries: what is drawn.
        unit: as Grafana calls it: `short`, `s`, `bytes`, `Bps`, `percentunit`, `ops` …
        kind: `timeseries`, `stat` or `bargauge`.
        width: of 24 columns.
        steps: from which value on it is which colour, rising; the first colour counts from the beginning.
        most: the upper end of the scale; None: as the values go.
        stack: whether the series add up.
    """

    title: str
    description: str
    queries: Sequence[Query]
    unit: str = "short"
    kind: str = "timeseries"
    width: int = 8
    steps: Sequence[tuple[float | None, str]] = ((None, GOOD),)
    most: float | None = None
    stack: bool = False

    @property
    def height(self) -> int:
        """In rows of Grafana's grid."""
        return 4 if self.kind == "stat" else 8

    def json(self, number: int, x: int, y: int) -> Json:
        """The panel at its place."""
        return {
            "id": number,
            "type": self.kind,
            "title": self.title,
            "description": self.description,
            "datasource": DATASOURCE,
            "gridPos": {"h": self.height, "w": self.width, "x": x, "y": y},
            "fieldConfig": {"defaults": self._defaults(), "overrides": []},
            "options": _OPTIONS[self.kind],
            "targets": [self._target(number, query) for number, query in enumerate(self.queries)],
        }

    def _defaults(self) -> Json:
        steps = [{"value": value, "color": colour} for value, colour in self.steps]
        values: Json = {
            "unit": self.unit,
            "min": 0,
            "thresholds": {"mode": "absolute", "steps": steps},
            "color": {"mode": "palette-classic" if self.kind == "timeseries" else "thresholds"},
        }
        if self.most is not None:
            values["max"] = self.most
        if self.kind == "timeseries":
            values["custom"] = {
                "drawStyle": "line",
                "fillOpacity": 25 if self.stack else 8,
                "lineWidth": 1,
                "showPoints": "never",
                "stacking": {"mode": "normal" if self.stack else "none", "group": "A"},
                "thresholdsStyle": {"mode": "line" if len(self.steps) > 1 else "off"},
            }
        return values

    def _target(self, number: int, query: Query) -> Json:
        instant = self.kind != "timeseries"
        return {
            "refId": chr(ord("A") + number),
            "datasource": DATASOURCE,
            "expr": query.expr,
            "legendFormat": query.legend or "__auto",
            "instant": instant,
            "range": not instant,
        }


_REDUCED: Final = {"calcs": ["lastNotNull"], "fields": "", "values": False}
_OPTIONS: Final[dict[str, Json]] = {
    "timeseries": {
        "legend": {"displayMode": "table", "placement": "bottom", "calcs": ["lastNotNull", "max"]},
        "tooltip": {"mode": "multi", "sort": "desc"},
    },
    "stat": {"reduceOptions": _REDUCED, "colorMode": "value", "graphMode": "none", "textMode": "auto"},
    "bargauge": {"reduceOptions": _REDUCED, "displayMode": "basic", "orientation": "horizontal"},
}


@dataclass(frozen=True, slots=True)
class Choice:
    """A variable people choose values of at the top: those a label has on a metric."""

    name: str
    metric: str
    title: str

    def json(self) -> Json:
        """As Grafana wants it: any number of values, all at first."""
        query = f"label_values({self.metric}, {self.name})"
        return {
            "name": self.name,
            "label": self.title,
            "type": "query",
            "datasource": DATASOURCE,
            "definition": query,
            "query": {"query": query, "refId": "Variable"},
            "refresh": 2,
            "sort": 1,
            "multi": True,
            "includeAll": True,
            "allValue": ".*",
            "current": {"text": ["All"], "value": ["$__all"]},
            "options": [],
        }


@dataclass(frozen=True, slots=True)
class Row:
    """Panels under a title, from left to right."""

    title: str
    panels: Sequence[Panel]


@dataclass(frozen=True, slots=True)
class Dashboard:
    """One dashboard; `name` is that of its file and of its address."""

    name: str
    title: str
    description: str
    rows: Sequence[Row]
    choices: Sequence[Choice] = field(default=())

    @property
    def panels(self) -> list[Panel]:
        """Every panel."""
        return [panel for row in self.rows for panel in row.panels]

    def json(self) -> Json:
        """As it is provisioned: without an id of the database, with an address of its own."""
        return {
            "uid": f"cambus-{self.name}",
            "title": f"Cambus / {self.title}",
            "description": self.description,
            "tags": ["cambus"],
            "schemaVersion": SCHEMA,
            "version": 1,
            "editable": False,
            "graphTooltip": 1,
            "refresh": "30s",
            "time": {"from": "now-6h", "to": "now"},
            "timezone": "browser",
            "annotations": {"list": []},
            "links": [
                {
                    "title": "Cambus",
                    "type": "dashboards",
                    "tags": ["cambus"],
                    "asDropdown": True,
                    "keepTime": True,
                }
            ],
            "templating": {"list": [_SOURCE, *(choice.json() for choice in self.choices)]},
            "panels": list(self._placed()),
        }

    def _placed(self) -> Iterator[Json]:
        number = y = 0
        for row in self.rows:
            number += 1
            place = {"h": 1, "w": COLUMNS, "x": 0, "y": y}
            yield {
                "id": number,
                "type": "row",
                "title": row.title,
                "collapsed": False,
                "gridPos": place,
                "panels": [],
            }
            x, y, tallest = 0, y + 1, 0
            for panel in row.panels:
                if x + panel.width > COLUMNS:
                    x, y, tallest = 0, y + tallest, 0
                number += 1
                yield panel.json(number, x, y)
                x, tallest = x + panel.width, max(tallest, panel.height)
            y += tallest


_SOURCE: Final[Json] = {
    "name": "datasource",
    "label": "Data source",
    "type": "datasource",
    "query": "prometheus",
    "refresh": 1,
    "hide": 0,
    "options": [],
    "current": {},
}


# --- what panels have in common -------------------------------------------------------------------------


def stat(
    title: str,
    description: str,
    expr: str,
    unit: str = "short",
    *,
    worry: float | None = None,
    bad: float | None = None,
) -> Panel:
    """One number; orange from `worry` on, red from `bad` on."""
    marks = ((worry, WARN), (bad, BAD))
    steps = [(None, GOOD), *((value, colour) for value, colour in marks if value is not None)]
    return Panel(title, description, [Query(expr)], unit, kind="stat", width=4, steps=steps)


def quantiles(metric: str, where: str, by: str = "") -> list[Query]:
    """The median and the slowest twentieth of a histogram of seconds."""
    labels = f"le, {by}" if by else "le"
    legend = f" {{{{{by}}}}}" if by else ""
    rate = f"sum by ({labels}) (rate({metric}_bucket{where}[$__rate_interval]))"
    return [
        Query(f"histogram_quantile({share}, {rate})", f"{text}{legend}")
        for share, text in ((0.5, "half"), (0.95, "95 of 100"))
    ]


def process_row(where: str) -> Row:
    """How the processes themselves are, the same for each service."""
    return Row(
        "Processes",
        [
            Panel(
                "Event loop lateness",
                "How much later than asked the slowest hundredth of wake-ups came. Above 0.25 s something blocks the "
                "loop, or the machine has too little CPU.",
                [
                    Query(
                        "histogram_quantile(0.99, sum by (le, instance) (rate(cambus_loop_lag_seconds_bucket"
                        f"{where}[$__rate_interval])))",
                        "{{instance}}",
                    )
                ],
                "s",
                steps=((None, GOOD), (0.25, WARN)),
            ),
            Panel(
                "CPU",
                "Cores used by each process; one event loop uses one at most.",
                [Query(f"rate(process_cpu_seconds_total{where}[$__rate_interval])", "{{instance}}")],
            ),
            Panel(
                "Memory",
                "Resident memory of each process.",
                [Query(f"process_resident_memory_bytes{where}", "{{instance}}")],
                "bytes",
            ),
        ],
    )
