"""Acknowledgement subjects."""

import pytest

from cambus.client.pull import Delivered, delivered

EXPECTED = Delivered(stream_seq=17, consumer_seq=4, attempts=2, pending=9, timestamp_ns=1700000000000000000)


@pytest.mark.parametrize(
    "reply",
    [
        "$JS.ACK.CAMBUS_EVENTS.router.2.17.4.1700000000000000000.9",
        "$JS.ACK.hub.ACCOUNT.CAMBUS_EVENTS.router.2.17.4.1700000000000000000.9",
        "$JS.ACK._.ACCOUNT.CAMBUS_EVENTS.router.2.17.4.1700000000000000000.9.random",
    ],
)
def test_both_forms_are_read(reply):
    assert delivered(reply) == EXPECTED


@pytest.mark.parametrize("reply", ["", "_INBOX.x", "$JS.ACK.a.b", "$JS.ACK.s.c.x.17.4.1.9"])
def test_anything_else_is_refused(reply):
    with pytest.raises(ValueError):  # noqa: PT011 - from int() too
        delivered(reply)
