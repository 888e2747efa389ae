from __future__ import annotations

import pytest

from cambus.rtsp.errors import ProtocolError
from cambus.rtsp.status import Status
from cambus.rtsp.transport import Lower, Transport, choose_transport

BOTH = (Lower.TCP, Lower.UDP)


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("RTP/AVP/TCP;unicast;interleaved=0-1", Transport(Lower.TCP, channels=(0, 1))),
        ("RTP/AVP/TCP;unicast;interleaved=4", Transport(Lower.TCP, channels=(4, 5))),
        ("rtp/avp/tcp; Interleaved = 2-3 ;mode=play", Transport(Lower.TCP, channels=(2, 3))),
        ("RTP/AVP/TCP;unicast", Transport(Lower.TCP)),
        ("RTP/AVP;unicast;client_port=5000-5001", Transport(Lower.UDP, client_ports=(5000, 5001))),
        ('RTP/AVP/UDP;client_port=5000;mode="PLAY"', Transport(Lower.UDP, client_ports=(5000, 5001))),
    ],
)
def test_offers_are_understood(header, expected):
    assert choose_transport(header, BOTH) == expected


def test_the_first_offer_that_can_be_served_is_taken():
    header = (
        "RTP/AVP;multicast;client_port=1-2,RAW/RAW/UDP;client_port=1-2,"
        "RTP/AVP;unicast;client_port=5000-5001,RTP/AVP/TCP;interleaved=0-1"
    )
    assert choose_transport(header, BOTH).lower is Lower.UDP
    assert choose_transport(header, (Lower.TCP,)).lower is Lower.TCP


@pytest.mark.parametrize(
    "header",
    [
        "RTP/AVP;unicast;client_port=5000-5001",
        "RTP/AVP/TCP;multicast",
        "RTP/AVP/TCP;interleaved=0-1;mode=record",
        "RTP/SAVP/TCP;interleaved=0-1",
        "RTP/AVP/TCP;interleaved=255",
        "RTP/AVP/TCP;interleaved=0-256",
        "RTP/AVP/TCP;interleaved=1-1",
        "RTP/AVP/TCP;interleaved=a-b",
        "RTP/AVP/TCP;interleaved=-1",
        "RTP/AVP/TCP;interleaved=٣-٤",
    ],
)
def test_offers_that_cannot_be_served_are_461(header):
    with pytest.raises(ProtocolError) as caught:
        choose_transport(header, (Lower.TCP,))
    assert caught.value.status is Status.UNSUPPORTED_TRANSPORT


@pytest.mark.parametrize(
    "header",
    ["RTP/AVP;unicast", "RTP/AVP;client_port=0-1", "RTP/AVP;client_port=65535", "RTP/AVP;client_port=53-54"],
)
def test_udp_needs_usable_ports(header):
    with pytest.raises(ProtocolError):
        choose_transport(header, BOTH)


@pytest.mark.parametrize("header", ["", " , ", ",".join(["RTP/AVP/TCP"] * 17)])
def test_no_offer_or_a_flood_of_them_is_a_bad_request(header):
    with pytest.raises(ProtocolError) as caught:
        choose_transport(header, BOTH)
    assert caught.value.status is Status.BAD_REQUEST


def test_answers_say_what_was_agreed():
    tcp = Transport(Lower.TCP, channels=(0, 1), ssrc=0xA)
    udp = Transport(Lower.UDP, client_ports=(5000, 5001), server_ports=(6000, 6001))
    assert tcp.serialize() == "RTP/AVP/TCP;unicast;interleaved=0-1;ssrc=0000000A"
    assert udp.serialize() == "RTP/AVP;unicast;client_port=5000-5001;server_port=6000-6001"
    assert choose_transport(tcp.serialize(), BOTH).channels == (0, 1)
