"""Which of its devices a platform signs requests to, and what of theirs it believes (GB-277)."""

from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest
from sip_peer import request

from cambus.gb28181.accounts import Account
from cambus.gb28181.proofs import PlatformProofs
from cambus.gb28181.signing import Signature, phrase
from cambus.sip.digest import Algorithm
from cambus.sip.peer import Peer

SIGNED, OTHER, CAMERA = "34020000001180000002", "34020000001180000003", "34020000001310000001"
HERE = Peer("udp", "192.0.2.7", 5060)


@dataclass
class Bound:
    """Where a device is."""

    peer: Peer

    def is_source(self, peer):
        return peer == self.peer


class Site:
    """Two devices at one source, of which one wants signatures."""

    def __init__(self):
        self.dialogs, self.counts, self.alone = {}, Counter(), None
        self.accounts = {
            SIGNED: Account(SIGNED, "secret", signing=Algorithm.MD5),
            OTHER: Account(OTHER, "secret"),
        }
        self.proofs = PlatformProofs(self, self.binding, self.dialogs, lambda _: self.alone, self.counts)

    def account(self, code):
        return self.accounts.get(code)

    def binding(self, code):
        return Bound(HERE) if code in self.accounts else None

    def signs(self, **fields):
        device = fields.pop("device", "")
        made = request(**fields)
        self.proofs.sign(made, HERE, device)
        return "Note" in made.headers


@pytest.fixture
def site():
    return Site()


@pytest.mark.parametrize(("called", "signed"), [(SIGNED, True), (OTHER, False), (CAMERA, False)])
def test_who_is_addressed_decides(site, called, signed):
    assert site.signs(to=f"<sip:{called}@3402000000>") is signed


def test_a_camera_of_one_of_several_is_signed_to_where_it_is_said_whose_it_is(site):
    assert site.signs(to=f"<sip:{CAMERA}@3402000000>", device=SIGNED)
    assert not site.signs(to=f"<sip:{CAMERA}@3402000000>", device=OTHER)


def test_a_camera_of_the_only_device_there_is_its(site):
    site.alone = SIGNED
    assert site.signs(to=f"<sip:{CAMERA}@3402000000>")


def test_a_dialog_is_with_its_device(site):
    made = request(to=f"<sip:{CAMERA}@3402000000>;tag=theirs", from_="<sip:us@3402000000>;tag=ours")
    site.dialogs[made.call_id, "ours", "theirs"] = (SIGNED, None)
    site.proofs.sign(made, HERE)
    assert "Note" in made.headers


@pytest.mark.parametrize("method", ["REGISTER", "ACK", "CANCEL"])
def test_what_has_proofs_of_its_own_is_neither_signed_nor_judged(site, method):
    assert not site.signs(method=method, to=f"<sip:{SIGNED}@3402000000>")
    assert site.proofs.objection(request(method=method), SIGNED) is None


def test_what_is_signed_already_stays_as_it_is(site):
    made = request(to=f"<sip:{SIGNED}@3402000000>")
    site.proofs.sign(made, HERE)
    before = made.headers.get("Note")
    made.body += b" "
    site.proofs.sign(made, HERE)
    assert made.headers.get("Note") == before


def test_what_is_wrong_is_named_and_counted(site):
    theirs, made = Signature(Algorithm.MD5, "secret"), []
    for change in ({}, {"secret": "other"}, {"clock": lambda: datetime.now(UTC) - timedelta(hours=1)}):
        for name, value in change.items():
            setattr(theirs, name, value)
        made.append(request())
        theirs.sign(made[-1])
        theirs = Signature(Algorithm.MD5, "secret")
    made.append(request())
    made.append(request())
    Signature(Algorithm.SHA256, "secret").sign(made[-1])  # right, by another digest than was agreed
    assert [site.proofs.objection(each, SIGNED) for each in made] == [
        None,
        "signature-wrong",
        "signature-old",
        "signature-missing",
        "signature-wrong",
    ]
    assert site.counts == {"signature-wrong": 2, "signature-old": 1, "signature-missing": 1}
    assert not [each for each in made if site.proofs.objection(each, OTHER)]
    assert phrase("signature-wrong") == "Signature Wrong"


def test_without_a_password_nothing_can_be_signed():
    assert "password" in Signature(Algorithm.MD5, "").problem
    assert Signature(Algorithm.MD5, "secret").problem is None
    assert "secret" not in repr(Signature(Algorithm.MD5, "secret"))
