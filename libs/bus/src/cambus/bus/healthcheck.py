"""Asks the service in this container how it is: `python -m cambus.bus.healthcheck [livez|readyz]`.

For `HEALTHCHECK` of container images, which hold no curl. It reads the variables the service reads, and imports
nothing but the standard library: it runs every few seconds.
"""

import http.client
import os
import sys
from collections.abc import Mapping, Sequence
from typing import Final

PATHS: Final = ("livez", "readyz")
TIMEOUT_S: Final = 4.0
_LOOPBACK: Final = {"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - compared, not bound
EXIT_OK, EXIT_UNHEALTHY, EXIT_USAGE = 0, 1, 2


def check(path: str, environment: Mapping[str, str]) -> str:
    """Ask; returns what is wrong, empty if nothing is.

    Args:
        path: `livez` (does the process live) or `readyz` (may work be sent to it).
        environment: `CAMBUS_HTTP_HOST` and `CAMBUS_HTTP_PORT` say where the service listens.
    """
    host = environment.get("CAMBUS_HTTP_HOST", "127.0.0.1")
    connection = None
    try:
        port = int(environment.get("CAMBUS_HTTP_PORT", "0"))
        if not port:
            return "CAMBUS_HTTP_PORT is not set: nobody knows which port was taken"
        connection = http.client.HTTPConnection(_LOOPBACK.get(host, host), port, timeout=TIMEOUT_S)
        connection.request("GET", f"/{path}")
        answer = connection.getresponse()
        body = answer.read(4096).decode(errors="replace")
    except (OSError, ValueError, http.client.HTTPException) as error:
        return f"{path}: {error}"
    finally:
        if connection is not None:
            connection.close()
    return "" if answer.status == http.HTTPStatus.OK else f"{path}: {answer.status} {body}"


def main(arguments: Sequence[str], environment: Mapping[str, str] = os.environ) -> int:
    """The exit code: 0 when all is well, 1 when it is not, 2 for a question nobody asks."""
    path = arguments[0] if arguments else PATHS[0]
    if path not in PATHS:
        sys.stderr.write(f"{path}: wanted one of {', '.join(PATHS)}\n")
        return EXIT_USAGE
    wrong = check(path, environment)
    sys.stdout.write(f"{wrong or 'ok'}\n")
    return EXIT_UNHEALTHY if wrong else EXIT_OK


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
