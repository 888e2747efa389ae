"""The escape hatch: any message of the protocol, by its id (DVRIP §4)."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from cambus.connector.handlers import HandlerTable
from cambus.connector_dvrip.handlers.guarded import add
from cambus.connector_dvrip.mapping.native import json_value
from cambus.connector_dvrip.session import DvripSession
from cambus.dvrip.codes import ReturnCode
from cambus.dvrip.errors import ProtocolError
from cambus.dvrip.exchange import Collector
from cambus.dvrip.ids import READ_ONLY_IDS, MessageId
from cambus.dvrip.operations.transfers import ZipCollector
from cambus.dvrip.snapshot import SnapshotCollector
from cambus.schemas.commands import native as commands
from cambus.schemas.errors import BadRequest

OURS: Final = frozenset(
    {MessageId.LOGIN, MessageId.LOGOUT, MessageId.KEEPALIVE, MessageId.UPGRADE, MessageId.UPGRADE_DATA}
)
"""Messages that would wreck what the session itself is doing."""

_GATHERED: Final[Mapping[int, Callable[[], Collector]]] = {
    MessageId.SNAPSHOT: SnapshotCollector,
    MessageId.UI_SCREENSHOT: SnapshotCollector,
    MessageId.CONFIG_EXPORT: ZipCollector,
    MessageId.LOG_EXPORT: ZipCollector,
}
"""What is answered in as many packets as it takes; all else comes whole, or in parts that say so themselves."""


def register(table: HandlerTable[DvripSession]) -> None:
    """Add the commands of this noun."""
    add(table, commands.CALL, call, during_upgrade=False)


async def call(session: DvripSession, request: commands.NativeCallRequest) -> commands.NativeCallReply:
    """Send a message and return its answer, whatever it says, without its secrets."""
    if request.protocol != "dvrip":
        raise BadRequest("protocol: the device speaks dvrip")
    message_id, body, reply_id = _message(request)
    if message_id in OURS:
        raise BadRequest(f"message.id: {message_id} belongs to the session itself")
    if message_id not in READ_ONLY_IDS and not request.confirm:
        raise BadRequest(
            f"confirm: must be true for message {message_id}, which may do more than read",
            reason="confirm-required",
        )
    gather = _GATHERED.get(message_id)
    reply = await session.client.request(
        message_id,
        body,
        expect=reply_id,
        timeout_s=request.timeout_s,
        label=f"message {message_id}",
        collector=None if gather is None else gather(),
    )
    try:
        native = reply.body
    except ProtocolError:
        return commands.NativeCallReply(data=reply.payload)
    code = reply.code
    if message_id == MessageId.CONFIG_SET and isinstance(body, dict) and code == ReturnCode.OK:
        name = str(body.get("Name", ""))
        session.device.write_address(name, body.get(name))
    return commands.NativeCallReply(native=json_value(native), code=None if code is None else str(code))


def _message(request: commands.NativeCallRequest) -> tuple[int, dict[str, Any] | bytes, int | None]:
    """The id, body and reply id in a request."""
    message = request.message
    if not isinstance(message, dict) or set(message) - {"id", "body", "reply_id"}:
        raise BadRequest('message: wanted {"id": …, "body": {…}, "reply_id": …}')
    message_id = _id(message.get("id"), "id")
    reply_id = None if message.get("reply_id") is None else _id(message["reply_id"], "reply_id")
    if request.data is not None:
        return message_id, request.data, reply_id
    body = message.get("body", {})
    if not isinstance(body, dict):
        raise BadRequest("message.body: wanted an object")
    return message_id, dict(body), reply_id


def _id(value: object, field: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 < value <= 65535:
        raise BadRequest(f"message.{field}: wanted a number from 1 to 65535")
    return value
