"""The device's settings, by the names and in the shapes of its own protocol."""

from pydantic import Field

from cambus.schemas.ids import ChannelNo
from cambus.schemas.model import Confirmed, FreeJson, Message, Secret, example
from cambus.schemas.objects import ObjectRef
from cambus.schemas.spec import CommandSpec


class ConfigGetRequest(Message):
    """Read one setting or group of settings."""

    model_config = example(name="Detect.MotionDetect", channel=0, default=False)

    name: str = Field(
        min_length=1, max_length=300, description="The name in the device's protocol: a path or a block."
    )
    channel: ChannelNo | None = Field(
        default=None, description="The channel, where the setting exists for each; None for the whole."
    )
    default: bool = Field(
        default=False, description="True for what the factory set, not for what is set now."
    )


class ConfigGetReply(Message):
    """The setting."""

    model_config = example(name="Detect.MotionDetect", channel=0, value={"Enable": True, "Level": 3})

    name: str = Field(description="The name that was asked for.")
    channel: ChannelNo | None = Field(default=None, description="The channel that was asked for.")
    value: FreeJson = Field(
        description="The value: JSON, or text where the protocol speaks XML; secrets are blanked."
    )


class ConfigSetRequest(Message):
    """Write one setting or group of settings."""

    model_config = example(name="Detect.MotionDetect", channel=0, value={"Level": 4}, merge=True)

    name: str = Field(
        min_length=1, max_length=300, description="The name in the device's protocol: a path or a block."
    )
    channel: ChannelNo | None = Field(
        default=None, description="The channel, where the setting exists for each; None for the whole."
    )
    value: FreeJson = Field(description="The value in the shape of the protocol.", repr=False)
    merge: bool = Field(
        default=True, description="True to change only the fields given, false to replace the whole."
    )
    unchecked: bool = Field(
        default=False,
        description="True to send values outside their documented range too, for firmware that takes them.",
    )


class ConfigSetReply(Message):
    """What is set now."""

    model_config = example(
        name="Detect.MotionDetect", value={"Enable": True, "Level": 4}, restart_needed=False
    )

    name: str = Field(description="The name that was written.")
    value: FreeJson = Field(
        default=None, description="The value as read back, secrets blanked; null if it was not."
    )
    restart_needed: bool = Field(
        default=False, description="True if the device applies it after a restart only."
    )


class ConfigResetRequest(Message):
    """Bring groups of settings back to what the factory set."""

    model_config = example(sections=["Encode", "Record"], confirm=True)

    sections: list[str] = Field(
        min_length=1,
        max_length=100,
        description="The groups in the device's own words; `all` for everything.",
    )
    confirm: Confirmed = Field(
        description="Must be true: settings are lost, and the device may become unreachable."
    )


class ConfigResetReply(Message):
    """The settings are back to what the factory set."""

    model_config = example(restart_needed=True)

    restart_needed: bool = Field(
        default=False, description="True if the device applies it after a restart only."
    )


class ConfigExportRequest(Message):
    """Fetch the whole configuration in the device's own format."""

    model_config = example(passphrase=None)

    passphrase: Secret | None = Field(
        default=None, description="To encrypt the export with, where the device can."
    )


class ConfigImportRequest(Message):
    """Replace the whole configuration by an exported one."""

    model_config = example(
        file={
            "bucket": "cambus-files",
            "object": "gate-1/config-20260201T121722Z.zip",
            "sha256": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
            "bytes": 48211,
        },
        passphrase=None,
        confirm=True,
    )

    file: ObjectRef = Field(
        description="The exported configuration; its digest is checked before anything is sent."
    )
    passphrase: Secret | None = Field(default=None, description="The export was encrypted with it.")
    confirm: Confirmed = Field(
        description="Must be true: settings are lost, and the device may become unreachable."
    )


class ConfigImportReply(Message):
    """The configuration is replaced."""

    model_config = example(restart_needed=True)

    restart_needed: bool = Field(
        default=False, description="True if the device applies it after a restart only."
    )


GET = CommandSpec(
    "device",
    "config.get",
    ConfigGetRequest,
    ConfigGetReply,
    "Read a setting.",
    timeout_s=30.0,
    idempotent=True,
)
SET = CommandSpec(
    "device",
    "config.set",
    ConfigSetRequest,
    ConfigSetReply,
    "Write a setting.",
    timeout_s=30.0,
    idempotent=True,
)
RESET = CommandSpec(
    "device",
    "config.reset",
    ConfigResetRequest,
    ConfigResetReply,
    "Bring settings back to what the factory set.",
    timeout_s=60.0,
    confirm=True,
)
EXPORT = CommandSpec(
    "device",
    "config.export",
    ConfigExportRequest,
    ObjectRef,
    "Fetch the whole configuration into the object store.",
    timeout_s=60.0,
    idempotent=True,
)
IMPORT = CommandSpec(
    "device",
    "config.import",
    ConfigImportRequest,
    ConfigImportReply,
    "Replace the whole configuration by an exported one.",
    timeout_s=60.0,
    confirm=True,
)
