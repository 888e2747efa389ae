"""Which key seals credentials."""

import os
from pathlib import Path
from typing import Annotated, Final

import typer

from cambus.bus.sealing import KeyRing
from cambus.cli.failures import UsageError

VARIABLE: Final = "CAMBUS_CREDENTIALS_KEY_FILE"

CredentialsKey = Annotated[
    Path | None,
    typer.Option(
        "--credentials-key",
        metavar="FILE",
        help=f"The key file that seals secrets, the same as the services'; default: {VARIABLE}.",
        show_default=False,
    ),
]


def key_ring(path: Path | None) -> KeyRing:
    """Load the key file named by the option or the environment.

    Raises:
        UsageError: none is named.
        SealError: it is no key file.
    """
    return KeyRing.load(key_path(path))


def key_path(path: Path | None) -> Path:
    """The key file named by the option or the environment. Raises UsageError if none is."""
    named = path or (Path(os.environ[VARIABLE]) if os.environ.get(VARIABLE) else None)
    if named is None:
        raise UsageError(
            "it takes the key that seals secrets, and none is named",
            hint=f"--credentials-key FILE or {VARIABLE}: the file the connectors use (`cambusctl up` keeps it in "
            "its data folder, var/credentials.key)",
        )
    return named
