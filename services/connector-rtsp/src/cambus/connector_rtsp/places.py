"""Where the streams of a device are: its record's paths and URLs, with the account put in where one stands for it."""

import re
from collections.abc import Mapping, Sequence
from typing import Final
from urllib.parse import quote

from cambus.connector.errors import EndReason, InvalidRecord, SessionEnd
from cambus.connector_rtsp.options import ChannelOptions
from cambus.rtsp.client_url import Source, parse_source
from cambus.schemas.ids import StreamName
from cambus.schemas.state.credentials import Credentials

_ADDRESS: Final = re.compile(r"(?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]{1,253})(?::\d{1,5})?")
_WORDS: Final = re.compile(r"\{(username|password)\}")

Sources = Sequence[Mapping[StreamName, Source]]
"""For each channel, where each of its streams is."""


def check_places(address: str | None, cameras: Sequence[ChannelOptions]) -> None:
    """Look at all places of a record, whatever the account will be. Raises InvalidRecord."""
    if address is not None and not _ADDRESS.fullmatch(address):
        raise InvalidRecord("address: wanted HOST, HOST:PORT or [IPV6]:PORT")
    _sources(address, cameras, "x", "x")


def sources(
    address: str | None, cameras: Sequence[ChannelOptions], credentials: Credentials | None
) -> Sources:
    """Where the streams are. Raises SessionEnd if a place needs an account and there is none."""
    if credentials is None:
        for camera in cameras:
            if any(_WORDS.search(place) for place in camera.streams.values()):
                raise SessionEnd(
                    EndReason.CREDENTIALS_MISSING, "a URL of the device needs a user and a password"
                )
        return _sources(address, cameras, "", "")
    password = "" if credentials.password is None else credentials.password.get_secret_value()
    return _sources(address, cameras, credentials.username, password)


def _sources(address: str | None, cameras: Sequence[ChannelOptions], user: str, password: str) -> Sources:
    words = {"username": quote(user, safe=""), "password": quote(password, safe="")}
    found: list[Mapping[StreamName, Source]] = []
    for number, camera in enumerate(cameras):
        streams: dict[StreamName, Source] = {}
        for stream, place in camera.streams.items():
            try:
                streams[stream] = _source(address, _WORDS.sub(lambda word: words[word[1]], place))
            except ValueError as error:
                raise InvalidRecord(f"the {stream} URL of channel {number}: {error}") from None
        found.append(streams)
    return tuple(found)


def _source(address: str | None, place: str) -> Source:
    if "://" in place.partition("?")[0]:
        return parse_source(place)
    if address is None:
        raise ValueError("wanted a whole rtsp:// URL, for the record has no address")
    return parse_source(f"rtsp://{address}/{place.removeprefix('/')}")
