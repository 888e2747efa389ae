"""The connection of one command: open within seconds, or a reason why not."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from pydantic import ValidationError

from cambus.bus.describe import explain_invalid
from cambus.bus.logging import configure_logging
from cambus.bus.settings import BusSettings
from cambus.bus.version import suite_version
from cambus.cli.failures import NO_NATS, CliError, UsageError
from cambus.cli.invocation import Options
from cambus.client.connection import Connection
from cambus.client.errors import BusUnavailable, LoginRefused
from cambus.client.opening import open_within
from cambus.client.trace import span
from cambus.client.tracing import enable

CONNECT_S: Final = 5.0


@asynccontextmanager
async def connected(options: Options) -> AsyncIterator[Connection]:
    """Connect for one command.

    Raises:
        CliError: NATS does not answer, or does not let us in.
        UsageError: the settings are not right.
    """
    quiet = "info" if options.verbose else "error"
    configure_logging("cambusctl", level=quiet, log_format="console")
    if not options.verbose:
        logging.getLogger("cambus.client.connection").setLevel(logging.CRITICAL)  # told as an error instead
    connection = Connection(settings_of(options).login, name="cambusctl")
    await _open(connection, min(CONNECT_S, options.timeout_s or CONNECT_S))
    tracing = enable("cambusctl", version=suite_version())
    try:
        with span("cambusctl", "internal"):  # one trace, however many calls it takes
            yield connection
    finally:
        await connection.close()
        if tracing is not None:
            await asyncio.to_thread(tracing.close)


def settings_of(options: Options) -> BusSettings:
    """The settings of the connection: the environment, and the option over it.

    Raises:
        UsageError: they are not right.
    """
    try:
        settings = BusSettings() if options.nats is None else BusSettings(nats_url=options.nats)
    except ValidationError as error:
        raise UsageError(explain_invalid(BusSettings, error).strip()) from None
    problems = settings.check_files()
    if problems:
        raise UsageError("\n".join(problems))
    return settings


async def _open(connection: Connection, within_s: float) -> None:
    """Open the connection. Raises as `connected`."""
    try:
        await open_within(connection, within_s)
    except LoginRefused as error:
        hint = "set CAMBUS_NATS_USER and CAMBUS_NATS_PASSWORD_FILE, or CAMBUS_NATS_CREDS_FILE"
        raise CliError(str(error), hint=hint, exit_code=NO_NATS, reason="nats-refused") from None
    except BusUnavailable as error:
        hint = "is it running? `cambusctl up` starts one; --nats or CAMBUS_NATS_URL says where it is"
        raise CliError(str(error), hint=hint, exit_code=NO_NATS, reason="nats-unreachable") from None
    except (ValueError, OSError) as error:
        raise UsageError(f"cannot connect to NATS: {error}") from None
