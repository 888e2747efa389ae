"""Whatever arrives: a value or a documented error; whatever is logged: no secret."""

import json
import logging
import string
from contextlib import suppress

from hypothesis import given
from hypothesis import strategies as st

from cambus.bus.logging import JsonFormatter, redacted
from cambus.bus.routes import unroutable_reply
from cambus.client.nkeys import decode_seed
from cambus.client.pull import Delivered, delivered
from cambus.client.trace import valid_traceparent

CANARY = "hunter2canary"
NAMES = st.sampled_from(
    [
        "password",
        "Password",
        "nats_password_file",
        "token",
        "clientSecret",
        "api_key",
        "Authorization",
        "seed",
    ]
)
PLAIN = st.none() | st.booleans() | st.integers() | st.text(max_size=20)
SECRETIVE = st.recursive(
    st.dictionaries(NAMES, st.just(CANARY), min_size=1, max_size=2),
    lambda inner: (
        st.dictionaries(st.sampled_from(["a", "b"]), inner | PLAIN, min_size=1, max_size=2)
        | st.lists(inner | PLAIN, min_size=1, max_size=2)
    ),
    max_leaves=5,
)


@given(SECRETIVE)
def test_no_nesting_hides_a_secret(value):
    assert CANARY not in json.dumps(redacted("field", value), default=str)


@given(st.text(), st.dictionaries(st.text(string.ascii_letters, min_size=1, max_size=8), PLAIN, max_size=4))
def test_every_record_is_one_line_of_json(message, facts):
    record = logging.makeLogRecord({"msg": "%s", "args": (message,), "levelname": "INFO", "name": "x"})
    record.__dict__.update({f"f_{name}": value for name, value in facts.items()})
    line = JsonFormatter("demo").format(record)
    assert "\n" not in line
    assert isinstance(json.loads(line), dict)


@given(st.text(alphabet="$JSACK.0123456789abc", max_size=80))
def test_an_acknowledgement_subject_is_read_or_refused(text):
    with suppress(ValueError):
        assert isinstance(delivered(text), Delivered)


@given(*[st.integers(0, 2**63)] * 5)
def test_an_acknowledgement_subject_is_read_back(attempts, seq, consumer_seq, timestamp, pending):
    reply = f"$JS.ACK.s.c.{attempts}.{seq}.{consumer_seq}.{timestamp}.{pending}"
    assert delivered(reply) == Delivered(seq, consumer_seq, attempts, pending, timestamp)


@given(st.text(max_size=80))
def test_a_seed_is_read_or_refused(text):
    try:
        assert len(decode_seed(text)) == 32
    except ValueError as error:
        assert len(text) < 4 or text not in str(error)  # noqa: PT017 - both outcomes are fine


@given(st.text(max_size=70))
def test_a_trace_is_passed_on_only_if_it_is_one(text):
    assert valid_traceparent(text) in (None, text)
    assert valid_traceparent(text) is None or text.isascii()


@given(st.sampled_from(["$KV.", "$JS.API.", "$O.", "$SYS.", "cambus.v1."]), st.text())
def test_no_answer_goes_where_services_write(start, rest):
    assert unroutable_reply(start + rest)
