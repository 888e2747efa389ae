"""What a channel is asked for: its encoders, how media comes, in which dialect (§8.1, GB-154, GB-155)."""

from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

from cambus.gb28181.errors import GbError, Refused
from cambus.gb28181.media_session import MediaSession, OnUnits, SessionOrder, StreamDialect
from cambus.gb28181.sdp import Purpose
from cambus.schemas.errors import NotFound

if TYPE_CHECKING:
    from cambus.connector_gb28181.session import GbSession

STREAM_NUMBERS: Final = {"main": 0, "sub": 1, "third": 2}


async def open_media(session: "GbSession", order: SessionOrder, on_units: OnUnits) -> MediaSession:
    """Invite a channel, once nothing is left open with its device. Raises CambusError."""
    try:
        await session.device.hub.dialogs.end_orphans(session)
        return await session.media.open(session.code, order, on_units)
    except GbError as error:
        if order.history and isinstance(error, Refused) and error.status == HTTPStatus.NOT_FOUND:
            raise NotFound("the device has nothing recorded in that time", reason="no-recording") from error
        raise session.failed(error) from error


def stream_number(stream: str) -> int:
    """How the protocol counts a stream. Raises NotFound for one it does not know."""
    number = STREAM_NUMBERS.get(stream)
    if number is None:
        raise NotFound(f"GB/T 28181 devices have no stream {stream}", reason="no-such-stream")
    return number


def order_of(
    session: "GbSession",
    channel: int,
    stream: str = "main",
    purpose: Purpose = Purpose.PLAY,
    **more: Any,
) -> SessionOrder:
    """What a channel is asked for.

    Args:
        session: of the device.
        channel: as the bus counts.
        stream: which encoder.
        purpose: live, playback, download or talk.
        more: fields of the order this can not know.

    Raises:
        NotFound: there is no such channel, or no such encoder.
    """
    code, options = session.code_of(channel), session.device.options
    number, listed = stream_number(stream), _numbers(session, code, "StreamNumberList")
    if listed and number not in listed:
        raise NotFound(f"the channel has no stream {stream}", reason="no-such-stream")
    said = _dialect(session, code)
    return SessionOrder(
        code,
        purpose,
        transport=options.media_transport or session.device.hub.settings.gb28181_media_transport,
        stream=number if number or _says_main(session) else None,
        dialect=said,
        template=options.stream_template,
        streams=listed,
        legacy_control=options.legacy_control,
        media_address=options.media_address,
        attributes=() if purpose is Purpose.TALK else tuple(options.sdp_attributes),
        strict_ssrc=True if options.strict_ssrc else None,
        **more,
    )


def download_speeds(session: "GbSession", channel: int) -> tuple[int, ...]:
    """The speeds the catalog says a channel can be fetched at; none where it does not say."""
    return _numbers(session, session.code_of(channel), "DownloadSpeed")


def _says_main(session: "GbSession") -> bool:
    """Whether the main stream is named too: older devices get the INVITE they have always got."""
    options = session.device.options
    named = options.stream_dialect != "auto" or options.stream_template is not None
    return named or session.remote.version.is_2022


def _dialect(session: "GbSession", code: str) -> StreamDialect:
    options = session.device.options
    item = session.channels.item(code)
    vendor = (item.manufacturer if item is not None else "") or session.known.vendor
    if options.stream_dialect != "auto":
        return options.dialect(vendor)
    return StreamDialect.usual(session.remote.version, vendor)


def _numbers(session: "GbSession", code: str, name: str) -> tuple[int, ...]:
    """A list such as `0/1/2` of the catalog; what is no number in it is passed over."""
    item = session.channels.item(code)
    texts = item.detail(name).split("/") if item is not None else []
    return tuple(int(text) for text in texts if text.strip().isascii() and text.strip().isdigit())
