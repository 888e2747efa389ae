"""One exchange of a platform with a Dahua dome and a Hikvision recorder, in 53 messages: read, and made again."""

from __future__ import annotations

from pathlib import Path

import pytest

from cambus.sip.dialog import Dialog
from cambus.sip.digest import Algorithm, Challenge, Credentials
from cambus.sip.events import RequestReceived
from cambus.sip.fields import CSeq
from cambus.sip.framing import StreamReader, read_datagram
from cambus.sip.headers import Headers
from cambus.sip.layer import SipLayer
from cambus.sip.message import Request, Response
from cambus.sip.peer import Peer
from cambus.sip.uri import SipUri

FILES = sorted((Path(__file__).parent / "exchange").glob("*.sip"))
PLATFORM, PLATFORM_AT = "34020000002000000010", "192.168.6.106:5062"
DOME = Peer("udp", "192.168.6.71", 5060)
RECORDER = Peer("udp", "192.168.6.60", 5060)
BODY_SIZES = {
    "05": 180,
    "07": 125,
    "09": 898,
    "11": 128,
    "13": 559,
    "15": 131,
    "17": 639,
    "19": 226,
    "22": 224,
    "26": 171,
    "28": 171,
    "30": 171,
    "32": 171,
    "34": 324,
    "36": 777,
    "38": 272,
    "39": 282,
    "41": 40,
    "42": 66,
    "43": 57,
    "44": 66,
    "45": 58,
    "46": 66,
    "49": 272,
    "50": 282,
}
QUERIES = ["07", "11", "15", "26", "28", "30", "32", "34"]
CALLS = {"19": ("22", "23", "24"), "38": ("39", "40", "47"), "49": ("50", "51", "52")}


def message(number: str) -> Request | Response:
    (path,) = (each for each in FILES if each.name.startswith(number))
    read = read_datagram(path.read_bytes())
    assert isinstance(read, Request | Response)
    return read


def request(number: str) -> Request:
    read = message(number)
    assert isinstance(read, Request)
    return read


def response(number: str) -> Response:
    read = message(number)
    assert isinstance(read, Response)
    return read


def same_fields(made: Request | Response, expected: Request | Response) -> bool:
    """Whether two messages say the same, in whatever order of fields (RFC 3261 §7.3.1)."""
    return (
        made.start_line() == expected.start_line()
        and sorted(made.headers) == sorted(expected.headers)
        and made.body == expected.body
    )


def platform(branch: str, tag: str = "unused") -> SipLayer:
    return SipLayer(sent_by=lambda _: PLATFORM_AT, branch=lambda: branch, tag=lambda: tag)


def sent(layer: SipLayer) -> Request | Response:
    ((_, data),) = layer.data_to_send()
    read = read_datagram(data)
    assert isinstance(read, Request | Response)
    return read


def test_the_exchange_is_complete() -> None:
    assert len(FILES) == 53


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_each_message_is_read_and_written_to_the_byte(path: Path) -> None:
    data = path.read_bytes()

    read = read_datagram(data)

    assert isinstance(read, Request | Response)
    assert len(read.body) == BODY_SIZES.get(path.name[:2], 0)
    assert read.serialize() == data


def test_the_whole_exchange_on_one_connection_gives_the_same_messages() -> None:
    data = b"".join(path.read_bytes() for path in FILES)
    expected = [message(path.name[:2]) for path in FILES]
    reader = StreamReader()

    at_once = StreamReader().receive_data(data)
    byte_by_byte = [each for at in range(len(data)) for each in reader.receive_data(data[at : at + 1])]

    assert at_once == byte_by_byte == expected


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_everybody_who_takes_part_can_be_told_by_id(path: Path) -> None:
    read = message(path.name[:2])

    for address in (read.from_, read.to):
        assert SipUri.parse(address.uri).user[:10] == "3402000000"
        assert len(SipUri.parse(address.uri).user) == 20
    assert read.from_.tag == read.from_tag != ""


def answers() -> list[tuple[str, str]]:
    """Each response with a final status, and the request before it that it answers."""
    pairs = []
    for path in FILES:
        read = message(path.name[:2])
        if isinstance(read, Response) and read.final:
            asked = next(
                other.name[:2]
                for other in FILES
                if isinstance(one := message(other.name[:2]), Request) and one.via.branch == read.via.branch
            )
            pairs.append((asked, path.name[:2]))
    return pairs


@pytest.mark.parametrize(("asked", "answered"), answers())
def test_each_answer_is_made_again_field_for_field(asked: str, answered: str) -> None:
    expected = response(answered)
    source = request(asked).via
    own = [
        (name, value)
        for name, value in expected.headers
        if name not in {"Via", "From", "To", "Call-ID", "CSeq"}
    ]
    layer = platform("unused", tag=expected.to_tag)
    layer.receive(request(asked), Peer("udp", source.host, source.port or 5060), 0.0)
    (event,) = layer.events_received()
    assert isinstance(event, RequestReceived)
    layer.data_to_send()  # 100 to an INVITE

    layer.respond(event.transaction, expected.status, 0.0, headers=own, body=expected.body)

    assert same_fields(sent(layer), expected)


def test_the_challenge_and_its_answer_are_read_and_made_again() -> None:
    asked = (response("02").headers.get("WWW-Authenticate") or "", Algorithm.MD5)
    challenge = Challenge("34020000", "1715926053")
    credentials = Credentials.parse(request("03").headers.get("Authorization") or "")

    assert Challenge.parse(asked[0]) == challenge
    assert Challenge.parse(str(challenge)) == challenge
    assert credentials is not None
    assert str(credentials) == request("03").headers.get("Authorization")
    assert (credentials.uri, credentials.qop) == (f"sip:{PLATFORM}@{PLATFORM_AT}", "")


def out_of_dialog(method: str, target: str, peer: Peer, expected: Request) -> Request:
    """A request as the platform makes it; `expected` gives what is random, and the texts of its user."""
    address = f"{peer.host}:{peer.port}"
    made = Request(method=method, uri=f"sip:{target}@{address}", body=expected.body)
    made.headers.add("From", f"<sip:{PLATFORM}@{PLATFORM_AT}>;tag={expected.from_tag}")
    made.headers.add("To", f"<sip:{target}@{address}>")
    made.headers.add("Call-ID", expected.call_id)
    made.headers.add("CSeq", str(CSeq(20, method)))
    for name in ("Contact", "Content-Type", "User-Agent", "Date", "Subject"):
        for value in expected.headers.all(name):
            made.headers.add(name, value)
    return made


@pytest.mark.parametrize("number", QUERIES)
def test_each_query_and_command_is_made_again_field_for_field(number: str) -> None:
    expected = request(number)
    peer, device = (RECORDER, "34020000001110000001") if number == "34" else (DOME, "34020000001320000002")
    layer = platform(expected.via.branch)

    layer.request(out_of_dialog("MESSAGE", device, peer, expected), peer, 0.0)

    assert same_fields(sent(layer), expected)


@pytest.mark.parametrize("number", CALLS)
def test_each_call_is_made_acknowledged_and_ended_field_for_field(number: str) -> None:
    answered, acknowledged, ended = CALLS[number]
    peer = DOME if number == "19" else RECORDER
    branches = iter([request(each).via.branch for each in (number, acknowledged, ended)])
    layer = SipLayer(sent_by=lambda _: PLATFORM_AT, branch=lambda: next(branches))
    own = [("Contact", f"<sip:{PLATFORM}@{PLATFORM_AT}>"), ("User-Agent", "eXosip/4.1.0")]

    invite = layer.request(out_of_dialog("INVITE", "34020000001310000001", peer, request(number)), peer, 0.0)
    assert same_fields(sent(layer), request(number))
    if number == "19":
        for provisional in ("20", "21"):
            layer.receive(message(provisional), peer, 0.1)
    layer.receive(message(answered), peer, 0.2)
    dialog = Dialog.called(invite.request, response(answered), peer)
    layer.acknowledge(invite, dialog.ack(invite.request, headers=own))
    assert same_fields(sent(layer), request(acknowledged))
    dialog.local_seq = request(ended).cseq.number - 1
    layer.request(dialog.request("BYE", headers=own), peer, 1.0)
    assert same_fields(sent(layer), request(ended))


def test_each_control_of_a_playback_is_made_again_with_the_next_number() -> None:
    dialog = Dialog.called(request("38"), response("39"), RECORDER)

    for number in ("41", "43", "45"):
        expected = request(number)
        layer = platform(expected.via.branch)
        own = [
            (name, value)
            for name, value in expected.headers
            if name in {"Contact", "Content-Type", "User-Agent", "Date"}
        ]
        layer.request(dialog.request("INFO", headers=own, body=expected.body), RECORDER, 0.0)
        assert same_fields(sent(layer), expected)


def test_headers_that_authorize_are_not_shown() -> None:
    assert "fa983ee8" not in repr(request("03"))
    assert "fa983ee8" not in repr(Credentials.parse(request("03").headers.get("Authorization") or ""))
    assert isinstance(request("03").headers, Headers)
