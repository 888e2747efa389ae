"""Who is asking: Digest and Basic authentication (RFC 2326 §D, RFC 2617, RFC 7616), for owners that want it.

One `Authenticator` per connection: it holds the nonce it handed out. Digest is offered with SHA-256 and with MD5,
without `qop`, the only form that every player and recorder speaks; a client that sends `qop=auth` all the same is
understood.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from cambus.rtsp.message import Request

PasswordOf = Callable[[str], str | None]
"""User name -> password, None for an unknown user."""

_PARAMETER = re.compile(r'([A-Za-z-]{1,20})\s*=\s*(?:"([^"]{0,1024})"|([^\s,"]{1,1024}))')
_MAX_HEADER_CHARS = 4096

MD5: Final = "MD5"
SHA_256: Final = "SHA-256"
ALGORITHMS: Final = (SHA_256, MD5)
"""Strongest first (RFC 7616 §3.7). MD5 stays last: of several challenges FFmpeg and live555 take the last Digest."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """The outcome of a check.

    Attributes:
        user: who it is, None if the credentials are missing or wrong.
        stale: the credentials were right but the nonce is too old: the client may try again by itself.
    """

    user: str | None = None
    stale: bool = False


class Authenticator:
    """Challenges and checks the requests of one connection.

    Args:
        realm: shown to the user; part of the digest.
        password_of: looks a user's password up.
        nonce_lifetime_s: after this a nonce is stale and a new one is handed out.
        basic: also accept Basic, which sends the password readably: only inside TLS or on a trusted network.
    """

    def __init__(
        self, realm: str, password_of: PasswordOf, *, nonce_lifetime_s: float = 300.0, basic: bool = False
    ) -> None:
        if not realm.isascii() or '"' in realm or not realm.isprintable():
            message = "the realm must be printable ASCII without quotes"
            raise ValueError(message)
        self._realm = realm
        self._password_of = password_of
        self._lifetime_s = nonce_lifetime_s
        self._basic = basic
        self._nonce = ""
        self._nonce_made_at = 0.0

    def challenges(self, now: float, *, stale: bool = False) -> list[tuple[str, str]]:
        """The `WWW-Authenticate` headers of a 401, with a fresh nonce where the old one has expired.

        Args:
            now: the time, of the clock `check` is given.
            stale: the credentials were right but for the age of the nonce; the client need not ask its user.
        """
        if not self._nonce or self._expired(now):
            self._nonce, self._nonce_made_at = secrets.token_hex(16), now
        tail = ", stale=true" if stale else ""
        headers = [
            (
                "WWW-Authenticate",
                f'Digest realm="{self._realm}", nonce="{self._nonce}", algorithm={algorithm}{tail}',
            )
            for algorithm in ALGORITHMS
        ]
        if self._basic:
            headers.append(("WWW-Authenticate", f'Basic realm="{self._realm}"'))
        return headers

    def check(self, request: Request, now: float) -> Verdict:
        """Check the `Authorization` header of a request; takes the same path for unknown users."""
        header = request.headers.get("authorization", "")
        if len(header) > _MAX_HEADER_CHARS:
            return Verdict()
        scheme, _, rest = header.strip().partition(" ")
        if scheme.lower() == "digest":
            return self._check_digest(rest, request, now)
        if scheme.lower() == "basic" and self._basic:
            return self._check_basic(header)
        return Verdict()

    def _check_digest(self, text: str, request: Request, now: float) -> Verdict:
        values = {name.lower(): quoted or plain for name, quoted, plain in _PARAMETER.findall(text)}
        user, uri, nonce = values.get("username", ""), values.get("uri", ""), values.get("nonce", "")
        algorithm = values.get("algorithm", MD5).upper()
        if (
            not self._nonce
            or not hmac.compare_digest(_octets(nonce), self._nonce.encode())
            or values.get("realm") != self._realm
            or algorithm not in ALGORITHMS
            or uri.rstrip("/") != request.url.rstrip("/")  # else a digest would be good for another URL
        ):
            return Verdict()
        password = self._password_of(user)
        expected = digest_response(
            user,
            self._realm,
            secrets.token_hex(16) if password is None else password,
            request.method,
            uri,
            nonce,
            qop=(values.get("nc", ""), values.get("cnonce", "")) if values.get("qop") == "auth" else None,
            algorithm=algorithm,
        )
        right = hmac.compare_digest(expected.encode(), _octets(values.get("response", "").lower()))
        if not right or password is None:
            return Verdict()
        return Verdict(stale=True) if self._expired(now) else Verdict(user)

    def _check_basic(self, header: str) -> Verdict:
        credentials = basic_credentials(header)
        if credentials is None:
            return Verdict()
        user, given = credentials
        password = self._password_of(user)
        expected = secrets.token_hex(16) if password is None else password
        right = hmac.compare_digest(_octets(expected), _octets(given))
        return Verdict(user) if right and password is not None else Verdict()

    def _expired(self, now: float) -> bool:
        return now - self._nonce_made_at > self._lifetime_s


def basic_credentials(header: str) -> tuple[str, str] | None:
    """User and password of an `Authorization: Basic …`; None if it is none (RFC 7617 §2)."""
    scheme, _, text = header.strip().partition(" ")
    if scheme.lower() != "basic" or len(header) > _MAX_HEADER_CHARS:
        return None
    try:
        pair = base64.b64decode(text.strip(), validate=True).decode()
    except (binascii.Error, ValueError):
        return None
    user, _, password = pair.partition(":")
    return user, password


def digest_response(
    user: str,
    realm: str,
    password: str,
    method: str,
    uri: str,
    nonce: str,
    *,
    qop: tuple[str, str] | None = None,
    algorithm: str = MD5,
) -> str:
    """The `response` of RFC 7616 §3.4.1; `qop` is (nc, cnonce) for `qop=auth`, None without (RFC 2617 §3.2.2.1)."""
    hashed = _sha256 if algorithm == SHA_256 else _md5
    secret = hashed(f"{user}:{realm}:{password}")
    middle = nonce if qop is None else f"{nonce}:{qop[0]}:{qop[1]}:auth"
    return hashed(f"{secret}:{middle}:{hashed(f'{method}:{uri}')}")


def _md5(text: str) -> str:
    # MD5 is what RFC 2617 prescribes; no player of RTSP 1.0 can be counted on to speak another.
    return hashlib.md5(_octets(text), usedforsecurity=False).hexdigest()


def _sha256(text: str) -> str:
    return hashlib.sha256(_octets(text)).hexdigest()


def _octets(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")
