"""What a WebRTC viewer offers: the part of a session description that decides what can be sent, and how.

RFC 8829 (JSEP) §5, RFC 8839 (ICE), RFC 8842 (DTLS), RFC 9143 (BUNDLE), RFC 8866 (SDP).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from cambus.schemas.errors import BadRequest

MAX_SECTIONS: Final = 8
MAX_CANDIDATES: Final = 32
_RECEIVING: Final = frozenset({"recvonly", "sendrecv"})
_DIRECTIONS: Final = frozenset({"sendrecv", "sendonly", "recvonly", "inactive"})
_PROFILE: Final = "UDP/TLS/RTP/SAVPF"


@dataclass(frozen=True, slots=True)
class OfferedCodec:
    """One payload type of a media section.

    Attributes:
        payload_type: 0..127.
        name: of the encoding, as `a=rtpmap` has it; in whatever case.
        clock_rate: of the RTP timestamps.
        channels: of sound, 1 if the offer says nothing.
        format: the text of `a=fmtp`, empty if there is none.
    """

    payload_type: int
    name: str
    clock_rate: int
    channels: int = 1
    format: str = ""

    @property
    def encoding(self) -> str:
        """`name` in upper case: `H264`."""
        return self.name.upper()

    @property
    def parameters(self) -> Mapping[str, str]:
        """`format` taken apart, names in lower case."""
        pairs = (part.partition("=") for part in self.format.split(";"))
        return {name.strip().lower(): value.strip() for name, _, value in pairs}


@dataclass(frozen=True, slots=True)
class OfferedMedia:
    """One `m=` section.

    Attributes:
        kind: `video`, `audio` or another word.
        profile: the transport protocol of the `m=` line.
        formats: the rest of the `m=` line, to be repeated where the section is refused.
        mid: its name, empty if it has none.
        codecs: in the order of preference.
        receives: whether the viewer wants to be sent something here.
        feedback: payload types (`*` for all) and kinds of RTCP feedback the viewer can give.
    """

    kind: str
    profile: str
    formats: str
    mid: str
    codecs: tuple[OfferedCodec, ...]
    receives: bool
    feedback: frozenset[tuple[str, str]] = frozenset()

    def gives(self, codec: OfferedCodec, feedback: str) -> bool:
        """Whether a kind of RTCP feedback may be asked for."""
        return bool({(str(codec.payload_type), feedback), ("*", feedback)} & self.feedback)


@dataclass(frozen=True, slots=True)
class Candidate:
    """An address the viewer may be reached at, as `a=candidate` has it (RFC 8839 §5.1)."""

    foundation: str
    component: int
    protocol: str
    priority: int
    host: str
    port: int
    kind: str


@dataclass(frozen=True, slots=True)
class Offer:
    """A viewer's offer.

    Attributes:
        media: its sections in order.
        bundle: the names of the sections that share one transport.
        username, password: of ICE.
        fingerprints: algorithm and value of the viewer's certificate.
        setup: the viewer's part in the DTLS handshake: `actpass`, `active` or `passive`.
        candidates: where the viewer may be reached.
    """

    media: tuple[OfferedMedia, ...]
    bundle: frozenset[str]
    username: str
    password: str = field(repr=False)
    fingerprints: tuple[tuple[str, str], ...]
    setup: str
    candidates: tuple[Candidate, ...] = ()


class _Section:
    """The lines of one section by their names."""

    def __init__(self, head: str) -> None:
        self.head = head
        self.attributes: dict[str, list[str]] = {}

    def add(self, name: str, value: str) -> None:
        self.attributes.setdefault(name, []).append(value)

    def all(self, name: str) -> list[str]:
        return self.attributes.get(name, [])

    def first(self, name: str) -> str:
        return self.all(name)[0] if name in self.attributes else ""


def parse_offer(text: str) -> Offer:
    """Read an offer.

    Raises:
        BadRequest: it is no session description, or lacks what WebRTC needs.
    """
    session, sections = _sections(text)
    if not 1 <= len(sections) <= MAX_SECTIONS:
        raise BadRequest(f"the offer has {len(sections)} media sections, wanted 1 to {MAX_SECTIONS}")
    media = tuple(_media(section, session) for section in sections)
    bundle = frozenset(
        name for group in session.all("group") if group.startswith("BUNDLE") for name in group.split()[1:]
    )
    carrier = next((each for each in sections if each.first("mid") in bundle), sections[0])
    places = (carrier, session)
    offer = Offer(
        media=media,
        bundle=bundle,
        username=_first(places, "ice-ufrag"),
        password=_first(places, "ice-pwd"),
        fingerprints=tuple(_fingerprints(places)),
        setup=_first(places, "setup"),
        candidates=tuple(parse_candidates(carrier.all("candidate"))),
    )
    if not (4 <= len(offer.username) <= 256 and 22 <= len(offer.password) <= 256):  # RFC 8839 §5.4
        raise BadRequest("the offer has no usable ice-ufrag and ice-pwd")
    if not offer.fingerprints:
        raise BadRequest("the offer has no fingerprint: WebRTC is always encrypted")
    if offer.setup not in {"actpass", "active", "passive"}:
        raise BadRequest("the offer has no usable a=setup")
    return offer


def parse_candidates(lines: Iterable[str]) -> Iterable[Candidate]:
    """The UDP candidates among the values of `a=candidate`; what is not understood is left out (RFC 8839 §5.1)."""
    for line in list(lines)[:MAX_CANDIDATES]:
        parts = line.split()
        if len(parts) < 8 or parts[6] != "typ" or parts[2].lower() != "udp":
            continue
        numbers = [_number(parts[index], limit) for index, limit in ((1, 256), (3, 1 << 32), (5, 65536))]
        component, priority, port = numbers
        if component is None or priority is None or not port:
            continue
        yield Candidate(parts[0], component, "udp", priority, parts[4], port, parts[7])


def _sections(text: str) -> tuple[_Section, list[_Section]]:
    lines = text.splitlines()
    if not lines or lines[0] != "v=0":
        raise BadRequest("the body is no session description")
    session = _Section("")
    sections: list[_Section] = []
    for line in lines:
        kind, _, value = line.partition("=")
        if kind == "m":
            sections.append(_Section(value))
        elif kind == "a":
            name, _, rest = value.partition(":")
            (sections[-1] if sections else session).add(name, rest.strip())
    return session, sections


def _media(section: _Section, session: _Section) -> OfferedMedia:
    parts = section.head.split()
    if len(parts) < 4:
        raise BadRequest(f"a media section without formats: {section.head[:80]!r}")
    named = {name for place in (session, section) for name in _DIRECTIONS if name in place.attributes}
    own = {name for name in _DIRECTIONS if name in section.attributes} or named or {"sendrecv"}
    usable = (
        parts[2] == _PROFILE
        and "rtcp-mux" in section.attributes
        and (parts[1] != "0" or "bundle-only" in section.attributes)
    )
    return OfferedMedia(
        kind=parts[0],
        profile=parts[2],
        formats=" ".join(parts[3:]),
        mid=section.first("mid"),
        codecs=tuple(_codecs(section, parts[3:])),
        receives=usable and bool(own & _RECEIVING),
        feedback=frozenset(
            (kind, rest.strip())
            for kind, _, rest in (value.partition(" ") for value in section.all("rtcp-fb"))
        ),
    )


def _codecs(section: _Section, formats: Iterable[str]) -> Iterable[OfferedCodec]:
    maps = {kind: rest for kind, _, rest in (each.partition(" ") for each in section.all("rtpmap"))}
    formatted = {kind: rest for kind, _, rest in (each.partition(" ") for each in section.all("fmtp"))}
    static = {"0": "PCMU/8000", "8": "PCMA/8000"}  # RFC 3551 table 4
    for name in formats:
        payload_type = _number(name, 128)
        encoding, _, rest = maps.get(name, static.get(name, "")).partition("/")
        rate_text, _, channels_text = rest.partition("/")
        rate = _number(rate_text, 1 << 20)
        if payload_type is None or not encoding or not rate:
            continue
        channels = _number(channels_text, 64) or 1
        yield OfferedCodec(payload_type, encoding, rate, channels, formatted.get(name, ""))


def _fingerprints(places: Iterable[_Section]) -> Iterable[tuple[str, str]]:
    for place in places:
        pairs = [tuple(each.split()) for each in place.all("fingerprint")]
        if pairs:
            yield from ((pair[0].lower(), pair[1].upper()) for pair in pairs if len(pair) == 2)
            return


def _first(places: Iterable[_Section], name: str) -> str:
    return next((place.first(name) for place in places if name in place.attributes), "")


def _number(text: str, limit: int) -> int | None:
    if not (text.isascii() and text.isdigit() and len(text) <= 10):
        return None
    value = int(text)
    return value if value < limit else None
