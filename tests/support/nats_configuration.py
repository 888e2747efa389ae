"""`docker/nats/nats.conf` for servers of tests: the file as it is shipped, but for its ports and its store."""

import re
from pathlib import Path

import first_start

SHIPPED = (Path(first_start.__file__).resolve().parent / "nats" / "nats.conf").read_text(encoding="utf-8")
LISTENS = ("listen: 0.0.0.0:4222\n", "http: 0.0.0.0:8222\n")
CERTIFICATES = "/etc/nats/tls/"


def with_tls(text: str, certificates: Path) -> str:
    """The file with its section on TLS switched on."""
    section = text[text.index("# tls {") :]
    assert section.count(CERTIFICATES) == 3
    switched_on = re.sub(r"^# ?", "", section, flags=re.MULTILINE)
    return text.replace(section, switched_on.replace(CERTIFICATES, f"{certificates}/"))


def on_ports_of_its_own(text: str, store: Path) -> str:
    """The file for a server beside others: another store, and the ports the kernel gives."""
    for each in (*LISTENS, "store_dir: /data"):
        assert each in text
    for each in LISTENS:
        text = text.replace(each, "")
    return text.replace("store_dir: /data", f'store_dir: "{store}"')


def handed_out(folder: Path, owner: first_start.Owner) -> Path:
    """Volumes as the first start leaves them."""
    for name in (first_start.KEPT, first_start.STORE, *first_start.shares()):
        (folder / name).mkdir()
    assert first_start.run([], folder, owner) == 0
    return folder
