"""One RTSP device, over all its sessions."""

from cambus.connector.context import DeviceContext
from cambus.connector_rtsp.entrance import Entrance
from cambus.connector_rtsp.options import RtspOptions
from cambus.connector_rtsp.places import check_places, sources
from cambus.connector_rtsp.session import RtspSession
from cambus.connector_rtsp.surroundings import Shared
from cambus.connector_rtsp.survey import Survey
from cambus.rtsp.client import PullSettings
from cambus.rtsp.login import Login
from cambus.schemas.state.credentials import Credentials
from cambus.schemas.state.devices import DeviceRecord


class RtspDevice:
    """A device of a record.

    Args:
        record: what it is to be.
        context: what the connector gives it.
        shared: what all devices share.

    Attributes:
        id: on the bus.
        options: of its record.
        context: see above.
        shared: see above.

    Raises:
        InvalidRecord: the address, a URL or an option can not work.
    """

    def __init__(self, record: DeviceRecord, context: DeviceContext, shared: Shared) -> None:
        self.id = record.id
        self.options = RtspOptions.of(record.options)
        self.context = context
        self.shared = shared
        self._address = record.address
        self._entrance = Entrance()
        self._shown: Credentials | None = None
        check_places(record.address, self.options.cameras)

    async def connect(self, credentials: Credentials | None) -> RtspSession:
        """Look whether it is there, and what it has."""
        places = sources(self._address, self.options.cameras, credentials)

        def login() -> Login | None:
            if credentials is None:
                return None
            password = "" if credentials.password is None else credentials.password.get_secret_value()
            return Login(credentials.username, password, basic=self.options.basic)

        if credentials != self._shown:
            self._entrance, self._shown = Entrance(), credentials
        survey = Survey(places, login, self._entrance, self.settings, self.shared.looking, self._counted)
        await survey.look()
        survey.raise_if_away()
        return RtspSession(self, places, login, self._entrance, survey)

    async def close(self) -> None:
        """Nothing of it outlives its sessions."""

    @property
    def settings(self) -> PullSettings:
        """How it is dealt with."""
        options, settings = self.options, self.shared.settings
        return PullSettings(
            transport=options.transport,
            audio=options.audio,
            connect_timeout_s=settings.rtsp_connect_timeout_s,
            request_timeout_s=settings.rtsp_request_timeout_s,
            stall_s=options.stall_s,
            fingerprint=options.fingerprint and options.fingerprint.replace(":", "").lower(),
        )

    def _counted(self, answered: bool) -> None:
        self.shared.metrics.looked(answered=answered)
