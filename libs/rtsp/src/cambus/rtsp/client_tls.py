"""RTSP inside of TLS (`rtsps`): whose certificate is believed.

Cameras sign their own certificates. Such a one is believed by its fingerprint alone; without one, a certificate has to
be of the host that is called, and signed by somebody the system trusts.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import ssl

from cambus.rtsp.client_errors import Unreachable


def context(fingerprint: str | None) -> ssl.SSLContext:
    """How to connect; with a fingerprint `check` has to follow before anything is said."""
    made = ssl.create_default_context()
    if fingerprint is not None:
        made.check_hostname = False
        made.verify_mode = ssl.CERT_NONE
    return made


def check(transport: asyncio.BaseTransport, fingerprint: str) -> None:
    """Compare the certificate of a connection with what it is to be.

    Args:
        transport: after the handshake.
        fingerprint: SHA-256 of the certificate, 64 hexadecimal digits in lower case.

    Raises:
        Unreachable: it is another.
    """
    tls = transport.get_extra_info("ssl_object")
    certificate = None if tls is None else tls.getpeercert(binary_form=True)
    found = hashlib.sha256(certificate or b"").hexdigest()
    if certificate is None or not hmac.compare_digest(found, fingerprint):
        raise Unreachable("the server's certificate has another fingerprint")
