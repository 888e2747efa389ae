"""Who may watch a simulated RTSP camera: its challenges, and the judge of answers to them."""

import base64
import re
import secrets
from typing import Final

from cambus.rtsp.login import Challenge, digest_answer
from cambus.rtsp.message import Request
from cambus.simulators.rtsp.quirks import Quirks

REALM: Final = "IP Camera(12345)"
_PARAMETER: Final = re.compile(r'(\w+)=(?:"([^"]*)"|([^\s,]+))')
_ALGORITHMS: Final = {
    "md5": ("MD5",),
    "sha256": ("SHA-256",),
    "both": ("MD5", "SHA-256"),
    "basic": (),
    "none": (),
}


class Door:
    """The guard of one connection.

    Args:
        user: who may come in.
        password: with what.
        quirks: how.

    Attributes:
        refused: requests that were not let in.
        schemes: how those were logged in at that were.
    """

    def __init__(self, user: str, password: str, quirks: Quirks) -> None:
        self.refused = 0
        self.schemes: list[str] = []
        self._account = (user, password)
        self._quirks = quirks
        self._nonce = secrets.token_hex(16)
        self._uses = 0
        self._stale = False

    def lets_in(self, request: Request) -> bool:
        """Whether a request has the right answer to the challenge."""
        if self._quirks.login == "none":
            return True
        header = request.headers.get("authorization", "")
        scheme, _, rest = header.partition(" ")
        self._stale = False
        if self._quirks.login == "basic":
            right = scheme == "Basic" and rest == base64.b64encode(":".join(self._account).encode()).decode()
        else:
            right = scheme.lower() == "digest" and self._digest(request, rest)
        if right:
            self.schemes.append(scheme)
        else:
            self.refused += 1
        return right

    def challenges(self) -> list[tuple[str, str]]:
        """The headers of a 401."""
        if self._quirks.login == "basic":
            return [("WWW-Authenticate", f'Basic realm="{REALM}"')]
        word = "digest" if self._quirks.lowercase else "Digest"
        end = ", stale=true" if self._stale and self._quirks.stale_every else ""
        return [
            ("WWW-Authenticate", f'{word} realm="{REALM}", nonce="{self._nonce}", algorithm={algorithm}{end}')
            for algorithm in _ALGORITHMS[self._quirks.login]
        ]

    def _digest(self, request: Request, rest: str) -> bool:
        values = {name.lower(): quoted or bare for name, quoted, bare in _PARAMETER.findall(rest)}
        algorithm = values.get("algorithm", "MD5").upper()
        if algorithm not in _ALGORITHMS[self._quirks.login]:
            return False
        user, password = self._account
        challenge = Challenge("digest", REALM, values.get("nonce", ""), algorithm)
        expected = digest_answer(challenge, user, password, request.method, request.url)
        if (values.get("username"), values.get("uri"), values.get("response")) != (
            user,
            request.url,
            expected,
        ):
            return False
        self._uses += 1
        every = self._quirks.stale_every or self._quirks.new_nonce_every
        if values.get("nonce") == self._nonce and not (every and self._uses > every):
            return True
        self._stale, self._uses, self._nonce = True, 0, secrets.token_hex(16)
        return False
