"""Who may register, and with what (GB/T 28181-2022 §9.1, GB-037 to GB-040)."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import Protocol

from cambus.gb28181.signing import Signature
from cambus.gb28181.versions import Version
from cambus.sip.digest import Algorithm


class Enrolment(Enum):
    """What becomes of a device nobody configured."""

    DENY = "deny"
    PENDING = "pending"
    """With the common password it is shown to people, and refused until they decide."""
    AUTO = "auto"
    """With the common password it is taken."""


@dataclass(frozen=True, slots=True)
class Account:
    """One device that may register.

    Attributes:
        code: its code of twenty digits.
        password: its secret; empty admits nobody unless `open_`.
        username: what it calls itself in the digest; its code where that is empty.
        enabled: whether it may register now.
        open_: whether it may register without any proof. For networks nobody else is on.
        no_qop: challenge it without qop: some firmware does not answer otherwise.
        date_header: send it our clock in the answer; some firmware does not bear it.
        algorithms: what it is challenged with, MD5 first.
        version: the edition it speaks, whatever it announces; None believes it.
        charset: what is written to it and read from it in; None writes what its edition has, and reads what it shows.
        challenge_strangers: a message of it from elsewhere is challenged instead of refused, and moves it if it is
            proven (GB-057).
        signing: with what digest requests to it and of it are signed, by its password; None for not at all (GB-277).
        known: False for a device nobody configured, taken or shown by the enrolment.
    """

    code: str
    password: str = field(repr=False)
    username: str = ""
    enabled: bool = True
    open_: bool = False
    no_qop: bool = False
    date_header: bool = True
    algorithms: tuple[Algorithm, ...] = (Algorithm.MD5,)
    version: Version | None = None
    charset: str | None = None
    challenge_strangers: bool = False
    signing: Algorithm | None = None
    known: bool = True

    @property
    def signature(self) -> Signature | None:
        """How it and we prove requests to each other; None where we do not."""
        return Signature(self.signing, self.password) if self.signing is not None else None


class Accounts(Protocol):
    """Knows the accounts."""

    def account(self, code: str) -> Account | None:
        """The account of a device, None for a device nobody configured."""
