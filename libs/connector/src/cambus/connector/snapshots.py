"""Still pictures, whatever the protocol: the next keyframe of a live stream, decoding, keeping, telling."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final

from cambus.client.objects import ObjectStore
from cambus.connector.context import DeviceContext
from cambus.connector.picture import Picture, PictureError
from cambus.connector.taps import KeyframeTaps
from cambus.media.frame import Frame
from cambus.schemas.assets import OBJECTS_PICTURES, PICTURE_CAUSE
from cambus.schemas.errors import DeadlineExceeded, DeviceProtocolError
from cambus.schemas.events import picture as picture_events
from cambus.schemas.ids import new_ulid
from cambus.schemas.objects import PictureRef

KEYFRAME_S: Final = 15.0
CLAIM_TTL_S: Final = 20.0


async def next_keyframe(
    context: DeviceContext,
    taps: KeyframeTaps,
    channel: int,
    stream: str,
    ask: Callable[[], None],
    *,
    due: float | None = None,
) -> Frame:
    """The next keyframe of a live stream, which is opened for it like for any viewer.

    Args:
        context: of the device.
        taps: where its streams offer their keyframes.
        channel: counted from 0.
        stream: as the bus calls it.
        ask: called once the stream is open, to have the encoder make one now.
        due: loop time at which it is given up; by default in fifteen seconds.

    Raises:
        CambusError: the stream can not be opened; `DeadlineExceeded` if no keyframe comes.
    """
    claimant = f"snapshot-{new_ulid()}"
    due = asyncio.get_running_loop().time() + KEYFRAME_S if due is None else due
    waiting = asyncio.ensure_future(taps.next(channel, stream))
    try:
        async with (
            asyncio.timeout_at(due),
            context.hooks.claimed(channel, stream, claimant, CLAIM_TTL_S),
        ):
            ask()
            return await waiting
    except TimeoutError:
        raise DeadlineExceeded("no keyframe came in time", reason="no-keyframe") from None
    finally:
        waiting.cancel()


async def decoded(gate: asyncio.Semaphore, work: Callable[[], Picture]) -> Picture:
    """Decode beside the event loop, a few pictures at a time. Raises DeviceProtocolError."""
    async with gate:
        try:
            return await asyncio.to_thread(work)
        except PictureError as error:
            raise DeviceProtocolError(str(error), reason="no-picture") from error


async def stored(
    context: DeviceContext,
    channel: int,
    picture: Picture,
    *,
    cause: str = "command",
    alarm: str | None = None,
) -> PictureRef:
    """Keep a picture, and tell of it, and why it was taken. Raises BusError."""
    taken_at = datetime.now(UTC)
    name = f"{context.device}/{channel}/{taken_at:%Y%m%dT%H%M%S.%f}Z.jpg"
    store = ObjectStore(context.bus, OBJECTS_PICTURES)
    kept = await store.put(name, picture.data, headers={PICTURE_CAUSE: cause})
    reference = PictureRef(
        bucket=kept.bucket,
        object=kept.name,
        sha256=kept.sha256,
        bytes=kept.bytes,
        content_type="image/jpeg",
        taken_at=taken_at,
        width=picture.width,
        height=picture.height,
    )
    await context.events.tell(
        picture_events.STORED, channel=channel, picture=reference, cause=cause, alarm=alarm
    )
    return reference
