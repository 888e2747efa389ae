"""Writing down that a device has moved: its record gets the address it answers at."""

import logging
from typing import Final

from cambus.client.errors import BusError
from cambus.client.kv import KeyValue
from cambus.connector.context import DeviceContext
from cambus.connector.errors import InvalidRecord
from cambus.connector_dvrip.address import parse_address
from cambus.connector_dvrip.endpoints import Endpoint, joined
from cambus.schemas.alarms import Severity
from cambus.schemas.assets import KV_DEVICES
from cambus.schemas.errors import CambusError
from cambus.schemas.state.devices import DeviceRecord

logger = logging.getLogger(__name__)

CODE: Final = "address-changed"


async def follow_to(context: DeviceContext, address: Endpoint) -> None:
    """Say that a device has moved, and change its record to the address it was reached at; a failure is only logged.

    The record comes last: with it the connector begins anew with the device. Whoever keeps records in a file has to
    change it there too.
    """
    where = joined(*address)
    records = KeyValue(context.bus, KV_DEVICES, DeviceRecord)
    try:
        entry = await records.get(context.device)
        if entry is None or entry.value.address is None or parse_address(entry.value.address) == address:
            return
        await context.events.exception(
            CODE,
            f"the device has moved to {where}, and its record follows; change it in your files too",
            severity=Severity.INFO,
            before=entry.value.address,
            address=where,
        )
        moved = entry.value.model_copy(update={"address": where})
        await records.update(context.device, moved, entry.revision)
    except (BusError, CambusError, InvalidRecord) as error:
        logger.warning("record not changed", extra={"device": context.device, "reason": str(error)})
