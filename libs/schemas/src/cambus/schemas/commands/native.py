"""The escape hatch: any message of the device's own protocol, for what the catalog does not say."""

from typing import Annotated

from pydantic import Field

from cambus.schemas.ids import Name
from cambus.schemas.model import Binary, FreeJson, Message, example
from cambus.schemas.spec import CommandSpec


class NativeCallRequest(Message):
    """Send one message in the device's own protocol and wait for its answer.

    | protocol | `message` |
    |---|---|
    | `dvrip` | `{"id": 1360, "body": {…}, "reply_id": 1361}` |
    | `gb28181` | MANSCDP XML as text |
    | `telecom` | `{"command": 97, "xml": "…"}` |
    | `hikvision`, `onvif` | `{"method": "GET", "path": "/ISAPI/System/deviceInfo", "body": "…"}` |
    """

    model_config = example(
        protocol="dvrip",
        message={"id": 1020, "body": {"Name": "WorkState"}},
        data=None,
        confirm=False,
        timeout_s=10.0,
    )

    protocol: Name = Field(
        description="The protocol the message is of; refused if the device speaks another."
    )
    message: FreeJson = Field(default=None, description="The message, as the table above says.", repr=False)
    data: Annotated[Binary | None, Field(repr=False)] = Field(
        default=None, description="A binary body, for messages that carry one.", repr=False
    )
    confirm: bool = Field(default=False, description="Must be true for every message not known to only read.")
    timeout_s: float = Field(default=10.0, gt=0, le=120, description="Seconds to wait for the answer.")


class NativeCallReply(Message):
    """The device's answer, untouched but for secrets."""

    model_config = example(native={"Name": "WorkState", "Ret": 100, "WorkState": {}}, data=None, code="100")

    native: FreeJson = Field(
        default=None, description="The answer: JSON, or text where the protocol speaks XML."
    )
    data: Binary | None = Field(default=None, description="The answer's binary body, where it is binary.")
    code: str | None = Field(
        default=None, description="The device's result code, where the protocol has one."
    )


CALL = CommandSpec(
    "native",
    "call",
    NativeCallRequest,
    NativeCallReply,
    "Send any message of the device's protocol.",
    timeout_s=15.0,
)
