"""The users of NATS as files: a seed for each, that only its owner may read, and what the server is told of all.

<name>.nk     the seed of a user, for `CAMBUS_NATS_NKEY_FILE`
users.conf    public keys and permissions, to be included in the configuration of nats-server
"""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

from cambus.bus.permissions import Permissions
from cambus.cli.files import replacing
from cambus.client.nkeys import new_seed, public_key
from cambus.client.secret_file import read_secret

CONFIGURATION: Final = "users.conf"
_HEAD: Final = (
    "# Made by `cambusctl nats users`: include it in the configuration of nats-server. It holds no secret.\n"
)


class UserFolder:
    """A folder of users.

    Args:
        path: the folder; made if it is not there.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def seed_file(self, name: str) -> Path:
        """Where the seed of a user is."""
        return self.path / f"{name}.nk"

    def ensure(self, names: Iterable[str], *, anew: Iterable[str] = ()) -> list[str]:
        """Make seeds for those that have none, and new ones for those in `anew`; return whose were made.

        Raises:
            OSError: the folder cannot be written.
            ValueError: what is there is no seed.
        """
        self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
        renewed, made = set(anew), []
        for name in names:
            file = self.seed_file(name)
            if file.exists() and name not in renewed:
                public_key(read_secret(file))
                continue
            with replacing(file, mode=0o600) as seed:
                seed.write(f"{new_seed()}\n".encode())
            made.append(name)
        return made

    def authorization(self, users: Mapping[str, Permissions]) -> dict[str, Any]:
        """The `authorization` of nats-server for these users, whose seeds are there."""
        return {
            "users": [
                {"nkey": self.public_key(name), "permissions": permissions.as_config()}
                for name, permissions in users.items()
            ]
        }

    def public_key(self, name: str) -> str:
        """What the server knows a user by."""
        return public_key(read_secret(self.seed_file(name)))

    def write_configuration(self, users: Mapping[str, Permissions]) -> Path:
        """Write the file that nats-server includes; return where it is. Raises OSError."""
        blocks = []
        for name, user in zip(users, self.authorization(users)["users"], strict=True):
            blocks.append(f"  # {name}\n  {json.dumps(user)}")
        text = f"{_HEAD}authorization: {{ users: [\n" + ",\n".join(blocks) + "\n] }\n"
        file = self.path / CONFIGURATION
        with replacing(file) as configuration:
            configuration.write(text.encode())
        return file
