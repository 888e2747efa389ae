"""The users of NATS that the suite is run with, each with the least it needs.

One for every service, and three for people and programs: `admin` may do all there is and creates what lives in
JetStream, `operator` calls every command and keeps the records, `viewer` looks and changes nothing. Generated from
the catalog: a command or event that is added to a service shows here, and nowhere else.
"""

from typing import Final

from cambus.bus.permissions import (
    Permissions,
    asks,
    calls,
    calls_devices,
    calls_service,
    everything,
    fetches_transfers,
    handles_events,
    holds_devices,
    leaves_alone,
    publish,
    reads,
    reads_objects,
    reads_stream,
    receives_media,
    sends_media,
    sends_transfers,
    serves,
    subscribe,
    tells,
    watches_jetstream,
    writes,
    writes_objects,
)
from cambus.schemas import assets, catalog, subjects
from cambus.schemas.commands import cascade, live, ptz, recording, snapshot, talk
from cambus.schemas.commands import device as device_commands
from cambus.schemas.events import alarm, channel, device, exception, picture, position, upgrade
from cambus.schemas.events import alarm_handling as handled
from cambus.schemas.events import live as live_events
from cambus.schemas.events import recording as recording_events

ADMIN: Final = "admin"
CLIENT: Final = "client"
"""What programs of others call their connection, unless they say otherwise: `Cambus.connect`."""

OPERATOR: Final = "operator"
VIEWER: Final = "viewer"
CLI: Final = "cambusctl"
"""The name of the connections of people: their answers come in there."""

DURABLES: Final = ("alarm-router", "upgrade-manager")
"""Who takes events under a name of its own: a place in the stream that is nobody else's."""


def _service(name: str) -> Permissions:
    """What each of them needs: to be called and found, and to know who else there is."""
    own = (f"replica.{name}.*", f"service.{name}")
    return asks(name) | serves(name) | writes(assets.KV_LEASES, *own)


def _connector(protocol: str) -> Permissions:
    """What every connector needs; its devices are its own, whichever they are."""
    leases = (f"{kind}.{protocol}.*" for kind in ("shard", "holder", "inbound", "knock"))
    return (
        _service(f"connector-{protocol}")
        | holds_devices()
        | sends_media()
        | receives_media()
        | sends_transfers()
        | reads(assets.KV_DEVICES, assets.KV_ALARMS)
        | writes(assets.KV_CREDENTIALS)
        | writes(assets.KV_PRESENCE)
        | writes(assets.KV_LEASES, *leases, f"outbox.connector-{protocol}.*")
        | writes(assets.KV_UPGRADES, "job.*")
        | writes_objects(assets.OBJECTS_PICTURES, assets.OBJECTS_FILES)
        | reads_objects(assets.OBJECTS_FIRMWARE)
        | tells(
            *(
                alarm.RAISED,
                alarm.CLEARED,
                channel.CHANGED,
                exception.REPORTED,
                position.REPORTED,
                picture.STORED,
            ),
            *(device.ONLINE, device.OFFLINE, device.CHANGED, device.AUTH_FAILED),
            *(live_events.STARTED, live_events.STOPPED, upgrade.PROGRESSED, upgrade.FINISHED),
        )
    )


def _cascade() -> Permissions:
    """What a lower platform needs towards an upper one: to be a client of the bus (ADR 0011)."""
    stored = ("cascade.*", "cascade-numbers.*", "cascade-status.*")
    return (
        calls_devices()
        | fetches_transfers()
        | calls_service("recorder")
        | writes(assets.KV_POLICIES, *stored)
        | writes(assets.KV_LEASES, "cascade.*")
        | handles_events("*")  # under the names of its links, which are the operator's
        | leaves_alone(*DURABLES)
    )


_VIEWS: Final = (live.START, live.TOUCH, live.STOP, live.KEYFRAME)
_PLAYS: Final = (
    *(recording.FIND, recording.PLAY, recording.TOUCH, recording.STOP),
    *(recording.PAUSE, recording.RESUME, recording.SEEK, recording.SPEED),
)
_MOVES: Final = (ptz.MOVE, ptz.STOP, ptz.PRESET_LIST, ptz.PRESET_GOTO, ptz.PRESET_SET, ptz.PRESET_CLEAR)

USERS: Final[dict[str, Permissions]] = {
    "connector-dvrip": (
        _connector("dvrip")
        | writes(assets.KV_DEVICES)  # devices that moved are followed
        | calls_devices()  # alarms pushed to the alarm centre go to whichever replica holds the device
    ),
    "connector-gb28181": (
        _connector("gb28181")
        | _cascade()
        | writes(assets.KV_DEVICES)  # auto-enrolment
        | writes(assets.KV_REGISTRATIONS)
        | writes(assets.KV_LEASES, "ssrc.*.*")
    ),
    "connector-rtsp": _connector("rtsp"),
    "media-relay": (
        _service("media-relay")
        | receives_media()
        | sends_media()  # what is said to a loudspeaker
        | reads(assets.KV_DEVICES, assets.KV_PRESENCE)
        | writes(assets.KV_TOKENS)
        | writes(assets.KV_PAGE_SESSIONS)
        | calls(*_VIEWS, *_PLAYS, *_MOVES, snapshot.TAKE)
        | calls(device_commands.CAPABILITIES, talk.START, talk.STOP)
        | calls_service("recorder")
        | subscribe(subjects.events(noun="alarm"))
        | tells(exception.REPORTED)
    ),
    "recorder": (
        _service("recorder")
        | receives_media()
        | sends_media()  # what is played back
        | sends_transfers()
        | fetches_transfers()
        | reads(assets.KV_DEVICES, assets.KV_PRESENCE)
        | writes(assets.KV_POLICIES, "recording.*", "recorder.*", "manual.*.*.*.*")
        | writes(assets.KV_LEASES, "stream.*.*.*", "recorded.*.*.*")
        | reads_objects(assets.OBJECTS_PICTURES)
        | calls(*_VIEWS, snapshot.TAKE)
        | calls_service("recorder")
        | reads_stream(assets.STREAM_EVENTS)
        | leaves_alone(*DURABLES)
        | tells(recording_events.CLOSED, picture.STORED, alarm.RAISED, alarm.CLEARED, exception.REPORTED)
    ),
    "alarm-router": (
        _service("alarm-router")
        | reads(assets.KV_DEVICES, assets.KV_PRESENCE, assets.KV_CREDENTIALS)
        | writes(assets.KV_POLICIES, "alarm.*")
        | writes(assets.KV_ALARMS)
        | writes(assets.KV_DELIVERIES)
        | reads_objects(assets.OBJECTS_PICTURES)
        | calls_devices()  # rules may have a device do something
        | calls_service("recorder")
        | calls(cascade.ALARM)
        | tells(handled.ACKNOWLEDGED, handled.ESCALATED, handled.SUPPRESSED, handled.ACTED)
        | handles_events("alarm-router")
        | watches_jetstream()
        | reads_stream(assets.STREAM_EVENTS)
        | leaves_alone(*(name for name in DURABLES if name != "alarm-router"))
        | publish("alarms.>")  # where rules may hand alarms on; more: `cambusctl nats users --allow`
    ),
    "upgrade-manager": (
        _service("upgrade-manager")
        | reads(assets.KV_DEVICES, assets.KV_PRESENCE)
        | writes(assets.KV_UPGRADES)
        | publish(f"$JS.API.STREAM.PURGE.KV_{assets.KV_UPGRADES}")
        | writes(assets.KV_LEASES, "campaign.*")
        | reads_objects(assets.OBJECTS_FIRMWARE)
        | calls(*(spec for spec in catalog.DEVICE_COMMANDS.values() if spec.noun == "upgrade"))
        | handles_events("upgrade-manager")
        | watches_jetstream()
        | tells(upgrade.CAMPAIGN_CHANGED)
    ),
    ADMIN: everything(),
    OPERATOR: (
        asks(CLI)
        | asks(CLIENT)
        | publish(f"{subjects.PREFIX}.cmd.>", f"{subjects.PREFIX}.svc.>", "$SRV.>", "$JS.API.INFO")
        | fetches_transfers()
        | sends_media()  # what is said to a loudspeaker
        | subscribe(f"{subjects.PREFIX}.evt.>", f"{subjects.PREFIX}.media.>")
        | writes(assets.KV_DEVICES)
        | writes(assets.KV_CREDENTIALS)
        | reads(*assets.KV_BUCKETS)
        | reads_stream(assets.STREAM_EVENTS)
        | leaves_alone(*DURABLES)
        | reads_stream(assets.STREAM_DEAD_LETTERS)
        | publish(*(f"$JS.API.STREAM.MSG.{what}.{assets.STREAM_DEAD_LETTERS}" for what in ("GET", "DELETE")))
        | writes_objects(*assets.OBJECT_STORES)
        | publish(f"$JS.API.CONSUMER.LIST.{assets.STREAM_EVENTS}")
    ),
    VIEWER: (
        asks(CLI)
        | asks(CLIENT)
        | publish("$SRV.>")
        | subscribe(f"{subjects.PREFIX}.evt.>")
        | reads(assets.KV_DEVICES, assets.KV_PRESENCE)
        | reads_stream(assets.STREAM_EVENTS)
        | leaves_alone(*DURABLES)
        | calls(*(_VIEWS[:2]))
        | receives_media()
    ),
}
"""What each user may do, by name."""
