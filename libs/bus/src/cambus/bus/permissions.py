"""What a user of NATS may do, put together from what its work needs.

NATS knows subjects only: reading a bucket, answering commands or following events is each a handful of them. The
functions here say which, for this bus runtime (`cambus.client.kv`, `objects`, `ordered`, `consumer`, `endpoints`);
`cambus.bus.users` says who needs what. Everything that is not allowed is forbidden.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from cambus.client.inboxes import INBOXES, inbox_prefix
from cambus.schemas import assets, subjects
from cambus.schemas.spec import CommandSpec, EventSpec

_API: Final = "$JS.API"


@dataclass(frozen=True, slots=True)
class Permissions:
    """Subjects, with wildcards, that may be published and subscribed; `|` joins two.

    Attributes:
        publish: may be published.
        subscribe: may be subscribed to.
        denied: may not be published, though `publish` has them.
    """

    publish: frozenset[str] = frozenset()
    subscribe: frozenset[str] = frozenset()
    denied: frozenset[str] = frozenset()

    def __or__(self, other: Permissions) -> Permissions:
        return Permissions(
            self.publish | other.publish, self.subscribe | other.subscribe, self.denied | other.denied
        )

    def as_config(self) -> dict[str, Any]:
        """The `permissions` of a user in the configuration of nats-server."""
        published = {"allow": sorted(self.publish)} | ({"deny": sorted(self.denied)} if self.denied else {})
        return {"publish": published, "subscribe": {"allow": sorted(self.subscribe)}}


def publish(*allowed: str) -> Permissions:
    """May publish these."""
    return Permissions(publish=frozenset(allowed))


def subscribe(*allowed: str) -> Permissions:
    """May subscribe to these."""
    return Permissions(subscribe=frozenset(allowed))


def asks(name: str) -> Permissions:
    """Gets answers, under the name of its connection, where it may write as well: so it knows what has gone out."""
    return subscribe(f"{inbox_prefix(name)}.>") | publish(f"{inbox_prefix(name)}.>")


# --- commands -------------------------------------------------------------------------------------------


def serves(service: str) -> Permissions:
    """Answers the commands to a service, and discovery (ADR-32 of NATS: `$SRV`)."""
    discovery = ("$SRV.PING", "$SRV.INFO", "$SRV.STATS", f"$SRV.*.{service}", f"$SRV.*.{service}.*")
    return subscribe(f"{subjects.PREFIX}.svc.{service}.>", *discovery) | publish(f"{INBOXES}.>")


def holds_devices() -> Permissions:
    """Answers the commands to devices."""
    return subscribe(f"{subjects.PREFIX}.cmd.*.>")


def calls(*specs: CommandSpec[Any, Any]) -> Permissions:
    """Calls these commands, of any device."""
    return publish(
        *(
            f"{subjects.PREFIX}.cmd.*.{spec.noun}.{spec.verb}" if spec.service is None else spec.subject()
            for spec in specs
        )
    )


def calls_devices() -> Permissions:
    """Calls every command of any device."""
    return publish(f"{subjects.PREFIX}.cmd.*.>")


def calls_service(service: str) -> Permissions:
    """Calls every command of a service."""
    return publish(f"{subjects.PREFIX}.svc.{service}.>")


# --- media and transfers --------------------------------------------------------------------------------


def sends_media() -> Permissions:
    """Publishes frames: live streams, playbacks, sound for a loudspeaker."""
    return publish(f"{subjects.PREFIX}.media.*.*.*")


def receives_media() -> Permissions:
    """Subscribes to frames."""
    return subscribe(subjects.media())


def sends_transfers() -> Permissions:
    """Hands out files in chunks, each of which is asked for."""
    return subscribe(f"{subjects.PREFIX}.xfer.*")


def fetches_transfers() -> Permissions:
    """Asks for the chunks of files."""
    return publish(f"{subjects.PREFIX}.xfer.*")


# --- events ---------------------------------------------------------------------------------------------


def tells(*specs: EventSpec[Any]) -> Permissions:
    """Publishes these events, of any device."""
    return publish(*(f"{subjects.PREFIX}.evt.*.{spec.noun}.{spec.past}" for spec in specs))


def handles_events(durable: str) -> Permissions:
    """Handles events under a durable name; what it gives up on becomes a dead letter.

    Args:
        durable: its name; `*` where the names are those of an operator.
    """
    stream = assets.STREAM_EVENTS
    return publish(
        f"{_API}.STREAM.INFO.{stream}",
        *(f"{_API}.CONSUMER.{what}.{stream}.{durable}" for what in ("CREATE", "INFO", "DELETE", "MSG.NEXT")),
        f"$JS.ACK.{stream}.{durable}.>",
        f"{subjects.PREFIX}.dead.{durable}",
    )


def leaves_alone(*durables: str) -> Permissions:
    """Takes no event from whom it is meant for, whatever else may be read.

    A reader of a stream may make, ask and delete consumers of any name there, for NATS has no wildcard within a name.
    Without this it could delete the place of a service in the stream, or have its events sent to itself.
    """
    stream = assets.STREAM_EVENTS
    return Permissions(
        denied=frozenset(
            subject
            for durable in durables
            for subject in (
                *(f"{_API}.CONSUMER.{what}.{stream}.{durable}" for what in ("CREATE", "DELETE", "MSG.NEXT")),
                f"$JS.ACK.{stream}.{durable}.>",
                f"{subjects.PREFIX}.dead.{durable}",
            )
        )
    )


def reads_stream(stream: str) -> Permissions:
    """Reads what is stored, and follows what comes, without a durable name."""
    return publish(
        f"{_API}.STREAM.INFO.{stream}",
        f"{_API}.STREAM.MSG.GET.{stream}",
        *(f"{_API}.CONSUMER.{what}.{stream}.*" for what in ("CREATE", "INFO", "DELETE", "MSG.NEXT")),
    )


def watches_jetstream() -> Permissions:
    """Sees how full every stream is, whether its copies are in step, and how far consumers are behind."""
    names = (
        *(assets.STREAM_EVENTS, assets.STREAM_DEAD_LETTERS),
        *(f"KV_{bucket}" for bucket in assets.KV_BUCKETS),
        *(f"OBJ_{store}" for store in assets.OBJECT_STORES),
    )
    return publish(
        f"{_API}.INFO",
        *(f"{_API}.STREAM.INFO.{name}" for name in names),
        f"{_API}.CONSUMER.LIST.{assets.STREAM_EVENTS}",
    )


# --- state ----------------------------------------------------------------------------------------------


def reads(*buckets: str) -> Permissions:
    """Reads and watches key-value buckets."""
    return _all(reads_stream(f"KV_{bucket}") for bucket in buckets)


def writes(bucket: str, *keys: str) -> Permissions:
    """Reads a key-value bucket and writes keys that match; without `keys` all."""
    return reads(bucket) | publish(*(f"$KV.{bucket}.{key}" for key in keys or (">",)))


def reads_objects(*stores: str) -> Permissions:
    """Reads object stores."""
    return _all(reads_stream(f"OBJ_{store}") for store in stores)


def writes_objects(*stores: str) -> Permissions:
    """Reads and writes object stores; an object is deleted by purging its chunks."""
    return reads_objects(*stores) | publish(
        *(f"$O.{store}.{kind}.>" for store in stores for kind in ("C", "M")),
        *(f"{_API}.STREAM.PURGE.OBJ_{store}" for store in stores),
    )


def everything() -> Permissions:
    """May do all there is on this bus."""
    return Permissions(frozenset({">"}), frozenset({">"}))


def _all(many: Any) -> Permissions:
    joined = Permissions()
    for each in many:
        joined |= each
    return joined
