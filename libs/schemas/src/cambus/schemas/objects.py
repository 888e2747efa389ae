"""References to things in the object stores: firmware, pictures, exported files."""

from pydantic import Field

from cambus.schemas.ids import ObjectName, Sha256, Token
from cambus.schemas.model import Instant, Message, example

_DIGEST = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"


class ObjectRef(Message):
    """One object of an object store; whoever reads it checks the digest."""

    model_config = example(
        bucket="cambus-files", object="gate-1/config-20260201T121722Z.zip", sha256=_DIGEST, bytes=48211
    )

    bucket: Token = Field(description="The object store.")
    object: ObjectName = Field(description="The name in that store.")
    sha256: Sha256 = Field(description="SHA-256 of the content, lower-case hex.")
    bytes: int = Field(ge=0, description="Size of the content in bytes.")


class PictureRef(ObjectRef):
    """One picture in the object store `cambus-pictures`."""

    model_config = example(
        bucket="cambus-pictures",
        object="gate-1/0/20260201T121722Z.jpg",
        sha256=_DIGEST,
        bytes=183204,
        content_type="image/jpeg",
        taken_at="2026-02-01T12:17:22Z",
        width=1920,
        height=1080,
    )

    content_type: str = Field(
        description="What the bytes were found to be, `image/jpeg` as a rule.", max_length=100
    )
    taken_at: Instant = Field(description="When it was taken, by our clock.")
    width: int | None = Field(default=None, gt=0, description="Width in pixels.")
    height: int | None = Field(default=None, gt=0, description="Height in pixels.")
