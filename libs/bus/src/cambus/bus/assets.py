"""Creates what lives in JetStream: streams, key-value buckets, object stores; every one bounded.

Every asset has `max_bytes`: JetStream stays broken after its disk was full, until it is restarted, so the
disk must never get there. The sum is what a server needs at least.
"""

import asyncio
import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from cambus.bus.settings import BusSettings
from cambus.client.connection import Connection
from cambus.client.errors import AssetNotFound, BusUnavailable, JetStreamError
from cambus.schemas import assets, subjects

if TYPE_CHECKING:
    from cambus.bus.connection import Bus

logger = logging.getLogger(__name__)

MIB: Final = 1024 * 1024
GIB: Final = 1024 * MIB
DAY_S: Final = 86400
NS: Final = 1_000_000_000
DUPLICATE_WINDOW_S: Final = 120
STREAM_NAME_IN_USE: Final = 10058
RETRY_S: Final = 1.0


@dataclass(frozen=True, slots=True)
class Asset:
    """One stream, bucket or object store.

    Attributes:
        name: the stream's name, or the bucket's.
        max_bytes: its bound.
        ttl: messages may carry a time to live of their own (leases, tokens).
        history: revisions kept of a key.
        max_age_s: how old a message may get; 0: any age.
    """

    name: str
    max_bytes: int
    ttl: bool = False
    history: int = 1
    max_age_s: int = 0


STREAMS: Final = {
    assets.STREAM_EVENTS: (Asset(assets.STREAM_EVENTS, GIB, max_age_s=7 * DAY_S), subjects.EVENTS),
    assets.STREAM_DEAD_LETTERS: (
        Asset(assets.STREAM_DEAD_LETTERS, 256 * MIB, max_age_s=30 * DAY_S),
        subjects.DEAD_LETTERS,
    ),
}

_SPECIAL_BUCKETS: Final = {
    assets.KV_DEVICES: Asset(assets.KV_DEVICES, 128 * MIB, history=5),
    assets.KV_PRESENCE: Asset(assets.KV_PRESENCE, 256 * MIB),
    assets.KV_LEASES: Asset(assets.KV_LEASES, 32 * MIB, ttl=True),
    assets.KV_POLICIES: Asset(assets.KV_POLICIES, 64 * MIB, history=5),
    assets.KV_DELIVERIES: Asset(assets.KV_DELIVERIES, 64 * MIB, max_age_s=8 * DAY_S),
    assets.KV_REGISTRATIONS: Asset(assets.KV_REGISTRATIONS, 256 * MIB, ttl=True),
    # What marks a deletion has no time to live of its own: it goes by its age.
    assets.KV_TOKENS: Asset(assets.KV_TOKENS, 32 * MIB, ttl=True, max_age_s=DUPLICATE_WINDOW_S),
    assets.KV_PAGE_SESSIONS: Asset(assets.KV_PAGE_SESSIONS, 32 * MIB, max_age_s=DAY_S // 2),
}
BUCKETS: Final = tuple(_SPECIAL_BUCKETS.get(name, Asset(name, 64 * MIB)) for name in assets.KV_BUCKETS)

_SPECIAL_STORES: Final = {assets.OBJECTS_FIRMWARE: Asset(assets.OBJECTS_FIRMWARE, 2 * GIB)}
OBJECT_STORES: Final = tuple(
    _SPECIAL_STORES.get(name, Asset(name, GIB, max_age_s=7 * DAY_S)) for name in assets.OBJECT_STORES
)


def stream_config(asset: Asset, subject: str, replicas: int) -> dict[str, Any]:
    """The configuration of a stream: oldest messages go first, duplicates are known for two minutes."""
    return {
        "name": asset.name,
        "subjects": [subject],
        "retention": "limits",
        "storage": "file",
        "discard": "old",
        "max_bytes": asset.max_bytes,
        "max_age": asset.max_age_s * NS,
        "num_replicas": replicas,
        "duplicate_window": DUPLICATE_WINDOW_S * NS,
        "allow_direct": True,
    }


def bucket_config(asset: Asset, replicas: int) -> dict[str, Any]:
    """The configuration of a key-value bucket (ADR-8). A full one refuses writes rather than drop keys.

    A bucket with times to live gets no delete markers: a marker answers a read with an empty value and
    blocks the next create until it has expired itself. Expiry is silent; whoever needs it polls.
    """
    return {
        "name": f"KV_{asset.name}",
        "subjects": [f"$KV.{asset.name}.>"],
        "retention": "limits",
        "storage": "file",
        "discard": "new",
        "max_msgs_per_subject": asset.history,
        "max_bytes": asset.max_bytes,
        "max_age": asset.max_age_s * NS,
        "num_replicas": replicas,
        "duplicate_window": DUPLICATE_WINDOW_S * NS,
        "allow_rollup_hdrs": True,
        "deny_delete": True,
        "allow_direct": True,
        "allow_msg_ttl": asset.ttl,
    }


def object_store_config(asset: Asset, replicas: int) -> dict[str, Any]:
    """The configuration of an object store (ADR-20). A full one refuses writes."""
    return {
        "name": f"OBJ_{asset.name}",
        "subjects": [f"$O.{asset.name}.C.>", f"$O.{asset.name}.M.>"],
        "retention": "limits",
        "storage": "file",
        "discard": "new",
        "max_bytes": asset.max_bytes,
        "max_age": asset.max_age_s * NS,
        "num_replicas": replicas,
        "allow_rollup_hdrs": True,
        "allow_direct": True,
    }


def configurations(replicas: int, budget_bytes: int | None = None) -> list[dict[str, Any]]:
    """The stream configurations of everything Cambus keeps in JetStream.

    With a budget every bound is scaled so that together they use it up.
    """
    configs = [
        *(stream_config(asset, subject, replicas) for asset, subject in STREAMS.values()),
        *(bucket_config(asset, replicas) for asset in BUCKETS),
        *(object_store_config(asset, replicas) for asset in OBJECT_STORES),
    ]
    if budget_bytes is not None:
        total = sum(config["max_bytes"] for config in configs)
        for config in configs:
            config["max_bytes"] = config["max_bytes"] * budget_bytes // total
    return configs


async def ensure_assets(bus: "Bus") -> None:
    """Create what is missing. What exists is left as the operator has it.

    Raises:
        JetStreamError: NATS refuses, such as more replicas than servers or more bytes than its limit.
        BusUnavailable: no answer in time.
    """
    await create_assets(bus, bus.settings)


async def create_assets(connection: Connection, settings: BusSettings) -> None:
    """As `ensure_assets`, over any connection."""
    budget_mib = settings.jetstream_budget_mib
    budget = None if budget_mib is None else budget_mib * MIB
    for config in configurations(settings.jetstream_replicas, budget):
        await ensure_stream(connection, config)


async def wait_for_assets(bus: "Bus") -> None:
    """Create what is missing; a cluster without a leader, and a disk that is slow, are waited for.

    Raises:
        JetStreamError: NATS refuses.
    """
    while True:
        try:
            await ensure_assets(bus)
        except BusUnavailable as error:
            logger.warning("JetStream is not ready", extra={"reason": str(error)})
            await asyncio.sleep(RETRY_S)
        else:
            return


async def ensure_stream(bus: Connection, config: dict[str, Any]) -> None:
    """Create one stream unless it exists; two services that both try are fine. Raises as `ensure_assets`."""
    name = config["name"]
    try:
        await bus.jetstream.call(f"STREAM.INFO.{name}")
    except AssetNotFound:
        pass
    else:
        return
    try:
        await bus.jetstream.call(f"STREAM.CREATE.{name}", config)
    except JetStreamError as error:
        if error.err_code != STREAM_NAME_IN_USE:
            raise
    else:
        logger.info("created in JetStream", extra={"asset": name, "max_bytes": config["max_bytes"]})
