"""The keys of the key-value buckets that hold more than one kind of value.

    cambus-policies   recording.<policy>                    RecordingPolicy
                      recorder.<replica>                    KnownRecorder
                      manual.<device>.<channel>.<stream>.<claimant>
                                                            ManualRecording
                      alarm.<rule>                          AlarmRule
                      cascade.<link>                        CascadeLink
                      cascade-numbers.<link>                CascadeNumbers
                      cascade-status.<link>                 CascadeStatus
    cambus-leases     shard.<protocol>.<number>             Lease
                      stream.<device>.<channel>.<stream>    Lease
                      recorded.<device>.<channel>.<stream>  RecordedMark
                      campaign.<campaign>                   Lease
                      cascade.<link>                        Lease
                      service.<service>                     Lease
                      ssrc.<SIP domain>.<share>             Lease
                      replica.<service>.<replica>           Replica
                      outbox.<service>.<replica>            OpenOutbox
                      holder.<protocol>.<replica>           Lease
                      inbound.<protocol>.<device>           InboundHold
                      knock.<protocol>.<hash of identity>   Knock
    cambus-upgrades   campaign.<campaign>                   UpgradeCampaign
                      attempt.<campaign>.<device>           UpgradeAttempt
                      job.<device>                          UpgradeAttempt: what a connector began last
                      unresolved.<device>                   UpgradeAttempt: whose end nobody knows
                      claim.<device>                        UpgradeAttempt: of the campaign that may order
                      transfers                             TransferShares: of all campaigns
    cambus-alarms     <device>.<hash of the alarm key>      ActiveAlarm
    cambus-deliveries <event>                               DeliveryProgress
                      escalation.<event>.<rule>             OpenEscalation
                      action.<event>.<rule>.<index>         ActionRecord
    cambus-registrations
                      bound.<protocol>.<identity>           Registration
                      known.<protocol>.<device>             KnownDevice
                      channels.<protocol>.<device>.<page>   KnownChannels
                      dialog.<protocol>.<identity>.<hash>   OpenDialog

In `cambus-devices` and `cambus-presence` the key is the device id, in `cambus-credentials` the name of the
credentials. Every part is checked to be a token, so that no key can reach another's place.
"""

import hashlib
from typing import Final

from cambus.schemas.ids import is_token

SHARDS: Final = 256
"""Devices that are dialled hash onto so many shards."""

RECORDING_POLICIES: Final = "recording."
MANUAL_RECORDINGS: Final = "manual."
RECORDED_MARKS: Final = "recorded."
RECORDERS: Final = "recorder."
ALARM_RULES: Final = "alarm."
CASCADE_LINKS: Final = "cascade."
CASCADE_NUMBERS: Final = "cascade-numbers."
CASCADE_STATUSES: Final = "cascade-status."
SHARD_LEASES: Final = "shard."
STREAM_LEASES: Final = "stream."
SERVICE_LEASES: Final = "service."
SSRC_LEASES: Final = "ssrc."
REPLICAS: Final = "replica."
OPEN_OUTBOXES: Final = "outbox."
HOLDER_LEASES: Final = "holder."
INBOUND_HOLDS: Final = "inbound."
KNOCKS: Final = "knock."
CAMPAIGNS: Final = "campaign."
ATTEMPTS: Final = "attempt."
UPGRADE_JOBS: Final = "job."
UNRESOLVED: Final = "unresolved."
UPGRADE_CLAIMS: Final = "claim."
TRANSFERS: Final = "transfers"
ESCALATIONS: Final = "escalation."
ACTIONS: Final = "action."
REGISTRATIONS: Final = "bound."
KNOWN_DEVICES: Final = "known."
KNOWN_CHANNELS: Final = "channels."
OPEN_DIALOGS: Final = "dialog."


def recording_policy(policy: str) -> str:
    """Return the key of a recording policy. Raises ValueError for a bad token, as every function here."""
    return RECORDING_POLICIES + _tokens(policy)


def known_recorder(replica_id: str) -> str:
    """Return the key under which a recorder says that its disk exists."""
    return RECORDERS + _tokens(replica_id)


def alarm_rule(rule: str) -> str:
    """Return the key of an alarm rule."""
    return ALARM_RULES + _tokens(rule)


def cascade_link(link: str) -> str:
    """Return the key of a link to an upper platform, and of the lease on it in the bucket of leases."""
    return CASCADE_LINKS + _tokens(link)


def cascade_numbers(link: str) -> str:
    """Return the key of the codes that were made for a link."""
    return CASCADE_NUMBERS + _tokens(link)


def cascade_status(link: str) -> str:
    """Return the key of how a link is."""
    return CASCADE_STATUSES + _tokens(link)


def shard_lease(protocol: str, shard: int) -> str:
    """Return the key of the lease on a shard of a protocol's devices."""
    if not 0 <= shard < SHARDS:
        raise ValueError(f"shard: wanted 0 to {SHARDS - 1}")
    return f"{SHARD_LEASES}{_tokens(protocol)}.{shard}"


def stream_lease(device: str, channel: int, stream: str) -> str:
    """Return the key of the lease on a recorded stream."""
    return STREAM_LEASES + _tokens(device, str(channel), stream)


def recorded_mark(device: str, channel: int, stream: str) -> str:
    """Return the key that says up to when a stream that is to be recorded is."""
    return RECORDED_MARKS + _tokens(device, str(channel), stream)


def manual_recording(device: str, channel: int, stream: str, claimant: str) -> str:
    """Return the key of the wish of somebody to have a stream recorded for a while."""
    return MANUAL_RECORDINGS + _tokens(device, str(channel), stream, claimant)


def service_lease(service: str) -> str:
    """Return the key of the lease on the work of a service of which one replica works and the others stand by."""
    return SERVICE_LEASES + _tokens(service)


def ssrc_lease(domain: str, share: int) -> str:
    """Return the key of the lease on a share of the session numbers (SSRC) of a SIP domain."""
    return SSRC_LEASES + _tokens(domain, str(share))


def campaign(campaign_id: str) -> str:
    """Return the key of an upgrade campaign, and of the lease on it in the bucket of leases."""
    return CAMPAIGNS + _tokens(campaign_id)


def attempt(campaign_id: str, device: str) -> str:
    """Return the key of one device's part in a campaign."""
    return ATTEMPTS + _tokens(campaign_id, device)


def upgrade_job(device: str) -> str:
    """Return the key under which a connector writes down the job whose image it is about to send."""
    return UPGRADE_JOBS + _tokens(device)


def unresolved_upgrade(device: str) -> str:
    """Return the key under which a device stands whose upgrade ended so that an operator has to decide."""
    return UNRESOLVED + _tokens(device)


def upgrade_claim(device: str) -> str:
    """Return the key under which the one campaign stands that may order anything of a device."""
    return UPGRADE_CLAIMS + _tokens(device)


def replica(service: str, replica_id: str) -> str:
    """Return the key under which a replica says that it is alive."""
    return REPLICAS + _tokens(service, replica_id)


def open_outbox(service: str, replica_id: str) -> str:
    """Return the key that says that events may be in the outbox of a replica, alive or not."""
    return OPEN_OUTBOXES + _tokens(service, replica_id)


def holder_lease(protocol: str, replica_id: str) -> str:
    """Return the key of the lease a replica keeps while devices that dial in are connected to it."""
    return HOLDER_LEASES + _tokens(protocol, replica_id)


def inbound_hold(protocol: str, device: str) -> str:
    """Return the key that says which replica a device that dials in is connected to."""
    return INBOUND_HOLDS + _tokens(protocol, device)


def knock(protocol: str, identity: str) -> str:
    """Return the key of a device nobody configured; identities may hold what keys of a bucket may not."""
    return f"{KNOCKS}{_tokens(protocol)}.{hashlib.blake2b(identity.encode(), digest_size=16).hexdigest()}"


def registration(protocol: str, identity: str) -> str:
    """Return the key of where a device that registers is reached."""
    return REGISTRATIONS + _tokens(protocol, identity)


def known_device(protocol: str, device: str) -> str:
    """Return the key of what a device that registers has said of itself."""
    return KNOWN_DEVICES + _tokens(protocol, device)


def known_channels(protocol: str, device: str, page: int) -> str:
    """Return the key of some of the channels such a device had last."""
    return KNOWN_CHANNELS + _tokens(protocol, device, str(page))


def open_dialog(protocol: str, identity: str, call_id: str) -> str:
    """Return the key of a media session of a device that registers; its id may hold what keys of a bucket may not."""
    digest = hashlib.blake2b(call_id.encode(), digest_size=16).hexdigest()
    return f"{OPEN_DIALOGS}{_tokens(protocol, identity)}.{digest}"


def active_alarm(device: str, alarm_key: str) -> str:
    """Return the key of an alarm that is raised; alarm keys may hold what keys of a bucket may not."""
    return f"{_tokens(device)}.{hashlib.blake2b(alarm_key.encode(), digest_size=16).hexdigest()}"


def escalation(event: str, rule: str) -> str:
    """Return the key of what is still to be told of an alarm under a rule."""
    return ESCALATIONS + _tokens(event, rule)


def action(event: str, rule: str, index: int) -> str:
    """Return the key of how far an action of a rule is for an alarm."""
    return ACTIONS + _tokens(event, rule, str(index))


def shard_of(device: str) -> int:
    """Return the shard of a device: the same on every replica, for ever."""
    return hashlib.blake2b(_tokens(device).encode(), digest_size=1).digest()[0]


def shard_of_stream(device: str, channel: int, stream: str) -> int:
    """Return the shard of a stream: streams of one device are spread as well."""
    return hashlib.blake2b(_tokens(device, str(channel), stream).encode(), digest_size=1).digest()[0]


def _tokens(*parts: str) -> str:
    for part in parts:
        if not is_token(part):
            raise ValueError("key: wanted parts of 1 to 64 of A-Z a-z 0-9 _ -")
    return ".".join(parts)
