"""Pictures that were taken, fetched from the object store."""

import hashlib
from typing import Final

from cambus.client.connection import Connection
from cambus.client.objects import ObjectDamaged, ObjectStore
from cambus.schemas.objects import ObjectRef

MAX_BYTES: Final = 64 * 1024 * 1024


async def fetch(connection: Connection, ref: ObjectRef, *, max_bytes: int = MAX_BYTES) -> bytes:
    """Return what an `ObjectRef` or a `PictureRef` refers to.

    Raises:
        KeyError: it is no longer in the object store.
        ValueError: it is larger than `max_bytes`.
        ObjectDamaged: it is not what the reference says.
        BusError: NATS refuses or does not answer.
    """
    data = await ObjectStore(connection, ref.bucket).get_bytes(ref.object, max_bytes)
    if hashlib.sha256(data).hexdigest() != ref.sha256:
        raise ObjectDamaged(f"{ref.bucket}/{ref.object}: not the one that is referred to")
    return data
