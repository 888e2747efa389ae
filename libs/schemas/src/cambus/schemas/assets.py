"""The names of what lives in JetStream: key-value buckets, streams and object stores.

| asset | holds | key |
|---|---|---|
| `cambus-devices` | `DeviceRecord`: which devices exist | device id |
| `cambus-credentials` | `SealedCredentials`: secrets of devices and sinks | name of the credentials |
| `cambus-presence` | `Presence`: what is known of each device now | device id |
| `cambus-leases` | `Lease`, `InboundHold`, `Replica`, `OpenOutbox`, `Knock` …: who has what | `cambus.schemas.keys` |
| `cambus-policies` | `RecordingPolicy`, `AlarmRule`, `KnownRecorder`, `CascadeLink` … | `cambus.schemas.keys` |
| `cambus-upgrades` | `UpgradeCampaign`, `UpgradeAttempt`, `TransferShares` | `cambus.schemas.keys` |
| `cambus-alarms` | `ActiveAlarm`: alarms that are raised and not cleared | `cambus.schemas.keys` |
| `cambus-registrations` | `Registration`, `KnownDevice`, `KnownChannels`, `OpenDialog` | `cambus.schemas.keys` |
| `cambus-deliveries` | `DeliveryProgress`, `OpenEscalation`, `ActionRecord` | `cambus.schemas.keys` |
| `cambus-tokens` | `RelayToken`: tokens of viewers that are not used yet | hash of the token |
| `CAMBUS_EVENTS` | every event | subject `cambus.v1.evt.>` |
| `CAMBUS_DEAD_LETTERS` | what a consumer gave up on | subject `cambus.v1.dead.>` |
| `cambus-firmware` | firmware images | object name |
| `cambus-pictures` | snapshots | object name |
| `cambus-files` | exported configurations, logs and recordings of devices | object name |
"""

from typing import Final

KV_DEVICES: Final = "cambus-devices"
KV_CREDENTIALS: Final = "cambus-credentials"
KV_PRESENCE: Final = "cambus-presence"
KV_LEASES: Final = "cambus-leases"
KV_POLICIES: Final = "cambus-policies"
KV_UPGRADES: Final = "cambus-upgrades"
KV_ALARMS: Final = "cambus-alarms"
KV_DELIVERIES: Final = "cambus-deliveries"
KV_REGISTRATIONS: Final = "cambus-registrations"
KV_TOKENS: Final = "cambus-tokens"
KV_PAGE_SESSIONS: Final = "cambus-page-sessions"

STREAM_EVENTS: Final = "CAMBUS_EVENTS"
STREAM_DEAD_LETTERS: Final = "CAMBUS_DEAD_LETTERS"

OBJECTS_FIRMWARE: Final = "cambus-firmware"
OBJECTS_PICTURES: Final = "cambus-pictures"
PICTURE_CAUSE: Final = "Cambus-Cause"
"""Header of a picture that says why it was taken, as `picture.stored` does."""
OBJECTS_FILES: Final = "cambus-files"

KV_BUCKETS: Final = (
    KV_DEVICES,
    KV_CREDENTIALS,
    KV_PRESENCE,
    KV_LEASES,
    KV_POLICIES,
    KV_UPGRADES,
    KV_ALARMS,
    KV_DELIVERIES,
    KV_REGISTRATIONS,
    KV_TOKENS,
    KV_PAGE_SESSIONS,
)
STREAMS: Final = (STREAM_EVENTS, STREAM_DEAD_LETTERS)
OBJECT_STORES: Final = (OBJECTS_FIRMWARE, OBJECTS_PICTURES, OBJECTS_FILES)
