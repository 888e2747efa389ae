"""What is known of a firmware image: for which devices it is, and who vouches for it."""

import json
from typing import Annotated

from pydantic import Field, StringConstraints

from cambus.schemas.ids import Name, Sha256
from cambus.schemas.matching import TextGlob
from cambus.schemas.model import Message, example

Version = Annotated[str, StringConstraints(max_length=200)]
"""A firmware version, as the device spells it."""

IMAGE_HEADER = "cambus-image"
"""The header of an object of `cambus-firmware` that holds its `FirmwareImage` as JSON."""


class FirmwareImage(Message):
    """For which devices an image is. Kept with the image itself, so that neither is ever without the other."""

    model_config = example(
        version="V4.03.R12.C6380237.12201.140000.0000000",
        models=["NBD80*"],
        hardware=["HI3531DV100"],
        vendors=[],
        protocols=["dvrip"],
        from_versions=["V4.03.R1*"],
        notes="fixes the clock",
        file="General_NBD8016.bin",
        key="vendor-2026",
        signature="bm90IGEgcmVhbCBzaWduYXR1cmU=",
    )

    version: Version | None = Field(
        default=None, description="The version a device reports that runs it; None where nobody knows."
    )
    models: list[TextGlob] = Field(
        default_factory=list, max_length=100, description="Models it is for, or patterns; none for any."
    )
    hardware: list[TextGlob] = Field(
        default_factory=list, max_length=100, description="Hardware it is for, or patterns; none for any."
    )
    vendors: list[TextGlob] = Field(
        default_factory=list, max_length=100, description="Makers it is for, or patterns; none for any."
    )
    protocols: list[Name] = Field(
        default_factory=list, max_length=16, description="Protocols it is for; none for any."
    )
    from_versions: list[TextGlob] = Field(
        default_factory=list,
        max_length=100,
        description="Versions it may be installed over, or patterns; none for any.",
    )
    notes: str = Field(default="", max_length=1000, description="What people wrote about it.")
    file: str = Field(default="", max_length=255, description="The name of the file it came from.")
    key: str = Field(default="", max_length=64, description="The name of the key it is signed with.")
    signature: str = Field(
        default="",
        max_length=200,
        description="Ed25519 signature of the digest and of the fields above, base64; empty if nobody signed it.",
    )

    def signed_text(self, name: str, sha256: Sha256) -> bytes:
        """What a signature of this image is made of: its name, its digest and everything said about it."""
        said = self.model_dump(mode="json", exclude={"signature"}, exclude_defaults=True)
        return b"cambus firmware image\n" + json.dumps(
            {"image": name, "sha256": sha256, "said": said}, sort_keys=True, separators=(",", ":")
        ).encode("ascii")
