"""The escape hatch: any MANSCDP message, whatever edition it is of (§4)."""

from cambus.connector.handlers import HandlerTable
from cambus.connector_gb28181.handlers.guarded import add
from cambus.connector_gb28181.mapping.native import is_answered, is_whole, message_of, numbered, shown
from cambus.connector_gb28181.mapping.text import text
from cambus.connector_gb28181.session import GbSession
from cambus.gb28181.manscdp.envelope import Root
from cambus.gb28181.xml import serialize
from cambus.schemas.commands import native as commands
from cambus.schemas.errors import BadRequest


def register(table: HandlerTable[GbSession]) -> None:
    """Add the commands of this noun."""
    add(
        table, commands.CALL, call, exclusive=False, destructive=True
    )  # its answer may take as long as it likes


async def call(session: GbSession, request: commands.NativeCallRequest) -> commands.NativeCallReply:
    """Send a message and return its answer, whatever it says, without its secrets.

    An answer in several messages is returned as a list. What has no answer of its own is told by its 200.
    """
    if request.protocol != "gb28181":
        raise BadRequest("protocol: the device speaks gb28181")
    if request.data is not None:
        raise BadRequest("data: wanted none; messages are text")
    envelope = message_of(request.message)
    if envelope.root is not Root.QUERY and not request.confirm:
        raise BadRequest(
            f"confirm: must be true for {envelope.command}, which may do more than read",
            reason="confirm-required",
        )
    remote = session.remote

    def compose(sn: int) -> bytes:
        return serialize(numbered(envelope, sn, session.code), remote.charset)

    if not is_answered(envelope):
        await remote.notify(compose(remote.next_sn()))
        return commands.NativeCallReply()
    answers = await remote.answers(
        envelope.command, compose, request.timeout_s, whole=lambda parts: is_whole(envelope, parts)
    )
    texts = [shown(answer) for answer in answers]
    return commands.NativeCallReply(
        native=texts[0] if len(texts) == 1 else list(texts),
        code=text(answers[0].element.get("Result"), 40) or None,
    )
