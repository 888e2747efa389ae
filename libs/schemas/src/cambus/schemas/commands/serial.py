"""The serial ports of a device as a transparent channel."""

from typing import Annotated, Literal

from pydantic import Field

from cambus.schemas.ids import SessionId
from cambus.schemas.model import Binary, Done, Message, example
from cambus.schemas.spec import CommandSpec


class SerialOpenRequest(Message):
    """Take a serial port; only one caller holds it at a time."""

    model_config = example(
        kind="rs485", port=0, baud=9600, data_bits=8, parity="none", stop_bits=1, ttl_s=60.0
    )

    kind: Literal["rs232", "rs485"] = Field(default="rs485", description="The kind of port.")
    port: int = Field(default=0, ge=0, le=255, description="Its number among those of its kind, from 0.")
    baud: int = Field(default=9600, ge=50, le=4_000_000, description="Bits per second.")
    data_bits: int = Field(default=8, ge=4, le=8, description="Data bits.")
    parity: Literal["none", "odd", "even", "mark", "space"] = Field(default="none", description="Parity.")
    stop_bits: int = Field(default=1, ge=1, le=2, description="Stop bits.")
    ttl_s: float = Field(
        default=60.0, ge=5, le=3600, description="Seconds without a write after which it is given back."
    )


class SerialOpenReply(Message):
    """The port is yours."""

    model_config = example(session="ser-01", subject="cambus.v1.media.gate-1.0.s-ser-01", ttl_s=60.0)

    session: SessionId = Field(description="Names the port in the commands that follow.")
    subject: str = Field(
        description="Where the bytes the device receives are published, as frames of kind data."
    )
    ttl_s: float = Field(
        description="Seconds without a write after which it is given back; an empty write keeps it."
    )


class SerialWriteRequest(Message):
    """Send bytes out of the port."""

    model_config = example(session="ser-01", data="/wEAAQAAAg==")

    session: SessionId = Field(description="The session of `device.serial.open`.")
    data: Annotated[Binary, Field(max_length=65536)] = Field(
        description="The bytes; none only keeps the port."
    )


class SerialCloseRequest(Message):
    """Give the port back."""

    model_config = example(session="ser-01")

    session: SessionId = Field(description="The session of `device.serial.open`.")


OPEN = CommandSpec("device", "serial.open", SerialOpenRequest, SerialOpenReply, "Take a serial port.")
WRITE = CommandSpec("device", "serial.write", SerialWriteRequest, Done, "Send bytes out of a serial port.")
CLOSE = CommandSpec(
    "device", "serial.close", SerialCloseRequest, Done, "Give a serial port back.", idempotent=True
)
