"""The services. Generated from the catalog by `make schemas`; not edited by hand."""

from cambus.client.calling import BusClient
from cambus.client.generated.alarm_router_alarms import AlarmRouterAlarmsCommands
from cambus.client.generated.alarm_router_rules import AlarmRouterRulesCommands
from cambus.client.generated.alarm_router_sinks import AlarmRouterSinksCommands
from cambus.client.generated.connector_dvrip_discovery import ConnectorDvripDiscoveryCommands
from cambus.client.generated.connector_gb28181_cascade import ConnectorGb28181CascadeCommands
from cambus.client.generated.media_relay_live import MediaRelayLiveCommands
from cambus.client.generated.media_relay_streams import MediaRelayStreamsCommands
from cambus.client.generated.media_relay_token import MediaRelayTokenCommands
from cambus.client.generated.recorder_export import RecorderExportCommands
from cambus.client.generated.recorder_playback import RecorderPlaybackCommands
from cambus.client.generated.recorder_policy import RecorderPolicyCommands
from cambus.client.generated.recorder_recording import RecorderRecordingCommands
from cambus.client.generated.recorder_streams import RecorderStreamsCommands
from cambus.client.generated.upgrade_manager_upgrade import UpgradeManagerUpgradeCommands


class AlarmRouter:
    """Commands to alarm-router.

    Attributes:
        alarms: commands about alarms.
        rules: commands about rules.
        sinks: commands about sinks.
    """

    def __init__(self, client: BusClient) -> None:
        self.alarms = AlarmRouterAlarmsCommands(client)
        self.rules = AlarmRouterRulesCommands(client)
        self.sinks = AlarmRouterSinksCommands(client)


class ConnectorDvrip:
    """Commands to connector-dvrip.

    Attributes:
        discovery: commands about discovery.
    """

    def __init__(self, client: BusClient) -> None:
        self.discovery = ConnectorDvripDiscoveryCommands(client)


class ConnectorGb28181:
    """Commands to connector-gb28181.

    Attributes:
        cascade: commands about cascade.
    """

    def __init__(self, client: BusClient) -> None:
        self.cascade = ConnectorGb28181CascadeCommands(client)


class MediaRelay:
    """Commands to media-relay.

    Attributes:
        live: commands about live.
        streams: commands about streams.
        token: commands about token.
    """

    def __init__(self, client: BusClient) -> None:
        self.live = MediaRelayLiveCommands(client)
        self.streams = MediaRelayStreamsCommands(client)
        self.token = MediaRelayTokenCommands(client)


class Recorder:
    """Commands to recorder.

    Attributes:
        export: commands about export.
        playback: commands about playback.
        policy: commands about policy.
        recording: commands about recording.
        streams: commands about streams.
    """

    def __init__(self, client: BusClient) -> None:
        self.export = RecorderExportCommands(client)
        self.playback = RecorderPlaybackCommands(client)
        self.policy = RecorderPolicyCommands(client)
        self.recording = RecorderRecordingCommands(client)
        self.streams = RecorderStreamsCommands(client)


class UpgradeManager:
    """Commands to upgrade-manager.

    Attributes:
        upgrade: commands about upgrade.
    """

    def __init__(self, client: BusClient) -> None:
        self.upgrade = UpgradeManagerUpgradeCommands(client)


class Services:
    """The services and their commands.

    Attributes:
        alarm_router: commands to alarm-router.
        connector_dvrip: commands to connector-dvrip.
        connector_gb28181: commands to connector-gb28181.
        media_relay: commands to media-relay.
        recorder: commands to recorder.
        upgrade_manager: commands to upgrade-manager.
    """

    def __init__(self, client: BusClient) -> None:
        self.alarm_router = AlarmRouter(client)
        self.connector_dvrip = ConnectorDvrip(client)
        self.connector_gb28181 = ConnectorGb28181(client)
        self.media_relay = MediaRelay(client)
        self.recorder = Recorder(client)
        self.upgrade_manager = UpgradeManager(client)
