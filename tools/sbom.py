"""What a service is made of, as a CycloneDX bill of materials: names, versions, digests and licences from the lock.

The digests of a package are those the lock lets pip take: one for each file (wheel, source) its index has. Licences are
what the packages installed here say of themselves. Time and serial number follow from the commit, so that the bill of
one commit is one file.
"""

import re
import uuid
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from functools import cache
from importlib.metadata import PackageMetadata, PackageNotFoundError, metadata

from closure import Locked, Member, locked_for, member_closure, members
from cyclonedx.contrib.license.factories import LicenseFactory
from cyclonedx.model import HashAlgorithm, HashType
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.model.license import License, LicenseExpression
from cyclonedx.output.json import JsonV1Dot6
from packageurl import PackageURL

_HASH = re.compile(r"--hash=sha256:([0-9a-f]{64})")
_VERSION = re.compile(r"^[^=\s]+==(\S+)")
_CLASSIFIER = "License :: OSI Approved :: "
_LONGEST_LICENCE = 80
_SPACE = uuid.UUID("5ca3b0f1-6a1e-5a3c-9d0f-3b6f1c2a7d40")
"""Serial numbers of our bills are names in this space (RFC 9562 §5.5)."""


def bill(service: str, version: str, lock: str, *, revision: str, at_s: int) -> Bom:
    """Return the bill of materials of a service, or of a lib such as `cli`.

    Args:
        service: its name, `recorder`.
        version: of the suite.
        lock: the text of `requirements.lock`.
        revision: the commit.
        at_s: its time, Unix seconds.

    Raises:
        UnknownPackageError: there is no such package.
    """
    suite = members()
    own = member_closure(service, suite)
    locked = locked_for(own, lock)
    components = {member.name: _member(member, version) for member in own}
    root = components.pop(f"cambus-{service}")
    root.type = ComponentType.APPLICATION
    for entry in locked:
        components.setdefault(entry.name, _package(entry)).hashes |= set(_hashes(entry))
    serial = uuid.uuid5(_SPACE, f"{service} {version} {revision}")
    bom = Bom(components=components.values(), serial_number=serial)
    bom.metadata.component = root
    bom.metadata.timestamp = datetime.fromtimestamp(at_s, UTC)
    everything = {**components, root.name: root}
    for name, needs in _edges(own, locked):
        bom.register_dependency(everything[name], [everything[each] for each in needs if each in everything])
    return bom


def text(bom: Bom) -> str:
    """Return a bill as JSON (CycloneDX 1.6), the same for the same bill."""
    return JsonV1Dot6(bom).output_as_string(indent=1) + "\n"


def _edges(own: Iterable[Member], locked: Iterable[Locked]) -> Iterator[tuple[str, list[str]]]:
    """Who needs whom."""
    locked = list(locked)
    for member in own:
        yield member.name, sorted(set(member.requires))
    for name in sorted({entry.name for entry in locked}):
        yield name, sorted({entry.name for entry in locked if name in entry.needed_by})


def _member(member: Member, version: str) -> Component:
    return Component(
        name=member.name,
        version=version,
        type=ComponentType.LIBRARY,
        purl=PackageURL("pypi", name=member.name, version=version),
        bom_ref=f"{member.name}@{version}",
        description=member.project.get("description"),
        licenses=[LicenseFactory().make_from_string(member.project["license"])],
    )


def _package(entry: Locked) -> Component:
    found = _VERSION.match(entry.text)
    version = found[1] if found is not None else None
    licence = licence_of(entry.name)
    return Component(
        name=entry.name,
        version=version,
        type=ComponentType.LIBRARY,
        purl=PackageURL("pypi", name=entry.name, version=version),
        bom_ref=f"{entry.name}@{version}",
        licenses=[] if licence is None else [licence],
    )


def _hashes(entry: Locked) -> Iterator[HashType]:
    for digest in _HASH.findall(entry.text):
        yield HashType(alg=HashAlgorithm.SHA_256, content=digest)


@cache
def licence_of(name: str) -> License | LicenseExpression | None:
    """Return what an installed package says of its licence; None if it is not here, or says nothing short."""
    try:
        said: PackageMetadata = metadata(name)
    except PackageNotFoundError:
        return None
    words = next((said[field] for field in ("License-Expression", "License") if field in said), "")
    if not words or len(words) > _LONGEST_LICENCE or "\n" in words:
        named = [each for each in said.get_all("Classifier") or [] if each.startswith(_CLASSIFIER)]
        words = named[0].removeprefix(_CLASSIFIER) if named else ""
    return LicenseFactory().make_from_string(words) if words else None
