"""How the messages of a platform get to one of its devices."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cambus.gb28181.versions import HEADER as VERSION_HEADER
from cambus.gb28181.versions import Version
from cambus.sip.message import Request, Response
from cambus.sip.peer import Peer

if TYPE_CHECKING:
    from cambus.gb28181.platform import Gb28181Platform


class PlatformLine:
    """How messages get to one device."""

    def __init__(self, platform: Gb28181Platform, code: str) -> None:
        self._platform = platform
        self._code = code

    @property
    def peer(self) -> Peer | None:
        """Where it is now; None if it is not there."""
        registrar = self._platform.registrar
        binding = registrar.binding(self._code)
        return binding.peer if binding is not None and registrar.online(self._code) else None

    @property
    def version(self) -> Version:
        """The edition it speaks."""
        binding = self._platform.registrar.binding(self._code)
        return binding.version if binding is not None else Version.GB2016

    @property
    def charset(self) -> str:
        """What to write to it in."""
        return self._platform.charset_of(self._code)

    def compose(self, method: str, code: str, *, sequence: int) -> Request:
        """A request of ours."""
        request = self._platform.compose(method, code, self.peer, sequence=sequence)
        if self.version.is_2022:
            request.headers.add(VERSION_HEADER, Version.GB2022.value)
        self._platform.settings.adorn(request, self._code)
        return request

    async def send(self, request: Request, peer: Peer, timeout_s: float) -> Response:
        """Send it."""
        return await self._platform.endpoint.request(request, peer, timeout_s=timeout_s)

    def beats(self, interval_s: int | None, count: int | None) -> None:
        """The device says that it is there this often (GB-221)."""
        self._platform.registrar.configure(self._code, interval_s, count)
