"""What the bus has no command for, passed on as it is to devices below that speak GB/T 28181 themselves (§12)."""

from __future__ import annotations

from typing import Final

from cambus.connector_gb28181.cascade.context import LinkContext
from cambus.connector_gb28181.cascade.nodes import Node
from cambus.gb28181.codes import is_code
from cambus.gb28181.manscdp.envelope import Envelope
from cambus.gb28181.xml import Element
from cambus.schemas.commands import native
from cambus.schemas.errors import DeviceProtocolError, Unsupported

PROTOCOL: Final = "gb28181"
_HEADER: Final = frozenset({"cmdtype", "sn", "deviceid"})


async def relay(context: LinkContext, node: Node, envelope: Envelope) -> Envelope | None:
    """Pass a body on, under the device's own code and number; its answer, None where none is due.

    Raises:
        Unsupported: the device speaks another protocol.
        CambusError: it is away, or refuses.
    """
    if node.protocol != PROTOCOL:
        raise Unsupported(f"{envelope.command} is not for a device of {node.protocol or 'this kind'}")
    body = Element(envelope.root.value).add("CmdType", envelope.command).add("SN", 0)
    native_code = node.info.native_id if node.info is not None else None
    if native_code is not None and is_code(native_code):
        body.add("DeviceID", native_code)
    body.children.extend(each for each in envelope.element.children if each.name.lower() not in _HEADER)
    request = native.NativeCallRequest(protocol=PROTOCOL, message="\n".join(body.lines()), confirm=True)
    reply = await context.call(node, native.CALL, request)
    if reply.native is None:
        return None
    text = reply.native[0] if isinstance(reply.native, list) else reply.native
    if not isinstance(text, str):
        raise DeviceProtocolError(f"{envelope.command} was answered with no body")
    return Envelope.parse(text.encode())
