"""The bus as an AsyncAPI 3.0 document, built from the catalog.

It describes the suite as one application: it receives commands and answers them, and it sends events and
media. The document is plain dictionaries; writing it down as YAML is the caller's.
"""

from collections.abc import Iterable
from typing import Any

from cambus.schemas import assets, keys, subjects
from cambus.schemas.asyncapi_components import (
    CHUNK,
    FRAMES,
    PARAMETERS,
    Document,
    header_schemas,
    messages,
    ref,
    schemas,
)
from cambus.schemas.catalog import DEVICE_COMMANDS, EVENTS, SERVICE_COMMANDS, CommandSpec, EventSpec
from cambus.schemas.codec import MSGPACK
from cambus.schemas.errors import ErrorReply
from cambus.schemas.model import Message
from cambus.schemas.state.alarm_actions import ActionRecord
from cambus.schemas.state.alarm_rule import AlarmRule
from cambus.schemas.state.alarms import ActiveAlarm
from cambus.schemas.state.cascade import CascadeLink, CascadeNumbers, CascadeStatus
from cambus.schemas.state.credentials import SealedCredentials
from cambus.schemas.state.dead_letters import DeadLetter
from cambus.schemas.state.deliveries import DeliveryProgress, OpenEscalation
from cambus.schemas.state.devices import DeviceRecord
from cambus.schemas.state.inbound import InboundHold, Knock
from cambus.schemas.state.leases import Lease, OpenOutbox, Replica
from cambus.schemas.state.presence import Presence
from cambus.schemas.state.recording_policy import RecordingPolicy
from cambus.schemas.state.registrations import KnownChannels, KnownDevice, OpenDialog, Registration
from cambus.schemas.state.relay_tokens import PageSession, RelayToken
from cambus.schemas.state.upgrades import TransferShares, UpgradeAttempt, UpgradeCampaign
from cambus.schemas.transfer import TransferEnd, TransferReadRequest

REPLY_CHANNEL = "reply"

DESCRIPTION = """Every command, event and stream of Cambus on NATS.

Bodies are msgpack, or JSON where the header `Content-Type` says `application/json` or, without that header,
where the body starts with `{`; the answer comes in kind. A failed command answers with an ErrorReply and the
headers of the NATS service convention. Unknown fields are ignored."""

KEY_VALUES: tuple[tuple[str, str, type[Message]], ...] = (
    (assets.KV_DEVICES, "<device>", DeviceRecord),
    (assets.KV_CREDENTIALS, "<credentials>", SealedCredentials),
    (assets.KV_PRESENCE, "<device>", Presence),
    (assets.KV_LEASES, f"{keys.SHARD_LEASES}<protocol>.<shard>", Lease),
    (assets.KV_LEASES, f"{keys.STREAM_LEASES}<device>.<channel>.<stream>", Lease),
    (assets.KV_LEASES, f"{keys.CAMPAIGNS}<campaign>", Lease),
    (assets.KV_LEASES, f"{keys.CASCADE_LINKS}<link>", Lease),
    (assets.KV_LEASES, f"{keys.REPLICAS}<service>.<replica>", Replica),
    (assets.KV_LEASES, f"{keys.OPEN_OUTBOXES}<service>.<replica>", OpenOutbox),
    (assets.KV_LEASES, f"{keys.HOLDER_LEASES}<protocol>.<replica>", Lease),
    (assets.KV_LEASES, f"{keys.INBOUND_HOLDS}<protocol>.<device>", InboundHold),
    (assets.KV_REGISTRATIONS, f"{keys.REGISTRATIONS}<protocol>.<identity>", Registration),
    (assets.KV_REGISTRATIONS, f"{keys.KNOWN_DEVICES}<protocol>.<device>", KnownDevice),
    (assets.KV_REGISTRATIONS, f"{keys.KNOWN_CHANNELS}<protocol>.<device>.<page>", KnownChannels),
    (assets.KV_REGISTRATIONS, f"{keys.OPEN_DIALOGS}<protocol>.<identity>.<hash>", OpenDialog),
    (assets.KV_LEASES, f"{keys.KNOCKS}<protocol>.<hash>", Knock),
    (assets.KV_POLICIES, f"{keys.RECORDING_POLICIES}<policy>", RecordingPolicy),
    (assets.KV_POLICIES, f"{keys.ALARM_RULES}<rule>", AlarmRule),
    (assets.KV_POLICIES, f"{keys.CASCADE_LINKS}<link>", CascadeLink),
    (assets.KV_POLICIES, f"{keys.CASCADE_NUMBERS}<link>", CascadeNumbers),
    (assets.KV_POLICIES, f"{keys.CASCADE_STATUSES}<link>", CascadeStatus),
    (assets.KV_UPGRADES, f"{keys.CAMPAIGNS}<campaign>", UpgradeCampaign),
    (assets.KV_UPGRADES, f"{keys.ATTEMPTS}<campaign>.<device>", UpgradeAttempt),
    (assets.KV_UPGRADES, f"{keys.UPGRADE_JOBS}<device>", UpgradeAttempt),
    (assets.KV_UPGRADES, f"{keys.UNRESOLVED}<device>", UpgradeAttempt),
    (assets.KV_UPGRADES, keys.TRANSFERS, TransferShares),
    (assets.KV_DELIVERIES, "<event id>", DeliveryProgress),
    (assets.KV_DELIVERIES, f"{keys.ESCALATIONS}<event id>.<rule>", OpenEscalation),
    (assets.KV_DELIVERIES, f"{keys.ACTIONS}<event id>.<rule>.<index>", ActionRecord),
    (assets.KV_TOKENS, "<hash of the token>", RelayToken),
    (assets.KV_PAGE_SESSIONS, "<hash of the session>", PageSession),
    (assets.KV_ALARMS, "<device>.<hash of the alarm key>", ActiveAlarm),
)
"""What lies under which key of which bucket."""


def build(version: str) -> Document:
    """Return the document for this version of the suite."""
    commands = [*DEVICE_COMMANDS.values(), *SERVICE_COMMANDS.values()]
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Cambus",
            "version": version,
            "description": DESCRIPTION,
            "license": {"name": "Apache-2.0"},
            "tags": [{"name": "commands"}, {"name": "events"}, {"name": "media"}],
        },
        "defaultContentType": MSGPACK,
        "servers": {
            "nats": {
                "host": "localhost:4222",
                "protocol": "nats",
                "description": "Any NATS server with JetStream.",
            }
        },
        "channels": {
            **{spec.key: _command_channel(spec) for spec in commands},
            **{f"event.{spec.name}": _event_channel(spec) for spec in EVENTS.values()},
            **_stream_channels(),
            REPLY_CHANNEL: _reply_channel(commands),
        },
        "operations": {
            **{spec.key: _command_operation(spec) for spec in commands},
            **{f"event.{spec.name}": _event_operation(spec) for spec in EVENTS.values()},
            **_stream_operations(),
        },
        "components": {
            "messages": messages(commands),
            "parameters": PARAMETERS,
            "schemas": {**header_schemas(), **schemas("#/components/schemas/{model}")},
        },
        "x-key-value": [
            {"bucket": bucket, "key": key, "value": ref("schemas", model.__name__)}
            for bucket, key, model in KEY_VALUES
        ],
    }


def _command_channel(spec: CommandSpec[Any, Any]) -> Document:
    device = spec.service is None
    channel: Document = {
        "address": f"{subjects.PREFIX}.cmd.{{device}}.{spec.name}" if device else spec.subject(),
        "title": spec.key,
        "summary": spec.summary,
        "messages": {"request": ref("messages", spec.request.__name__)},
    }
    if device:
        channel["parameters"] = {"device": ref("parameters", "device")}
    return channel


def _command_operation(spec: CommandSpec[Any, Any]) -> Document:
    reply = f"#/channels/{REPLY_CHANNEL}/messages/"
    operation: Document = {
        "action": "receive",
        "channel": {"$ref": f"#/channels/{spec.key}"},
        "title": spec.key,
        "summary": spec.summary,
        "tags": [{"name": "commands"}],
        "messages": [{"$ref": f"#/channels/{spec.key}/messages/request"}],
        "reply": {
            "channel": {"$ref": f"#/channels/{REPLY_CHANNEL}"},
            "messages": [{"$ref": reply + name} for name in (spec.reply.__name__, ErrorReply.__name__)],
        },
        "x-timeout-s": spec.timeout_s,
        "x-idempotent": spec.idempotent,
        "x-confirm": spec.confirm,
    }
    if spec.broadcast:
        operation["x-broadcast"] = True
    return operation


def _event_channel(spec: EventSpec[Any]) -> Document:
    return {
        "address": f"{subjects.PREFIX}.evt.{{device}}.{spec.name}",
        "title": spec.name,
        "summary": spec.summary,
        "parameters": {"device": ref("parameters", "device")},
        "messages": {"event": ref("messages", spec.model.__name__)},
    }


def _event_operation(spec: EventSpec[Any]) -> Document:
    return {
        "action": "send",
        "channel": {"$ref": f"#/channels/event.{spec.name}"},
        "title": spec.name,
        "summary": spec.summary,
        "tags": [{"name": "events"}],
        "messages": [{"$ref": f"#/channels/event.{spec.name}/messages/event"}],
        "x-stream": assets.STREAM_EVENTS,
    }


def _stream_channels() -> Document:
    """Media, talk, bulk transfer and dead letters."""
    media = {name: ref("parameters", name) for name in ("device", "channel")}
    prefix = subjects.PREFIX
    return {
        "media.live": {
            "address": f"{prefix}.media.{{device}}.{{channel}}.{{stream}}",
            "summary": "The frames of a live stream.",
            "parameters": {**media, "stream": ref("parameters", "stream")},
            "messages": {"frame": ref("messages", FRAMES)},
        },
        "media.playback": {
            "address": f"{prefix}.media.{{device}}.{{channel}}.s-{{session}}",
            "summary": "The frames of a playback, of a microphone, or the bytes of a serial port.",
            "parameters": {**media, "session": ref("parameters", "session")},
            "messages": {"frame": ref("messages", FRAMES)},
        },
        "media.talk": {
            "address": f"{prefix}.media.{{device}}.{{channel}}.t-{{session}}",
            "summary": "Audio frames for the device's loudspeaker.",
            "parameters": {**media, "session": ref("parameters", "session")},
            "messages": {"frame": ref("messages", FRAMES)},
        },
        "transfer": {
            "address": f"{prefix}.xfer.{{session}}",
            "summary": "One request for each chunk of a bulk transfer.",
            "parameters": {"session": ref("parameters", "session")},
            "messages": {"read": ref("messages", TransferReadRequest.__name__)},
        },
        "dead-letters": {
            "address": f"{prefix}.dead.{{consumer}}",
            "summary": "What a durable consumer gave up on.",
            "parameters": {"consumer": ref("parameters", "consumer")},
            "messages": {"letter": ref("messages", DeadLetter.__name__)},
        },
    }


def _stream_operations() -> Document:
    def operation(action: str, channel: str, message: str, tag: str) -> Document:
        return {
            "action": action,
            "channel": {"$ref": f"#/channels/{channel}"},
            "tags": [{"name": tag}],
            "messages": [{"$ref": f"#/channels/{channel}/messages/{message}"}],
        }

    reply = f"#/channels/{REPLY_CHANNEL}"
    return {
        "media.live": operation("send", "media.live", "frame", "media"),
        "media.playback": operation("send", "media.playback", "frame", "media"),
        "media.talk": operation("receive", "media.talk", "frame", "media"),
        "transfer": {
            **operation("receive", "transfer", "read", "media"),
            "reply": {
                "channel": {"$ref": reply},
                "messages": [
                    {"$ref": f"{reply}/messages/{name}"}
                    for name in (CHUNK, TransferEnd.__name__, ErrorReply.__name__)
                ],
            },
        },
        "dead-letters": operation("send", "dead-letters", "letter", "events"),
    }


def _reply_channel(commands: Iterable[CommandSpec[Any, Any]]) -> Document:
    names = {spec.reply.__name__ for spec in commands} | {ErrorReply.__name__, TransferEnd.__name__, CHUNK}
    return {
        "address": None,
        "summary": "The reply subject the caller named in its request.",
        "messages": {name: ref("messages", name) for name in sorted(names)},
    }
