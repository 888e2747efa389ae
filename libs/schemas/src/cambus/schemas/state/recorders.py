"""The recorders there are, running or not: whoever searches is told which of them did not answer."""

from pydantic import Field

from cambus.schemas.ids import ChannelNo, DeviceId, ReplicaId, StreamName, Token
from cambus.schemas.model import Instant, Message, example


class KnownRecorder(Message):
    """One replica of the recorder, and so one disk with recordings. A value of `cambus-policies`.

    It is written again every hour, and forgotten by the others a month after the last time. Deleting it tells
    them at once that its disk is gone for good.
    """

    model_config = example(replica="recorder-0", seen_at="2026-02-01T12:00:00Z")

    replica: ReplicaId = Field(description="Its stable name.")
    seen_at: Instant = Field(description="When it last said that it is there.")


class RecordedMark(Message):
    """Up to when a stream that is to be recorded is. A value of `cambus-leases`, gone when it is no longer wanted.

    Whoever records the stream next, the same replica after a restart or another, knows by it what is missing.
    """

    model_config = example(replica="recorder-0", until="2026-02-01T12:17:22.100Z")

    replica: ReplicaId = Field(description="The recorder that held it last.")
    until: Instant = Field(description="First instant no longer recorded, some seconds old.")


class ManualRecording(Message):
    """The wish of somebody to have a stream recorded for a while. A value of `cambus-policies`."""

    model_config = example(
        device="gate-1",
        channel=0,
        stream="main",
        claimant="guard-7",
        since="2026-02-01T12:17:22.100Z",
        until="2026-02-01T12:27:22.100Z",
    )

    device: DeviceId = Field(description="The device.")
    channel: ChannelNo = Field(description="The channel, counted from 0.")
    stream: StreamName = Field(default="main", description="Which stream.")
    claimant: Token = Field(description="Who wants it.")
    since: Instant = Field(description="From when on.")
    pre_roll_s: float = Field(
        default=0.0, ge=0, le=60, description="Seconds from before, as far as they are kept."
    )
    until: Instant = Field(description="Until when.")
