"""Memory cards (A.2.4.15, A.2.6.17, GB-228); 2022."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from cambus.gb28181.manscdp.envelope import Root
from cambus.gb28181.manscdp.layout import INT, Body, Part, leaf, listing


@dataclass(frozen=True, slots=True)
class CardQuery(Body):
    """How are the cards?"""

    ROOT: ClassVar = Root.QUERY
    COMMAND: ClassVar = "SDCardStatus"
    NEW_IN_2022: ClassVar = True


@dataclass(frozen=True, slots=True)
class Card(Part):
    """One card: `ok`, `formatting`, `unformatted`, `idle` or `error`; sizes in MB."""

    number: int | None = leaf("ID", INT)
    name: str | None = leaf("HddName")
    status: str | None = leaf("Status")
    progress: int | None = leaf("FormatProgress", INT)
    capacity_mb: int | None = leaf("Capacity", INT)
    free_mb: int | None = leaf("FreeSpace", INT)


@dataclass(frozen=True, slots=True)
class CardList(Body):
    """The cards."""

    ROOT: ClassVar = Root.RESPONSE
    COMMAND: ClassVar = "SDCardStatus"

    announced: int | None = leaf("SumNum", INT)
    cards: tuple[Card, ...] = listing("SDCardStatusInfo", Card)
