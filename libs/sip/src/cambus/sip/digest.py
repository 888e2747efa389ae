"""Digest authentication in the forms devices speak: RFC 2069, RFC 2617 and RFC 7616, with SM3 beside MD5.

The calculation only. Who may log in, and which nonces are good, is the caller's (`nonces`).
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from dataclasses import dataclass, replace
from enum import Enum

MAX_HEADER_CHARS = 4096
_SCHEME = re.compile(r"(?i)\s*digest\s")
_PARAMETER = re.compile(
    r'(?<![A-Za-z-])([A-Za-z-]{1,20})\s*=\s*(?:"((?:[^"\\]|\\.){0,1024})"|([^\s,"]{0,1024}))'
)


class Algorithm(Enum):
    """A hash a challenge may name; the value is how it is written."""

    MD5 = "MD5"
    SHA256 = "SHA-256"
    SM3 = "SM3"

    @property
    def available(self) -> bool:
        """Whether this Python's OpenSSL has it; SM3 may be left out."""
        return self is not Algorithm.SM3 or "sm3" in hashlib.algorithms_available

    def hex(self, text: str) -> str:
        """The hash of a text in lower-case hex. Raises ValueError where it is not available."""
        name = self.value.lower().replace("-", "")
        # what the RFCs prescribe, not what we would choose
        return hashlib.new(name, text.encode("utf-8", "surrogateescape"), usedforsecurity=False).hexdigest()

    @classmethod
    def named(cls, name: str | None) -> Algorithm | None:
        """The algorithm of that name, MD5 where none is named, None for one we do not know."""
        wanted = (name or "MD5").strip().upper()
        return next((each for each in cls if each.value == wanted), None)


@dataclass(frozen=True, slots=True)
class Challenge:
    """What a server asks for: the value of WWW-Authenticate (RFC 2617 §3.2.1).

    Attributes:
        realm: the domain.
        nonce: the server's.
        algorithm: of the hash.
        qop: the qualities offered, such as `auth`; empty where none is.
        stale: the answer before was right, but its nonce too old.
        opaque: to be sent back.
    """

    realm: str
    nonce: str
    algorithm: Algorithm = Algorithm.MD5
    qop: tuple[str, ...] = ()
    stale: bool = False
    opaque: str | None = None

    @classmethod
    def parse(cls, value: str) -> Challenge | None:
        """Read a header value; None where it is no Digest challenge that can be answered."""
        found = _parameters(value)
        algorithm = Algorithm.named(found.get("algorithm"))
        if "nonce" not in found or algorithm is None:
            return None
        return cls(
            found.get("realm", ""),
            found["nonce"],
            algorithm,
            tuple(each.strip().lower() for each in found.get("qop", "").split(",") if each.strip()),
            found.get("stale", "").lower() == "true",
            found.get("opaque"),
        )

    def __str__(self) -> str:
        parts = [f'realm="{self.realm}"', f'nonce="{self.nonce}"', f"algorithm={self.algorithm.value}"]
        if self.qop:
            parts.append(f'qop="{",".join(self.qop)}"')
        if self.opaque is not None:
            parts.append(f'opaque="{self.opaque}"')
        if self.stale:
            parts.append("stale=true")
        return "Digest " + ", ".join(parts)


@dataclass(frozen=True, slots=True)
class Credentials:
    """What a client answers: the value of Authorization (RFC 2617 §3.2.2).

    Attributes:
        username, realm, nonce, uri, response: as written; the URI is hashed verbatim (GB-032).
        algorithm: None where it names one we do not know.
        qop: `auth`, or empty for the form of RFC 2069.
        nc, cnonce: count and nonce of the client, with a qop.
    """

    username: str
    realm: str
    nonce: str
    uri: str
    response: str
    algorithm: Algorithm | None = Algorithm.MD5
    qop: str = ""
    nc: str = ""
    cnonce: str = ""
    opaque: str | None = None

    @classmethod
    def parse(cls, value: str) -> Credentials | None:
        """Read a header value, quoted or bare (GB-031); None where it is no Digest answer."""
        found = _parameters(value)
        if not {"username", "nonce", "uri", "response"} <= found.keys():
            return None
        return cls(
            found["username"],
            found.get("realm", ""),
            found["nonce"],
            found["uri"],
            found["response"].lower(),
            Algorithm.named(found.get("algorithm")),
            found.get("qop", "").lower(),
            found.get("nc", ""),
            found.get("cnonce", ""),
            found.get("opaque"),
        )

    def __repr__(self) -> str:
        return f"Credentials(username={self.username!r}, realm={self.realm!r})"

    def __str__(self) -> str:
        parts = [
            f'username="{self.username}"',
            f'realm="{self.realm}"',
            f'nonce="{self.nonce}"',
            f'uri="{self.uri}"',
            f'response="{self.response}"',
        ]
        if self.algorithm is not None:
            parts.append(f"algorithm={self.algorithm.value}")
        if self.qop:
            parts += [f"qop={self.qop}", f"nc={self.nc}", f'cnonce="{self.cnonce}"']
        if self.opaque is not None:
            parts.append(f'opaque="{self.opaque}"')
        return "Digest " + ", ".join(parts)

    def matches(self, ha1: str, method: str) -> bool:
        """Whether the response is right, compared in constant time.

        Args:
            ha1: H(user:realm:password) under the algorithm of these credentials (`secret_hash`).
            method: of the request.
        """
        if self.algorithm is None or not self.algorithm.available or self.qop not in {"", "auth"}:
            return False
        expected = _response(self, ha1, method)
        return hmac.compare_digest(expected.encode(), self.response.encode("utf-8", "surrogateescape"))


def secret_hash(algorithm: Algorithm, username: str, realm: str, password: str) -> str:
    """H(user:realm:password), which may be stored in the place of the password (RFC 2617 §4.13)."""
    return algorithm.hex(f"{username}:{realm}:{password}")


def answer(
    challenge: Challenge,
    username: str,
    password: str,
    method: str,
    uri: str,
    *,
    nc: int = 1,
    cnonce: str | None = None,
    with_qop: bool = True,
) -> Credentials:
    """The credentials that answer a challenge.

    Args:
        challenge: what was asked.
        username: the account.
        password: its password.
        method: of the request they go into.
        uri: of that request, as it stands in its first line.
        nc: how often this nonce has been answered, with this one.
        cnonce: ours; random if not given.
        with_qop: take up `qop=auth` if it is offered; else the form of RFC 2069.
    """
    qop = "auth" if with_qop and "auth" in challenge.qop else ""
    credentials = Credentials(
        username,
        challenge.realm,
        challenge.nonce,
        uri,
        "",
        challenge.algorithm,
        qop,
        f"{nc:08x}" if qop else "",
        (cnonce or secrets.token_hex(8)) if qop else "",
        challenge.opaque,
    )
    ha1 = secret_hash(challenge.algorithm, username, challenge.realm, password)
    return replace(credentials, response=_response(credentials, ha1, method))


def _response(given: Credentials, ha1: str, method: str) -> str:
    algorithm = given.algorithm or Algorithm.MD5
    middle = f"{given.nonce}:{given.nc}:{given.cnonce}:{given.qop}" if given.qop else given.nonce
    return algorithm.hex(f"{ha1}:{middle}:{algorithm.hex(f'{method}:{given.uri}')}")


def _parameters(value: str) -> dict[str, str]:
    if len(value) > MAX_HEADER_CHARS or not (scheme := _SCHEME.match(value)):
        return {}
    found: dict[str, str] = {}
    for name, quoted, plain in _PARAMETER.findall(value, scheme.end()):
        found.setdefault(name.lower(), quoted or plain)  # of repeated ones the first counts
    return found
