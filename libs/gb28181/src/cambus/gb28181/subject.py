"""The Subject of an INVITE: who sends, who receives, and which session that is (GB/T 28181-2022 §9.2, annex J)."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Subject:
    """`<sender>:<sender sequence>,<receiver>:<receiver sequence>`.

    Attributes:
        sender: the code of the channel.
        sender_tag: up to 20 characters; the first is 0 for live, 1 for history.
        receiver: our code.
        receiver_tag: unique at the receiver.
    """

    sender: str
    sender_tag: str
    receiver: str
    receiver_tag: str

    @classmethod
    def parse(cls, text: str | None) -> Subject | None:
        """Read a value; None where it is none."""
        sender, comma, receiver = (text or "").partition(",")
        code, _, tag = sender.strip().partition(":")
        other, _, other_tag = receiver.strip().partition(":")
        return cls(code, tag, other, other_tag) if comma and code else None

    @property
    def history(self) -> bool:
        """Whether it is about a recording."""
        return self.sender_tag.startswith("1")

    def __str__(self) -> str:
        return f"{self.sender}:{self.sender_tag},{self.receiver}:{self.receiver_tag}"
