"""Every metric named in a dashboard, a rule or a document is one that a running service exports, with those labels."""

import asyncio
import re
from dataclasses import dataclass

import aiohttp
import pytest
from documented import DOCUMENTS
from monitoring import TARGET_LABELS, expressions
from promql import asked_for
from whole_suite import whole_suite

from cambus.bus.testing import NatsServer

PROMETHEUS_OWN = {"up": {}}
NAMES = re.compile(r"\bcambus_[a-z0-9_]+")
LISTED = re.compile(r"^[a-zA-Z0-9-]+(\|[a-zA-Z0-9-]+)*$")
"""A pattern that lists values: each must be one the label can have."""


@dataclass
class Exported:
    """What services export: the labels of each series and their values, where those are declared."""

    series: dict[str, dict[str, set[str]]]
    families: set[str]


def sample_names(text: str) -> dict[str, set[str]]:
    """The series of a page of metrics, with their labels."""
    found: dict[str, set[str]] = {}
    for line in text.splitlines():
        if not line.startswith("#"):
            labels = re.findall(r'(\w+)="', line)
            found.setdefault(re.split(r"[{ ]", line, maxsplit=1)[0], set()).update(labels)
    return found


@pytest.fixture(scope="module")
def exported(tmp_path_factory) -> Exported:
    """One run of the whole suite, asked over HTTP as Prometheus asks."""
    found = Exported({}, set())

    async def run() -> None:
        with NatsServer() as server:
            folder = tmp_path_factory.mktemp("suite")
            async with (
                whole_suite(folder, server.url, server.monitor_url) as services,
                aiohttp.ClientSession() as http,
            ):
                for running in services.values():
                    async with http.get(f"{running.runtime.http.url}/metrics") as answer:
                        page = await answer.text()
                    for name, labels in sample_names(page).items():
                        found.series.setdefault(name, {}).update({label: set() for label in labels})
                    for metric in running.runtime.metrics.declared:
                        assert f"# TYPE {metric.name} {metric.kind}\n" in page
                        found.families.add(metric.name)
                        for series in metric.series:
                            known = found.series.setdefault(series, {})
                            for label, values in metric.labels.items():
                                known[label] = known.get(label, set()) | set(values)
                            if series.endswith("_bucket"):
                                known["le"] = set()

    asyncio.run(run())
    return found


@pytest.mark.parametrize(("place", "expression"), [pytest.param(*each, id=each[0]) for each in expressions()])
def test_what_is_asked_for_is_exported(place, expression, exported):
    del place
    asked = asked_for(expression)
    assert asked.selectors
    for selector in asked.selectors:
        labels = exported.series.get(selector.metric, PROMETHEUS_OWN.get(selector.metric))
        assert labels is not None, f"no service exports {selector.metric}"
        for label, operator, value in selector.matchers:
            assert label in labels.keys() | TARGET_LABELS, f"{selector.metric} has no label {label}"
            values = labels.get(label)
            if values and (operator in {"=", "!="} or LISTED.match(value)):
                assert set(value.split("|")) <= values, f"{selector.metric}: {label} is never {value}"
    for label, about in asked.groupings:
        known = {each for selector in about for each in exported.series.get(selector.metric, {})}
        assert label in known | TARGET_LABELS, f"nothing in {expression} has a label {label}"


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.stem)
def test_metrics_in_documents_are_exported(document, exported):
    named = set(NAMES.findall(document.read_text(encoding="utf-8")))
    assert {each for each in named if not _known(each, exported)} == set()


def _known(name: str, exported: Exported) -> bool:
    begins = name.endswith("_") and any(each.startswith(name) for each in exported.families)
    return begins or name in exported.families or name in exported.series
