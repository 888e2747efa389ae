"""Catalogs: what there is behind a device, and what changes of it (§6, A.2.4.3, A.2.6.3, A.2.5.9, GB-100 to GB-113)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import Enum
from typing import ClassVar, Final

from cambus.gb28181.codes import NodeKind, kind_of
from cambus.gb28181.manscdp.envelope import Envelope, Root, compose
from cambus.gb28181.manscdp.layout import SECRET, Body, leaf
from cambus.gb28181.values import read_float, read_int, read_status
from cambus.gb28181.versions import Version
from cambus.gb28181.xml import Element

COMMAND: Final = "Catalog"
_NUMBERS: Final = ("Port", "Parental", "RegisterWay", "Secrecy", "Longitude", "Latitude")
_KNOWN: Final = frozenset(
    {
        "deviceid",
        "name",
        "manufacturer",
        "model",
        "civilcode",
        "block",
        "address",
        "parental",
        "parentid",
        "registerway",
        "secrecy",
        "securitylevelcode",
        "ipaddress",
        "port",
        "status",
        "longitude",
        "latitude",
        "businessgroupid",
        "info",
        "event",
    }
)


class CatalogEvent(Enum):
    """What a NOTIFY says about an item."""

    ON = "ON"
    OFF = "OFF"
    VLOST = "VLOST"
    DEFECT = "DEFECT"
    ADD = "ADD"
    DEL = "DEL"
    UPDATE = "UPDATE"


@dataclass(frozen=True, slots=True)
class CatalogItem:
    """One node of a catalog.

    Attributes:
        code: its DeviceID.
        name: for people.
        parents: codes of what it hangs under; several for a camera in several organisations.
        on: whether it is there; a status that is missing counts as yes.
        status: as written, None where it is missing.
        manufacturer, model, civil_code, address, ip_address, business_group: as written, empty where missing.
        port: of the device, None where it is missing.
        parental: whether there is something below it.
        register_way: 1 digest, 2 mutual password, 3 mutual certificate, 4 one-way certificate.
        secrecy: 1 for what must not be shown to everybody.
        longitude, latitude: WGS-84 degrees, None where missing or not on earth.
        info: the fields of `Info`, names and values as written.
        extras: every other field by lower-case name, as written; never a password.
        security_level: `A` to `C`, empty where it is missing; 2022.
        unreadable: what was there and is no number; its value is None.
    """

    code: str
    name: str = ""
    parents: tuple[str, ...] = ()
    on: bool = True
    status: str | None = None
    manufacturer: str = ""
    model: str = ""
    civil_code: str = ""
    block: str = ""
    address: str = ""
    ip_address: str = ""
    business_group: str = ""
    port: int | None = None
    parental: bool = False
    register_way: int | None = None
    secrecy: int | None = None
    longitude: float | None = None
    latitude: float | None = None
    info: dict[str, str] = field(default_factory=dict)
    extras: dict[str, str] = field(default_factory=dict)
    security_level: str = ""
    unreadable: tuple[str, ...] = ()

    @property
    def kind(self) -> NodeKind:
        """What its code says it is."""
        return kind_of(self.code)

    @classmethod
    def parse(cls, element: Element) -> CatalogItem | None:
        """Read an item; None for one without a code, which cannot be named."""
        fields = element.fields
        code = fields.get("deviceid", "")
        if not code or len(code) > 64:
            return None
        info_element = element.find("Info") if "info" in fields else None
        info = {each.name: each.text for each in info_element.children} if info_element is not None else {}
        longitude, latitude = read_float(fields.get("longitude")), read_float(fields.get("latitude"))
        placed = (
            longitude is not None and latitude is not None and abs(longitude) <= 180 and abs(latitude) <= 90
        )
        return cls(
            code,
            fields.get("name", ""),
            tuple(each for each in fields.get("parentid", "").split("/") if each),
            read_status(fields.get("status")),
            fields.get("status"),
            fields.get("manufacturer", ""),
            fields.get("model", ""),
            fields.get("civilcode", ""),
            fields.get("block", ""),
            fields.get("address", ""),
            fields.get("ipaddress", ""),
            fields.get("businessgroupid", "") or _in(info, "BusinessGroupID"),
            read_int(fields.get("port")),
            read_int(fields.get("parental")) == 1,
            read_int(fields.get("registerway")),
            read_int(fields.get("secrecy")),
            longitude if placed else None,
            latitude if placed else None,
            {key: value for key, value in info.items() if key.lower() not in SECRET},
            {key: value for key, value in fields.items() if key not in _KNOWN and key not in SECRET},
            fields.get("securitylevelcode", ""),
            tuple(
                name
                for name in _NUMBERS
                if fields.get(name.lower()) and read_float(fields[name.lower()]) is None
            ),
        )

    def detail(self, name: str) -> str:
        """A field of `Info`, in whatever case it was written; empty where it is missing."""
        return _in(self.info, name)

    def element(self, event: CatalogEvent | None = None, version: Version = Version.GB2022) -> Element:
        """The item to be sent, its fields in the order of the standard; what does not apply to its kind is left out.

        Args:
            event: what has happened to it, in a NOTIFY.
            version: the edition it is sent to: before 2022 the business group stands in `Info` (GB-231).
        """
        item = Element("Item").add("DeviceID", self.code)
        if event is not None:
            item.add("Event", event.value)
        item.add("Name", self.name)
        kind = self.kind
        if kind is NodeKind.REGION:
            return item
        if kind not in {NodeKind.GROUP, NodeKind.ORGANISATION}:
            item.add("Manufacturer", self.manufacturer).add("Model", self.model)
        if kind is not NodeKind.ORGANISATION:
            item.add("CivilCode", self.civil_code)
        if kind not in {NodeKind.GROUP, NodeKind.ORGANISATION}:
            item.add("Block", self.block or None).add("Address", self.address)
            item.add("Parental", int(self.parental))
        if self.parents:
            item.add("ParentID", "/".join(self.parents))
        if kind not in {NodeKind.GROUP, NodeKind.ORGANISATION}:
            item.add("RegisterWay", 1 if self.register_way is None else self.register_way)
            item.add("SecurityLevelCode", (self.security_level if version.is_2022 else "") or None)
            item.add("Secrecy", self.secrecy or 0)
            item.add("IPAddress", self.ip_address or None).add("Port", self.port)
            item.add("Status", "ON" if self.on else "OFF")
            item.add("Longitude", self.longitude).add("Latitude", self.latitude)
        info = {name: text for name, text in self.info.items() if name.lower() != "businessgroupid"}
        if kind is NodeKind.ORGANISATION or version.is_2022:
            item.add("BusinessGroupID", self.business_group or None)
        elif self.business_group:
            info["BusinessGroupID"] = self.business_group
        if info:
            item.children.append(Element("Info", children=[Element(k, v) for k, v in info.items()]))
        return item


def _in(info: dict[str, str], name: str) -> str:
    return info.get(name) or next((text for key, text in info.items() if key.lower() == name.lower()), "")


@dataclass(frozen=True, slots=True)
class CatalogQuery(Body):
    """What is there? Only what was added between two instants, if they are given (GB-113)."""

    ROOT: ClassVar = Root.QUERY
    COMMAND: ClassVar = COMMAND

    start: str | None = leaf("StartTime")
    end: str | None = leaf("EndTime")


@dataclass(frozen=True, slots=True)
class CatalogPart:
    """One message of a catalog.

    Attributes:
        announced: SumNum, None where it is missing; devices repeat the number of one message there.
        items: what it holds, in order.
    """

    announced: int | None
    items: tuple[CatalogItem, ...]

    @classmethod
    def parse(cls, envelope: Envelope) -> CatalogPart:
        """Read a Response; `Num` means nothing (GB-070)."""
        return cls(
            read_int(envelope.element.get("SumNum")), tuple(item for item, _ in _items(envelope.element))
        )


@dataclass(frozen=True, slots=True)
class CatalogChange:
    """One item of a NOTIFY: what happened, and what is known of it; without an event it is news of all fields."""

    event: CatalogEvent | None
    item: CatalogItem


def changes(envelope: Envelope) -> list[CatalogChange]:
    """What a NOTIFY tells; an event nobody knows counts as news."""
    found = []
    for item, element in _items(envelope.element):
        text = (element.get("Event") or "").strip().upper()
        found.append(CatalogChange(next((each for each in CatalogEvent if each.value == text), None), item))
    return found


def query(
    sn: int, code: str, *, start: str | None = None, end: str | None = None, charset: str = "GB2312"
) -> bytes:
    """Ask for a catalog; also the body of its SUBSCRIBE. `start` and `end` bound when items were added."""
    return CatalogQuery(start, end).serialize(sn, code, charset=charset)


def response(
    sn: int,
    code: str,
    announced: int,
    items: list[CatalogItem],
    *,
    charset: str = "GB2312",
    version: Version = Version.GB2022,
) -> bytes:
    """One part of a catalog of ours; without items it has no list."""
    content = [Element("SumNum", str(announced))]
    if items:
        elements = [item.element(None, version) for item in items]
        content.append(Element("DeviceList", children=elements, attributes={"Num": str(len(items))}))
    return compose(Root.RESPONSE, COMMAND, sn, code, content, charset=charset)


def notify(
    sn: int,
    code: str,
    told: list[CatalogChange],
    *,
    charset: str = "GB2312",
    version: Version = Version.GB2022,
) -> bytes:
    """News of a catalog of ours, for a subscriber."""
    elements = [each.item.element(each.event or CatalogEvent.UPDATE, version) for each in told]
    listed = Element("DeviceList", children=elements, attributes={"Num": str(len(told))})
    return compose(
        Root.NOTIFY, COMMAND, sn, code, [Element("SumNum", str(len(told))), listed], charset=charset
    )


def _items(element: Element) -> Iterator[tuple[CatalogItem, Element]]:
    listed = element.find("DeviceList")
    for each in listed.all("Item") if listed is not None else ():
        item = CatalogItem.parse(each)
        if item is not None:
            yield item, each
