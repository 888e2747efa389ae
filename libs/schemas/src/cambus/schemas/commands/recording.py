"""Recordings on the device itself: searching, playing, fetching and keeping them.

What Cambus records is the recorder's; see `cambus.schemas.commands.recorder`.
"""

from typing import Annotated, Literal

from pydantic import Field

from cambus.schemas.ids import ChannelNo, SessionId, StreamName, Token
from cambus.schemas.model import Done, Instant, JsonObject, Message, Vocabulary, example
from cambus.schemas.spec import CommandSpec
from cambus.schemas.transfer import TransferResume

RecordingId = Annotated[str, Field(min_length=1, max_length=500)]
"""What the device calls a recording: opaque, passed back as it came, never a path of ours."""

_SESSION = "The session of `recording.play`."


class RecordingCause(Vocabulary):
    """Why the device recorded."""

    CONTINUOUS = "continuous"
    MOTION = "motion"
    ALARM = "alarm"
    MANUAL = "manual"
    OTHER = "other"


class DeviceRecording(Message):
    """One recording on the device."""

    model_config = example(
        id="/idea0/2026-02-01/001/10.08.41-10.23.30[R][@7cb][0].h264",
        channel=0,
        stream="main",
        start="2026-02-01T02:08:41Z",
        end="2026-02-01T02:23:30Z",
        bytes=46137344,
        event="continuous",
        locked=False,
        kind="video",
        native={"DiskNo": 0, "SerialNo": 0},
    )

    id: RecordingId = Field(description="What the device calls it; opaque.")
    channel: ChannelNo = Field(description="The channel, counted from 0.")
    stream: StreamName | None = Field(
        default=None, description="Which encoder was recorded, if the device says."
    )
    start: Instant = Field(description="First instant in it, converted with the device's zone.")
    end: Instant = Field(description="First instant no longer in it.")
    bytes: int | None = Field(default=None, ge=0, description="Size in bytes, as exact as the device tells.")
    event: RecordingCause = Field(default=RecordingCause.OTHER, description="Why it was recorded.")
    locked: bool | None = Field(default=None, description="Whether it is kept from being overwritten.")
    kind: Literal["video", "picture"] = Field(default="video", description="Moving or still.")
    native: JsonObject = Field(
        default_factory=dict, description="Further fields in the words of the protocol."
    )


class RecordingFindRequest(Message):
    """Search the device's recordings, a page at a time."""

    model_config = example(
        channel=0,
        start="2026-02-01T00:00:00Z",
        end="2026-02-02T00:00:00Z",
        event=None,
        limit=200,
        cursor=None,
    )

    channel: ChannelNo = Field(description="The channel, counted from 0.")
    start: Instant = Field(description="First instant of interest.")
    end: Instant = Field(description="First instant no longer of interest.")
    stream: StreamName | None = Field(default=None, description="Which encoder; None for the main one.")
    event: RecordingCause | None = Field(default=None, description="Why it was recorded; None for any cause.")
    kind: Literal["video", "picture"] = Field(default="video", description="Moving or still.")
    everywhere: bool = Field(
        default=False,
        description="Search every storage the device knows of, such as that of its platform, and not only its own; "
        "a device that has no other finds the same.",
    )
    limit: int = Field(default=500, ge=1, le=2000, description="At most this many recordings.")
    cursor: str | None = Field(
        default=None, max_length=1000, description="From the previous page; None for the first."
    )


class RecordingFindReply(Message):
    """One page of recordings, oldest first."""

    model_config = example(
        recordings=[
            {
                "id": "/idea0/2026-02-01/001/10.08.41-10.23.30[R][@7cb][0].h264",
                "channel": 0,
                "start": "2026-02-01T02:08:41Z",
                "end": "2026-02-01T02:23:30Z",
                "bytes": 46137344,
                "event": "continuous",
            }
        ],
        cursor=None,
        complete=True,
        announced=1,
    )

    recordings: list[DeviceRecording] = Field(description="The recordings.")
    cursor: str | None = Field(
        default=None, description="Pass it on for the next page; None if this was the last."
    )
    complete: bool = Field(
        default=True, description="False if the device ended the search before its announced end."
    )
    announced: int | None = Field(default=None, ge=0, description="How many the device said there are.")


class RecordingCalendarRequest(Message):
    """Ask on which days of a month there are recordings."""

    model_config = example(channel=0, year=2026, month=2)

    channel: ChannelNo = Field(description="The channel, counted from 0.")
    year: int = Field(ge=1970, le=9999, description="The year, by the device's clock.")
    month: int = Field(ge=1, le=12, description="The month, from 1.")


class RecordingCalendarReply(Message):
    """The days with recordings."""

    model_config = example(days=[1, 2, 3, 5])

    days: list[Annotated[int, Field(ge=1, le=31)]] = Field(description="Days of the month, ascending.")


class RecordingPlayRequest(Message):
    """Play a recording, or a span of time, onto the bus."""

    model_config = example(
        channel=0,
        recording=None,
        start="2026-02-01T02:10:00Z",
        end="2026-02-01T02:20:00Z",
        stream="main",
        speed=1.0,
        on_touch=False,
        claimant="media-relay-1",
        ttl_s=30.0,
    )

    channel: ChannelNo = Field(description="The channel, counted from 0.")
    recording: RecordingId | None = Field(
        default=None, description="A recording by its id; None to play by time."
    )
    start: Instant | None = Field(default=None, description="Where to begin; needed without a recording.")
    end: Instant | None = Field(default=None, description="Where to end; needed without a recording.")
    stream: StreamName = Field(default="main", description="Which encoder, where both were recorded.")
    speed: float = Field(
        default=1.0, ge=-16, le=16, description="Speed, 1 is as it was; negative plays backwards."
    )
    on_touch: bool = Field(
        default=False,
        description="Begin with the first `recording.touch`, so that whoever watches can be listening first.",
    )
    claimant: Token = Field(default="anyone", description="Who watches, for the log.")
    ttl_s: float = Field(
        default=30.0, ge=5, le=3600, description="Seconds until the session ends unless touched."
    )


class RecordingPlayReply(Message):
    """The playback runs; its frames flow or will."""

    model_config = example(session="pb-01", subject="cambus.v1.media.gate-1.0.s-pb-01", ttl_s=30.0)

    session: SessionId = Field(description="Names the playback in the commands that follow.")
    subject: str = Field(description="Where the frames are published; the last one carries the flag END.")
    ttl_s: float = Field(description="Seconds until the session ends; touch it at a third of that.")
    route: str = Field(
        default="",
        max_length=1000,
        description="By which systems below the device it comes, nearest first, with `-` between, if they say so.",
    )


class RecordingSessionRequest(Message):
    """Names a playback."""

    model_config = example(session="pb-01")

    session: SessionId = Field(description=_SESSION)


class RecordingSeekRequest(Message):
    """Go on playing from elsewhere."""

    model_config = example(session="pb-01", at="2026-02-01T02:15:00Z")

    session: SessionId = Field(description=_SESSION)
    at: Instant = Field(description="From which instant.")


class RecordingSpeedRequest(Message):
    """Play faster, slower or backwards."""

    model_config = example(session="pb-01", speed=4.0, at=None, until=None)

    session: SessionId = Field(description=_SESSION)
    speed: float = Field(ge=-16, le=16, description="Speed, 1 is as it was; negative plays backwards.")
    at: Instant | None = Field(
        default=None,
        description="Backwards: from which instant; None for where it is. Else use `recording.seek`.",
    )
    until: Instant | None = Field(
        default=None, description="Backwards: to which earlier instant; None for the begin of what is played."
    )


class RecordingSpeedReply(Message):
    """The speed the device settled on."""

    model_config = example(speed=4.0, at=None, until=None)

    speed: float = Field(description="The speed it plays at now; devices know only some.")
    at: Instant | None = Field(
        default=None,
        description="Backwards: from which instant, where the device says what it made of the wish.",
    )
    until: Instant | None = Field(default=None, description="Backwards: to which instant, likewise.")


class DownloadFormat(Vocabulary):
    """What a download's bytes are to be."""

    NATIVE = "native"
    MP4 = "mp4"


class RecordingDownloadRequest(Message):
    """Fetch a recording, or a span of time, as fast as the reader takes it, losing nothing."""

    model_config = example(
        channel=0,
        recording="/idea0/2026-02-01/001/10.08.41-10.23.30[R][@7cb][0].h264",
        start=None,
        end=None,
        stream="main",
        format="native",
        resume=None,
    )

    channel: ChannelNo = Field(description="The channel, counted from 0.")
    recording: RecordingId | None = Field(
        default=None, description="A recording by its id; None to fetch by time."
    )
    start: Instant | None = Field(default=None, description="From when; needed without a recording.")
    end: Instant | None = Field(default=None, description="Until when; needed without a recording.")
    stream: StreamName = Field(default="main", description="Which encoder, where both were recorded.")
    format: DownloadFormat = Field(
        default=DownloadFormat.NATIVE,
        description="`native`: the bytes as the device gives them. `mp4`: the same pictures and sound as fragmented "
        "MP4, nothing re-encoded.",
    )
    resume: TransferResume | None = Field(
        default=None,
        description="What an earlier download of the same left. Devices can not begin in the middle of a recording, "
        "so all of it is fetched again; what is there already is compared instead of being sent.",
    )


class RecordingDownloadReply(Message):
    """The download may be read; see `cambus.schemas.transfer`."""

    model_config = example(
        session="dl-01",
        subject="cambus.v1.xfer.dl-01",
        content_type="video/mp4",
        bytes=46137344,
        offset=0,
        recordings=1,
    )

    session: SessionId = Field(description="Names the transfer; `recording.stop` ends it early.")
    subject: str = Field(description="Where the chunks are asked for.")
    content_type: str = Field(
        description="What the bytes are: `video/mp4`, `video/mp2p`, `application/x-dvrip-media`, "
        "`application/x-cambus-frames`."
    )
    bytes: int | None = Field(
        default=None, ge=0, description="Size in bytes, if known beforehand; may be an estimate."
    )
    offset: int = Field(default=0, ge=0, description="Where to begin to read: behind what was resumed.")
    recordings: int = Field(default=1, ge=1, description="How many recordings it is put together from.")
    route: str = Field(
        default="",
        max_length=1000,
        description="By which systems below the device it comes, nearest first, with `-` between, if they say so.",
    )


class RecordingLockRequest(Message):
    """Keep a recording from being overwritten, or no longer."""

    model_config = example(recording="/idea0/2026-02-01/001/10.08.41-10.23.30[R][@7cb][0].h264")

    recording: RecordingId = Field(description="The recording.")


class RecordingManualRequest(Message):
    """Make the device record a channel now, or no longer."""

    model_config = example(channel=0, stream="main", on=True)

    channel: ChannelNo = Field(description="The channel, counted from 0.")
    stream: StreamName = Field(default="main", description="Which encoder.")
    on: bool = Field(description="True to record, false to go back to the device's own schedule.")


FIND = CommandSpec(
    "recording",
    "find",
    RecordingFindRequest,
    RecordingFindReply,
    "Search the recordings on the device.",
    timeout_s=60.0,
    idempotent=True,
)
CALENDAR = CommandSpec(
    "recording",
    "calendar",
    RecordingCalendarRequest,
    RecordingCalendarReply,
    "List the days with recordings.",
    timeout_s=30.0,
    idempotent=True,
)
PLAY = CommandSpec(
    "recording",
    "play",
    RecordingPlayRequest,
    RecordingPlayReply,
    "Play a recording onto the bus.",
    timeout_s=20.0,
)
TOUCH = CommandSpec(
    "recording", "touch", RecordingSessionRequest, Done, "Keep a playback from lapsing.", idempotent=True
)
PAUSE = CommandSpec("recording", "pause", RecordingSessionRequest, Done, "Pause a playback.", idempotent=True)
RESUME = CommandSpec(
    "recording", "resume", RecordingSessionRequest, Done, "Go on with a playback.", idempotent=True
)
SEEK = CommandSpec(
    "recording", "seek", RecordingSeekRequest, Done, "Play from another instant.", idempotent=True
)
SPEED = CommandSpec(
    "recording",
    "speed",
    RecordingSpeedRequest,
    RecordingSpeedReply,
    "Play faster or slower.",
    idempotent=True,
)
STOP = CommandSpec(
    "recording", "stop", RecordingSessionRequest, Done, "End a playback or a download.", idempotent=True
)
DOWNLOAD = CommandSpec(
    "recording",
    "download",
    RecordingDownloadRequest,
    RecordingDownloadReply,
    "Fetch a recording from the device.",
    timeout_s=30.0,
)
LOCK = CommandSpec(
    "recording",
    "lock",
    RecordingLockRequest,
    Done,
    "Keep a recording from being overwritten.",
    idempotent=True,
)
UNLOCK = CommandSpec(
    "recording",
    "unlock",
    RecordingLockRequest,
    Done,
    "Let a recording be overwritten again.",
    idempotent=True,
)
MANUAL = CommandSpec(
    "recording", "manual", RecordingManualRequest, Done, "Make the device record now.", idempotent=True
)
