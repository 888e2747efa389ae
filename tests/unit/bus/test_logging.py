"""Structured logs without secrets."""

import io
import json
import logging
import re

import pytest

from cambus.bus.logging import configure_logging


@pytest.fixture
def logged():
    """Configures logging into a text, and puts everything back."""
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    stream = io.StringIO()

    def start(**options):
        configure_logging("demo", stream=stream, **options)
        return stream

    yield start
    logging.captureWarnings(False)
    root.handlers[:], root.level = handlers, level


def test_one_json_object_a_line_with_the_facts_as_fields(logged):
    stream = logged()
    logging.getLogger("cambus.x").warning("device %s", "gone", extra={"device": "gate-1", "count": 3})
    line = json.loads(stream.getvalue())
    assert line["event"] == "device gone"
    assert (line["level"], line["service"], line["logger"]) == ("warning", "demo", "cambus.x")
    assert (line["device"], line["count"]) == ("gate-1", 3)
    assert line["at"].endswith("Z")


def test_a_newline_in_a_message_does_not_make_a_second_line(logged):
    for log_format in ("json", "console"):
        stream = logged(log_format=log_format)
        before = stream.getvalue().count("\n")
        logging.getLogger("cambus.x").warning('forged\n{"level": "error"}', extra={"x": "a\nb"})
        assert stream.getvalue().count("\n") == before + 1


@pytest.mark.parametrize("control", ["\x1b[2K", "\x1b]0;owned\x07", "\x9b2K", "\r", "\x08" * 80, "\x7f"])
def test_what_a_device_says_does_not_move_the_cursor_of_who_reads_the_log(logged, control):
    stream = logged(log_format="console")
    try:
        float(f"no{control}number")
    except ValueError:
        logging.getLogger("cambus.x").exception(
            "device %s", f"a{control}b", extra={"device": f"gate{control}", "names": [f"x{control}y"]}
        )
    written = stream.getvalue()
    assert "gate" in written
    assert not [each for each in written if each != "\n" and not each.isprintable()]


@pytest.mark.parametrize("log_format", ["json", "console"])
@pytest.mark.parametrize(
    "facts",
    [
        {"password": "canary"},
        {"NATS_TOKEN": "canary"},
        {"request": {"user": "x", "auth": {"passphrase": "canary"}}},
        {"api_key": "canary"},
        {"address": "nats://user:canary@host:4222/x"},
        {"list_of": [{"secret": "canary"}]},
    ],
)
def test_secrets_are_starred(logged, log_format, facts):
    stream = logged(log_format=log_format)
    logging.getLogger("cambus.x").info("connecting to rtsp://admin:canary@10.0.0.1/live", extra=facts)
    assert "canary" not in stream.getvalue()
    assert "***" in stream.getvalue()


@pytest.mark.parametrize("log_format", ["json", "console"])
def test_a_traceback_is_kept_without_credentials_in_addresses(logged, log_format):
    stream = logged(log_format=log_format)
    error = ConnectionError("nats://user:canary@host refused")
    logging.getLogger("cambus.x").error("failed", exc_info=error)
    assert "ConnectionError" in stream.getvalue()
    assert "canary" not in stream.getvalue()


def test_long_values_are_cut(logged):
    stream = logged()
    logging.getLogger("cambus.x").info("x" * 100_000, extra={"body": "y" * 100_000})
    assert len(stream.getvalue()) < 10_000


def test_console_lines_are_for_people(logged):
    stream = logged(log_format="console")
    logging.getLogger("cambus.x").info("device online", extra={"device": "gate-1", "text": "two words"})
    line = stream.getvalue()
    assert line.endswith('INFO    demo  device online  device=gate-1 text="two words"\n')
    assert re.match(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3} ", line)  # logs are kept for days


def test_the_level_holds(logged):
    stream = logged(level="warning")
    logging.getLogger("cambus.x").info("quiet")
    assert stream.getvalue() == ""
