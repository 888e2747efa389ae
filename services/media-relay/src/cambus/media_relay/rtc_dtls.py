"""DTLS and SRTP of one session (RFC 5764), by aiortc: the handshake, then keys for media and its control."""

from collections.abc import Callable

import pylibsrtp
from aiortc import RTCCertificate, RTCDtlsFingerprint, RTCDtlsParameters, RTCDtlsTransport, RTCIceTransport

from cambus.media_relay.rtc_offer import Offer


class DtlsTransport(RTCDtlsTransport):
    """A transport that hands out RTCP as it comes, and protects packets without sending them.

    Args:
        transport: ICE.
        on_rtcp: called with each compound packet of the viewer, decrypted.
        passive: whether the viewer begins the handshake.
    """

    def __init__(
        self, transport: RTCIceTransport, on_rtcp: Callable[[bytes], None], *, passive: bool
    ) -> None:
        self.certificate = RTCCertificate.generateCertificate()
        super().__init__(transport, [self.certificate])
        self._on_rtcp = on_rtcp
        self._set_role("server" if passive else "client")

    @property
    def fingerprint(self) -> str:
        """SHA-256 of our certificate."""
        return next(each.value for each in self.certificate.getFingerprints() if each.algorithm == "sha-256")

    async def connect(self, offer: Offer) -> None:
        """Shake hands. Raises ConnectionError when the viewer is another than who made the offer, or leaves."""
        known = [RTCDtlsFingerprint(algorithm, value) for algorithm, value in offer.fingerprints]
        await self.start(RTCDtlsParameters(known))
        if self.state != "connected":
            raise ConnectionError("the DTLS handshake failed")

    def protect(self, packet: bytes) -> bytes:
        """An RTP packet, encrypted. Raises ConnectionError before the handshake and for what can not be sent."""
        try:
            return bytes(self._tx_srtp.protect(packet))
        except (pylibsrtp.Error, AttributeError) as error:
            raise ConnectionError("the packet can not be encrypted") from error

    def protect_rtcp(self, packet: bytes) -> bytes:
        """A compound RTCP packet, encrypted. Raises ConnectionError likewise."""
        try:
            return bytes(self._tx_srtp.protect_rtcp(packet))
        except (pylibsrtp.Error, AttributeError) as error:
            raise ConnectionError("the packet can not be encrypted") from error

    async def _handle_rtcp_data(self, data: bytes) -> None:
        self._on_rtcp(data)

    async def _handle_rtp_data(self, data: bytes, arrival_time_ms: int) -> None:
        """Nothing: a viewer sends no media."""
