"""Tracing is off unless the environment asks for it, and then says only what it may."""

import asyncio
import logging
import subprocess
import sys

import pytest
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import StatusCode

from cambus.client import tracing
from cambus.client.otlp import ToldOnce, export_spans
from cambus.client.trace import TRACEPARENT, span, trace_id
from cambus.schemas.errors import NotFound

FOREIGN = f"00-{'a' * 32}-{'b' * 16}-01"


@pytest.fixture
def spans():
    exporter = InMemorySpanExporter()
    export = export_spans("demo", "demo-0", "1.2", exporter)
    yield lambda: (export._provider.force_flush(), exporter.get_finished_spans())[1]
    export.close()


@pytest.fixture(autouse=True)
def environment(monkeypatch):
    for name in (*tracing.ENDPOINTS, "OTEL_SDK_DISABLED", "OTEL_TRACES_EXPORTER", "OTEL_SERVICE_NAME"):
        monkeypatch.delenv(name, raising=False)


def test_nothing_of_it_is_imported_where_it_is_off():
    code = """
import sys, cambus.bus.runner, cambus.client.tracing
assert cambus.client.tracing.enable("x") is None
print("opentelemetry" in sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


@pytest.mark.parametrize(
    ("variables", "on"),
    [
        ({}, False),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://x"}, True),
        ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://x"}, True),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://x", "OTEL_SDK_DISABLED": "true"}, False),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://x", "OTEL_TRACES_EXPORTER": "none"}, False),
    ],
)
def test_the_environment_switches_it_on(variables, on):
    assert tracing.wanted(variables) is on


def test_a_span_that_is_off_leaves_the_trace_as_it_is():
    token = TRACEPARENT.set(FOREIGN)
    try:
        with span("ptz.move", "client"):
            assert TRACEPARENT.get() == FOREIGN
        assert trace_id() == "a" * 32
    finally:
        TRACEPARENT.reset(token)


def test_without_the_package_it_says_so_and_goes_on(monkeypatch, caplog):
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1")
    monkeypatch.delitem(sys.modules, "cambus.client.otlp")
    monkeypatch.setitem(sys.modules, "opentelemetry.sdk.trace", None)
    assert tracing.enable("demo") is None
    assert "pip install 'cambus-client[tracing]'" in caplog.text


def test_spans_are_children_of_the_trace_at_hand(spans):
    token = TRACEPARENT.set(FOREIGN)
    try:
        with span("outer", "server", device="gate-1", channel=None), span("inner", "client"):
            inside = TRACEPARENT.get()
        assert TRACEPARENT.get() == FOREIGN
    finally:
        TRACEPARENT.reset(token)
    inner, outer = spans()
    assert f"{outer.context.trace_id:x}" == "a" * 32
    assert f"{outer.parent.span_id:x}" == "b" * 16
    assert inner.parent.span_id == outer.context.span_id
    assert inside == f"00-{'a' * 32}-{inner.context.span_id:016x}-01"
    assert outer.attributes == {"messaging.system": "nats", "cambus.device": "gate-1"}
    assert outer.resource.attributes["service.name"] == "demo"
    assert outer.resource.attributes["service.instance.id"] == "demo-0"


def test_a_failure_is_told_by_its_kind_only(spans):
    with pytest.raises(NotFound), span("a", "client"):
        raise NotFound("pa55word", reason="no-such-channel")
    with pytest.raises(ValueError, match="pa55word"), span("b", "client"):
        raise ValueError("pa55word")
    with pytest.raises(asyncio.CancelledError), span("c", "client"):
        raise asyncio.CancelledError
    told = spans()
    assert [each.status.status_code for each in told] == [StatusCode.ERROR] * 3
    assert [each.attributes["error.type"] for each in told] == ["404", "ValueError", "CancelledError"]
    assert "pa55word" not in "".join(each.to_json() for each in told)


class Broken(SpanExporter):
    """Fails, in one way or the other."""

    def __init__(self):
        self.outcomes = []

    def export(self, spans):
        del spans
        outcome = self.outcomes.pop(0)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome


def test_that_spans_cannot_be_sent_is_logged_once(caplog):
    caplog.set_level(logging.INFO)
    inner = Broken()
    good, bad = SpanExportResult.SUCCESS, SpanExportResult.FAILURE
    inner.outcomes = [good, bad, OSError("gone"), bad, good, good, bad]
    exporter = ToldOnce(inner)
    assert [exporter.export([]) for _ in range(7)] == [good, bad, bad, bad, good, good, bad]
    told = [record.getMessage() for record in caplog.records]
    lost, again = "traces cannot be sent; they are dropped", "traces are sent again"
    assert told == [lost, again, lost]
