"""MANSCDP as text, for the escape hatch: read without trust, sent with a number of ours, shown without secrets."""

from collections.abc import Sequence
from typing import Final

from cambus.gb28181.errors import ProtocolError
from cambus.gb28181.manscdp.config import ConfigQuery
from cambus.gb28181.manscdp.control import DeviceControl
from cambus.gb28181.manscdp.envelope import Envelope, Root
from cambus.gb28181.manscdp.layout import SECRET
from cambus.gb28181.values import read_int
from cambus.gb28181.xml import Element, parse
from cambus.schemas.errors import BadRequest

REDACTED: Final = "***"
MAX_BYTES: Final = 64 << 10
_SECRET: Final = SECRET | {"username", "uploadurl", "fileurl", "sessionid"}
_WANTED: Final = "message: wanted MANSCDP XML as text, such as <Query><CmdType>DeviceInfo</CmdType></Query>"
_HEADER: Final = frozenset({"cmdtype", "sn", "deviceid"})


def message_of(text: object) -> Envelope:
    """Read a message to be sent. Raises BadRequest."""
    if not isinstance(text, str) or len(data := text.encode("utf-8", "replace")) > MAX_BYTES:
        raise BadRequest(_WANTED)
    try:
        envelope = Envelope.of(parse(data, "utf-8"))
    except ProtocolError as error:
        raise BadRequest(f"{_WANTED}; {error}") from None
    if envelope.root is Root.RESPONSE:
        raise BadRequest("message: wanted a Query, a Control or a Notify; answers are not sent by hand")
    return envelope


def numbered(envelope: Envelope, sn: int, device: str) -> Element:
    """The message under a number of ours, to the device where it names no other node of it."""
    element = Element(envelope.root.value)
    element.add("CmdType", envelope.command).add("SN", sn)
    if envelope.code or envelope.command.lower() != "broadcast":
        element.add("DeviceID", envelope.code or device)
    element.children.extend(
        child for child in envelope.element.children if child.name.lower() not in _HEADER or child.children
    )
    return element


def is_answered(envelope: Envelope) -> bool:
    """Whether a result follows in a message of its own (§4.1)."""
    if envelope.root is Root.CONTROL and envelope.command.lower() == "devicecontrol":
        return DeviceControl.parse(envelope).is_answered
    return envelope.root is not Root.NOTIFY or envelope.command.lower() == "broadcast"


def is_whole(envelope: Envelope, answers: Sequence[Envelope]) -> bool:
    """Whether all of an answer has come: every block that was asked for, or as many items as were announced."""
    if envelope.command.lower() == "configdownload":
        types = ConfigQuery.parse(envelope).types or ""
        return len(answers) >= len(set(types.split("/")))
    announced = read_int(answers[0].element.get("SumNum"))
    return announced is None or sum(answer.element.longest_list for answer in answers) >= announced


def shown(envelope: Envelope) -> str:
    """An answer as text, without what is secret in it."""
    return "\n".join(_redacted(envelope.element).lines())


def _redacted(element: Element) -> Element:
    if element.name.lower() in _SECRET and (element.text or element.children):
        return Element(element.name, REDACTED)
    children = [_redacted(child) for child in element.children]
    return Element(element.name, element.text, children, dict(element.attributes))
