"""What `docker compose` does first: makes every secret once, and hands to each container what is its own.

Nothing has a password that comes with Cambus. At the first start this makes keys, tokens and passwords by chance, in
the volume `secrets` that no other container has; at every start it gives each container its part of them, in a volume
of its own. What is there stays. It runs without a network.

    first_start.py                     make what is missing, hand everything out
    first_start.py show NAME           print a secret for a person
    first_start.py renew USER...       give users of NATS new seeds; then: docker compose kill -s HUP nats
    first_start.py key add             a new key in front of those that seal; then: cambusctl secret keys reseal
    first_start.py key drop NAME...    forget old ones, which `cambusctl secret keys list` says nothing is sealed with
"""

import argparse
import os
import secrets
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cambus.bus.sealing import KEY_BYTES, MAX_KEYS, KeyRing, SealError, key_id
from cambus.bus.users import ADMIN, OPERATOR, USERS, VIEWER
from cambus.cli.files import replacing
from cambus.cli.nats_users import CONFIGURATION, UserFolder

VOLUMES: Final = Path("/volumes")
CAMBUS, GRAFANA = 10001, 472
"""Whom the processes of our images and of Grafana's run as."""
KEPT: Final = "secrets"
KEY: Final = "credentials.key"
VIEWERS, DEVICES, GRAFANA_ADMIN = "viewers-token", "device-password", "grafana-admin-password"
SHOWN: Final = (VIEWERS, GRAFANA_ADMIN, DEVICES)
"""Secrets for people: what the player page asks for, who looks after Grafana, and the simulated devices' password."""
PEOPLE: Final = (ADMIN, OPERATOR, VIEWER)
STORE: Final = "nats-data"
"""Handed out as well: the image of NATS does not make it its user's own."""

Owner = Callable[[Path, int], None]


@dataclass(frozen=True, slots=True)
class Share:
    """What one volume gets: who may read it, and its files by their names there, each a path below the kept secrets."""

    owner: int
    files: dict[str, str]


def seed_of(user: str) -> str:
    """Where the seed of a user of NATS is kept."""
    return f"users/{user}.nk"


def shares() -> dict[str, Share]:
    """The volumes that are handed out, by name."""
    found = {
        "secrets-nats": Share(CAMBUS, {CONFIGURATION: f"users/{CONFIGURATION}"}),
        "secrets-people": Share(
            CAMBUS, {f"{user}.nk": seed_of(user) for user in PEOPLE} | {KEY: KEY, DEVICES: DEVICES}
        ),
        "secrets-simulators": Share(CAMBUS, {DEVICES: DEVICES}),
        "secrets-grafana": Share(GRAFANA, {GRAFANA_ADMIN: GRAFANA_ADMIN}),
    }
    for service in USERS:
        if service in PEOPLE:
            continue
        files = {"nats.nk": seed_of(service)}
        if service.startswith("connector-") or service == "alarm-router":
            files[KEY] = KEY
        if service == "media-relay":
            files[VIEWERS] = VIEWERS
        found[f"secrets-{service}"] = Share(CAMBUS, files)
    return found


def make(kept: Path, *, anew: Sequence[str] = ()) -> list[str]:
    """Make the secrets that are missing; return their names.

    Args:
        kept: the folder they are kept in.
        anew: users of NATS that get new seeds.

    Raises:
        OSError: the folder cannot be written.
        ValueError: what is there is no seed, or no key.
    """
    users = UserFolder(kept / "users")
    made = [f"users/{name}" for name in users.ensure(USERS, anew=anew)]
    users.write_configuration(USERS)
    if not (kept / KEY).exists():
        made.append(KEY)
    KeyRing.load_or_create(kept / KEY)
    for name in SHOWN:
        if not (kept / name).exists():
            _write(kept / name, secrets.token_urlsafe(24).encode() + b"\n")
            made.append(name)
    return made


def add_key(path: Path) -> str:
    """Put a new key in front of a key file, where it seals from now on; return its name.

    Raises:
        OSError: the file cannot be read or written.
        SealError: it is no key file, or holds as many keys as one may.
    """
    if len(KeyRing.load(path).ids) >= MAX_KEYS:
        raise SealError(f"there are {MAX_KEYS} keys; forget old ones: key drop NAME")
    new = secrets.token_bytes(KEY_BYTES)
    _write(path, new + path.read_bytes())
    return key_id(new)


def drop_keys(path: Path, names: Sequence[str]) -> None:
    """Forget keys of a key file. Whether something is sealed with them only the bus knows, which is not reached here.

    Raises:
        OSError: the file cannot be read or written.
        SealError: it is no key file, one of the keys is not in it, or is the one that seals.
    """
    ids = KeyRing.load(path).ids
    for name in names:
        if name not in ids or name == ids[0]:
            raise SealError(
                f"{name} seals" if name in ids else f"there is no key {name}; there are {', '.join(ids)}"
            )
    content = path.read_bytes()
    keys = [content[at : at + KEY_BYTES] for at in range(0, len(content), KEY_BYTES)]
    _write(path, b"".join(key for key in keys if key_id(key) not in names))


def hand_out(volumes: Path, owner: Owner) -> None:
    """Copy to each volume what is its own, readable for its owner alone; what no longer belongs there goes.

    Args:
        volumes: the folder they are mounted in.
        owner: gives a file or folder to a user.

    Raises:
        OSError: a volume cannot be written.
    """
    for name, share in shares().items():
        volume = volumes / name
        volume.chmod(0o700)
        for stale in {each.name for each in volume.iterdir()} - share.files.keys():
            (volume / stale).unlink()
        for target, source in share.files.items():
            _write(volume / target, (volumes / KEPT / source).read_bytes())
            owner(volume / target, share.owner)
        owner(volume, share.owner)
    owner(volumes / STORE, CAMBUS)


def _write(path: Path, content: bytes) -> None:
    with replacing(path, mode=0o400) as file:
        file.write(content)


def _give(path: Path, uid: int) -> None:
    os.chown(path, uid, uid)


def parser() -> argparse.ArgumentParser:
    """What may be asked for."""
    parser = argparse.ArgumentParser(prog="first_start", description=(__doc__ or "").partition("\n")[0])
    commands = parser.add_subparsers(dest="command")
    show = commands.add_parser("show", help="print a secret for a person")
    show.add_argument("name", choices=SHOWN)
    renew = commands.add_parser("renew", help="give users of NATS new seeds")
    renew.add_argument("user", nargs="+", choices=sorted(USERS))
    key = commands.add_parser("key", help="change the key that seals what is secret on the bus")
    changes = key.add_subparsers(dest="change", required=True)
    changes.add_parser("add", help="a new one in front; the others still open")
    changes.add_parser("drop", help="forget old ones").add_argument("name", nargs="+")
    return parser


def run(arguments: Sequence[str], volumes: Path = VOLUMES, owner: Owner = _give) -> int:
    """Do what is asked; the exit code."""
    asked = parser().parse_args(arguments)
    try:
        if asked.command == "show":
            sys.stdout.write((volumes / KEPT / asked.name).read_text(encoding="ascii"))
            return 0
        made = make(volumes / KEPT, anew=asked.user if asked.command == "renew" else ())
        if asked.command == "key" and asked.change == "add":
            made.append(add_key(volumes / KEPT / KEY))
        elif asked.command == "key":
            drop_keys(volumes / KEPT / KEY, asked.name)
        hand_out(volumes, owner)
    except (OSError, ValueError, SealError) as error:
        sys.stderr.write(f"first_start: {error}\n")
        return 1
    sys.stdout.write(f"first_start: {len(made)} secrets made, each container has its own\n")
    return 0


if __name__ == "__main__":
    sys.exit(run(sys.argv[1:]))
