"""Where NATS is, and as whom to log in there.

A secret is the path of a file. Logging in by an nkey or a `.creds` file means signing, which takes `cryptography`
(`pip install 'cambus-client[nkeys]'`); a user with a password, and certificates, need nothing further.
"""

import re
import socket
import ssl
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any, Final

from cambus.client.secret_file import read_secret
from cambus.schemas.ids import is_token

LOCAL: Final = "nats://127.0.0.1:4222"


def default_instance() -> str:
    """The host name as a token: in Kubernetes the pod's name, stable for a StatefulSet."""
    name = re.sub(r"[^A-Za-z0-9_-]", "-", socket.gethostname().partition(".")[0])[:64]
    return name if is_token(name) else "local"


@dataclass(frozen=True, slots=True)
class Login:
    """Where to and as whom.

    Attributes:
        servers: addresses of the servers of one NATS: nats://, tls://, ws:// or wss://, without credentials.
        user: user name.
        password_file: file with the password.
        creds_file: `.creds` file (user JWT and seed), instead of user and password.
        nkey_file: file with the seed (SU…) of the user, instead of user and password.
        ca_file: certificate authority that signed the server's certificate (PEM).
        cert_file: our client certificate (PEM).
        key_file: the key of that certificate (PEM).
        instance: which one of several connections of that name this is.
    """

    servers: tuple[str, ...] = (LOCAL,)
    user: str | None = None
    password_file: Path | None = None
    creds_file: Path | None = None
    nkey_file: Path | None = None
    ca_file: Path | None = None
    cert_file: Path | None = None
    key_file: Path | None = None
    instance: str = field(default_factory=default_instance)

    def __post_init__(self) -> None:
        """Raise ValueError if they do not fit together."""
        if self.password_file and not self.user:
            raise ValueError("a password file needs a user")
        if sum(each is not None for each in (self.creds_file, self.nkey_file, self.user)) > 1:
            raise ValueError("a user, a .creds file and an nkey exclude each other")
        if bool(self.cert_file) != bool(self.key_file):
            raise ValueError("a certificate and its key come together")
        if any("@" in server for server in self.servers):
            raise ValueError("credentials do not belong into the address: name a user and a password file")

    def options(self) -> dict[str, Any]:
        """Return what nats-py's `connect` is told of it.

        Raises:
            ValueError: a file is not what it is said to be.
            OSError: a file cannot be read.
            ModuleNotFoundError: it takes `cryptography`, which is not installed.
        """
        options: dict[str, Any] = {}
        if self.creds_file is not None:
            options["user_jwt_cb"], options["signature_cb"] = _nkeys().login_callbacks(self.creds_file)
        if self.nkey_file is not None:
            options["signature_cb"] = _nkeys().signer(self.nkey_file)
        if self.user is not None:
            options["user"] = self.user
            if self.password_file is not None:
                options["password"] = _password(self.password_file)
        if self.ca_file or self.cert_file:
            context = ssl.create_default_context(cafile=self.ca_file)
            if self.cert_file:
                context.load_cert_chain(self.cert_file, self.key_file)
            options["tls"] = context
        return options

    def public_nkey(self) -> str | None:
        """Return the public key of the seed we log in with, None without one. Raises as `options`."""
        return None if self.nkey_file is None else str(_nkeys().public_key(read_secret(self.nkey_file)))


def servers_of(url: str) -> tuple[str, ...]:
    """Return the addresses in a text with commas between them."""
    return tuple(server for part in url.split(",") if (server := part.strip()))


def _password(path: Path) -> Callable[[], str]:
    """What reads the password anew at each connection; says now what is wrong with the file."""
    read_secret(path)
    return lambda: read_secret(path)


def _nkeys() -> ModuleType:
    """The module that signs. Raises ModuleNotFoundError with what to do about it."""
    try:
        from cambus.client import nkeys  # noqa: PLC0415 - cryptography is an extra of this distribution
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            "an nkey or a .creds file takes cryptography: pip install 'cambus-client[nkeys]'", name=error.name
        ) from None
    return nkeys
