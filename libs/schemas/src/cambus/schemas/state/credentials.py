"""Secrets of devices and sinks: what they are in the clear, and how they are kept."""

from pydantic import Field

from cambus.schemas.ids import Token
from cambus.schemas.model import Binary, Instant, Message, Secret, example


class Credentials(Message):
    """How to log in somewhere. Never stored like this: it is the plain text inside `SealedCredentials`."""

    model_config = example(
        username="admin",
        password="c0rrect-horse",  # noqa: S106  # an example, the password of nothing
        previous_password=None,
        token=None,
    )

    username: str = Field(default="", max_length=256, description="The name to log in with.")
    password: Secret | None = Field(default=None, description="The password.")
    previous_password: Secret | None = Field(
        default=None, description="The password before, kept until a login with the new one succeeded."
    )
    token: Secret | None = Field(default=None, description="A key or bearer token, for sinks that want one.")


class SealedCredentials(Message):
    """Encrypted credentials. The value of `cambus-credentials`, which only connectors and sinks read."""

    model_config = example(
        key_id="k1",
        nonce="9pYdB3Kf0h4o2q8x",
        ciphertext="2Vx1Wm0xQ0lqv2cWc3u9q7fYJv0c7uS0Xv8u0g==",
        updated_at="2026-02-01T12:00:00Z",
    )

    key_id: Token = Field(description="Which key of the key file seals it, so that keys can be changed.")
    nonce: Binary = Field(description="The nonce of AES-256-GCM, 12 bytes, never used twice with one key.")
    ciphertext: Binary = Field(
        description="The sealed `Credentials` as msgpack, with its tag; the name is authenticated."
    )
    updated_at: Instant = Field(description="When it was written.")
