"""Who is behind a command and which way is preferred, between SIP and the bus (§12, GB-251).

An upper platform says both in headers of its requests; the bus carries them to the connector of the device; and where
that is a lower platform, its requests say them again.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Final

from cambus.client.behalf import ON_BEHALF_OF, PREFERRED_PATH, handed_on
from cambus.gb28181.codes import is_code
from cambus.sip.fields import readable
from cambus.sip.message import Request

MONITOR_HEADER: Final = "Monitor-User-Identity"
PREFERRED_HEADER: Final = "X-PreferredPath"
MAX_WHO: Final = 200


def who_asks(request: Request) -> str:
    """Who is behind a request, as an upper platform says; empty where it does not."""
    return readable(request.headers.get(MONITOR_HEADER) or "")[:MAX_WHO]


def path_of(request: Request, header: str) -> list[str]:
    """The codes of a path."""
    return [each.strip() for each in (request.headers.get(header) or "").split("-") if each.strip()]


@contextmanager
def acting_for(who: str, path: Sequence[str] = ()) -> Iterator[None]:
    """Have the commands given here, and by tasks that begin here, say for whom they are and by which way."""
    behalf = ON_BEHALF_OF.set(handed_on(who))
    way = PREFERRED_PATH.set("-".join(path) if path and all(map(is_code, path)) else None)
    try:
        yield
    finally:
        PREFERRED_PATH.reset(way)
        ON_BEHALF_OF.reset(behalf)


def saying_so(server_code: str) -> Callable[[Request, str], None]:
    """What puts both into requests to devices.

    Args:
        server_code: ours; it follows whoever is behind a request, as that of every gateway on the way.
    """

    def say(request: Request, device: str) -> None:
        who, path = ON_BEHALF_OF.get(), (PREFERRED_PATH.get() or "").split("-")
        if who is not None:
            request.headers.add(MONITOR_HEADER, f"{who[:MAX_WHO]}-{server_code}")
        if request.method == "INVITE" and all(map(is_code, path)):
            request.headers.add(PREFERRED_HEADER, "-".join([device, *path]))

    return say
