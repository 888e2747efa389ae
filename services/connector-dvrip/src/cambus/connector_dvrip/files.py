"""Files of the device, put into the object store as they were received."""

from datetime import datetime
from typing import TYPE_CHECKING

from cambus.client.objects import ObjectStore
from cambus.schemas.assets import OBJECTS_FILES
from cambus.schemas.objects import ObjectRef

if TYPE_CHECKING:
    from cambus.connector_dvrip.device import DvripDevice


async def store_file(
    device: "DvripDevice", what: str, suffix: str, data: bytes, taken_at: datetime
) -> ObjectRef:
    """Store a file under a name of ours and return where it is. Raises BusError if it can not be stored."""
    name = f"{device.id}/{what}-{taken_at:%Y%m%dT%H%M%SZ}.{suffix}"
    stored = await ObjectStore(device.context.bus, OBJECTS_FILES).put(name, data)
    return ObjectRef(bucket=stored.bucket, object=stored.name, sha256=stored.sha256, bytes=stored.bytes)
