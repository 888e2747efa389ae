"""Logging in at a server: challenges read, answered by Digest or Basic (RFC 2326 §D, RFC 7616, RFC 7617)."""

from __future__ import annotations

import base64
import hashlib
import re
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

from cambus.rtsp.client_errors import AuthRefused

_MAX_HEADER_CHARS: Final = 8192
_MAX_CHALLENGES: Final = 8
_SCHEME: Final = re.compile(r"(?:^|,)\s*([A-Za-z][A-Za-z0-9-]{0,20})(?:\s+(?=[A-Za-z-]+\s*=)|\s*(?=,|$))")
_PARAMETER: Final = re.compile(r'([A-Za-z-]{1,20})\s*=\s*(?:"((?:[^"\\]|\\.){0,1024})"|([^\s,"]{0,1024}))')
_HASHES: Final[Mapping[str, Callable[[bytes], str]]] = {
    # MD5 is what RFC 2617 prescribes and most cameras speak; what is stronger is preferred.
    "MD5": lambda data: hashlib.md5(data, usedforsecurity=False).hexdigest(),
    "SHA-256": lambda data: hashlib.sha256(data).hexdigest(),
}
_SESSION: Final = "-SESS"
_PREFERENCE: Final = ("SHA-256", "SHA-256-SESS", "MD5", "MD5-SESS")


@dataclass(frozen=True, slots=True)
class Challenge:
    """One way to log in that a server offers.

    Attributes:
        scheme: `digest` or `basic`.
        realm: as it stands there.
        nonce: of Digest.
        algorithm: of Digest, in capitals; MD5 where none is named.
        named: the algorithm as the server wrote it, None where it did not.
        opaque: to be given back, None without.
        qop: whether `auth` is offered.
        stale: whether the last answer failed for an old nonce only.
    """

    scheme: str
    realm: str
    nonce: str = ""
    algorithm: str = "MD5"
    named: str | None = None
    opaque: str | None = None
    qop: bool = False
    stale: bool = False


def parse_challenges(header: str) -> list[Challenge]:
    """The challenges of a `WWW-Authenticate` header that can be answered; several may stand in one."""
    text = header[:_MAX_HEADER_CHARS]
    quoted = re.sub(r'"(?:[^"\\]|\\.)*"', lambda found: '"' + "_" * (len(found[0]) - 2) + '"', text)
    starts = [(found.start(1), found.end(), found[1].lower()) for found in _SCHEME.finditer(quoted)]
    challenges = []
    for index, (_, start, scheme) in enumerate(starts[:_MAX_CHALLENGES]):
        end = starts[index + 1][0] if index + 1 < len(starts) else len(text)
        values = {
            name.lower(): _unquoted(in_quotes) or bare
            for name, in_quotes, bare in _PARAMETER.findall(text[start:end])
        }
        challenge = _challenge(scheme, values)
        if challenge is not None:
            challenges.append(challenge)
    return challenges


def _challenge(scheme: str, values: Mapping[str, str]) -> Challenge | None:
    if scheme == "basic":
        return Challenge(scheme, values.get("realm", ""))
    algorithm = values.get("algorithm", "MD5").upper()
    if scheme != "digest" or "nonce" not in values or algorithm not in _PREFERENCE:
        return None
    return Challenge(
        scheme,
        values.get("realm", ""),
        values["nonce"],
        algorithm,
        values.get("algorithm"),
        values.get("opaque"),
        "auth" in {each.strip().lower() for each in values.get("qop", "").split(",")},
        values.get("stale", "").lower() == "true",
    )


def _unquoted(text: str) -> str:
    return re.sub(r"\\(.)", r"\1", text)


@dataclass(slots=True)
class Login:
    """An account at one server, and what it has asked for so far. One for each connection.

    Attributes:
        user: its name.
        password: its password.
        basic: answer Basic as well, which sends the password readably.
        new_cnonce: source of client nonces.
    """

    user: str
    password: str = field(repr=False)
    basic: bool = False
    new_cnonce: Callable[[], str] = field(default=lambda: secrets.token_hex(16), repr=False)
    _challenge: Challenge | None = field(default=None, init=False, repr=False)
    _uses: int = field(default=0, init=False, repr=False)
    _accepted: bool = field(default=False, init=False, repr=False)

    def accepted(self) -> None:
        """The server took the last answer: the account is right."""
        self._accepted = self._challenge is not None

    def challenged(self, header: str, *, answered: bool) -> None:
        """The server answered 401; returns if the request should be sent again.

        Args:
            header: its `WWW-Authenticate`.
            answered: whether the request had an answer to the last challenge.

        Raises:
            AuthRefused: there is no use in that.
        """
        known, challenge = self._challenge, self._best(parse_challenges(header))
        # A nonce may grow old unsaid: that is believed once the account has been seen to be right.
        fresh = known is not None and challenge.nonce != known.nonce and self._accepted
        if answered and not (challenge.stale or fresh):
            raise AuthRefused("the user or the password is wrong", "wrong-credentials")
        self._challenge, self._uses, self._accepted = challenge, 0, False

    def authorization(self, method: str, uri: str) -> str | None:
        """The `Authorization` header of a request; None before the first challenge."""
        challenge = self._challenge
        if challenge is None:
            return None
        if challenge.scheme == "basic":
            pair = f"{self.user}:{self.password}".encode()
            return f"Basic {base64.b64encode(pair).decode()}"
        self._uses += 1
        return self._digest(challenge, method, uri)

    def _best(self, challenges: list[Challenge]) -> Challenge:
        digests = [each for each in challenges if each.scheme == "digest"]
        if digests:
            return min(digests, key=lambda each: _PREFERENCE.index(each.algorithm))
        basics = [each for each in challenges if each.scheme == "basic"]
        if basics and self.basic:
            return basics[0]
        if basics:
            raise AuthRefused(
                "the server wants the password in clear (Basic), which is not allowed", "basic-only"
            )
        raise AuthRefused("the server asks for a way to log in that is not known", "unknown-scheme")

    def _digest(self, challenge: Challenge, method: str, uri: str) -> str:
        """The answer of RFC 7616 §3.4; hexadecimal in lower case, as cameras compare it."""
        nc, cnonce = f"{self._uses:08x}", self.new_cnonce()
        response = digest_answer(challenge, self.user, self.password, method, uri, nc=nc, cnonce=cnonce)
        parts = [
            f'username="{_quoted(self.user)}"',
            f'realm="{_quoted(challenge.realm)}"',
            f'nonce="{_quoted(challenge.nonce)}"',
            f'uri="{_quoted(uri)}"',
            f'response="{response}"',
        ]
        if challenge.named is not None:
            parts.append(f"algorithm={challenge.named}")
        if challenge.opaque is not None:
            parts.append(f'opaque="{_quoted(challenge.opaque)}"')
        if challenge.qop:
            parts += ["qop=auth", f"nc={nc}", f'cnonce="{cnonce}"']
        elif challenge.algorithm.endswith(_SESSION):
            parts.append(f'cnonce="{cnonce}"')
        return "Digest " + ", ".join(parts)


def digest_answer(
    challenge: Challenge, user: str, password: str, method: str, uri: str, *, nc: str = "", cnonce: str = ""
) -> str:
    """The `response` that shows that somebody knows the password (RFC 7616 §3.4.1)."""
    name, session = challenge.algorithm.removesuffix(_SESSION), challenge.algorithm.endswith(_SESSION)
    hashed = _HASHES[name]
    secret = hashed(f"{user}:{challenge.realm}:{password}".encode())
    if session:
        secret = hashed(f"{secret}:{challenge.nonce}:{cnonce}".encode())
    action = hashed(f"{method}:{uri}".encode())
    middle = f"{challenge.nonce}:{nc}:{cnonce}:auth" if challenge.qop else challenge.nonce
    return hashed(f"{secret}:{middle}:{action}".encode())


def _quoted(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"')
