"""What INVITE and SUBSCRIBE set up (RFC 3261 §12)."""

from __future__ import annotations

import pytest
from sip_peer import DEVICE, DOMAIN, PLATFORM, answer, request

from cambus.sip.dialog import Dialog, key_of_request
from cambus.sip.peer import Peer

PEER = Peer("udp", "192.0.2.7", 5060)
OURS = {"from_": f"<sip:{PLATFORM}@{DOMAIN}>;tag=ours", "to": f"<sip:{DEVICE}@{DOMAIN}>"}


def test_our_requests_in_a_call_of_ours_count_from_its_invite() -> None:
    invite = request("INVITE", uri=f"sip:{DEVICE}@{DOMAIN}", **OURS)
    dialog = Dialog.called(
        invite, answer(invite, 200, tag="theirs", headers=["m: <sip:x@192.0.2.7:5060>"]), PEER
    )

    info = dialog.request("INFO", headers=[("Content-Type", "Application/MANSRTSP")], body=b"PAUSE")
    bye = dialog.request("BYE")
    ack = dialog.ack(invite)

    assert (str(ack.cseq), str(info.cseq), str(bye.cseq)) == ("20 ACK", "21 INFO", "22 BYE")
    assert {each.uri for each in (ack, info, bye)} == {"sip:x@192.0.2.7:5060"}
    assert (info.from_tag, info.to_tag, info.call_id) == ("ours", "theirs", "call-1")
    assert (info.body, info.content_type) == (b"PAUSE", "application/mansrtsp")
    assert dialog.key == ("call-1", "ours", "theirs")


def test_the_final_tag_counts_and_not_that_of_a_provisional_response() -> None:
    invite = request("INVITE", **OURS)
    answer(invite, 183, tag="early")

    assert Dialog.called(invite, answer(invite, 200, tag="final"), PEER).remote_tag == "final"


def test_a_call_of_theirs_is_found_by_their_requests() -> None:
    invite = request("INVITE", headers=["Contact: <sip:dev@192.0.2.7:5061>"])
    dialog = Dialog.taken(invite, "ours", PEER)
    bye = request("BYE", to=f"<sip:{PLATFORM}@{DOMAIN}>;tag=ours", cseq="21 BYE")

    assert key_of_request(bye) == dialog.key
    assert dialog.takes(bye)
    assert not dialog.takes(bye)
    ours = dialog.request("BYE")
    assert (ours.uri, ours.cseq.number, ours.from_tag, ours.to_tag) == (
        "sip:dev@192.0.2.7:5061",
        1,
        "ours",
        "from-1",
    )


def test_the_first_request_of_theirs_may_have_any_number() -> None:
    invite = request("INVITE", **OURS)
    dialog = Dialog.called(invite, answer(invite, 200), PEER)

    assert dialog.takes(request("BYE", cseq="1 BYE"))


@pytest.mark.parametrize("contact", [None, "*", "<tel:1>", "", "<sip:a b@x>", '"<"', "<sip:a\tb>"])
def test_without_a_contact_that_can_be_called_the_called_is_called_again(contact: str | None) -> None:
    invite = request("INVITE", uri=f"sip:{DEVICE}@{DOMAIN}", **OURS)
    headers = [] if contact is None else [f"Contact: {contact}"]

    dialog = Dialog.called(invite, answer(invite, 200, headers=headers), PEER)

    assert dialog.target == f"sip:{DEVICE}@{DOMAIN}"


def test_a_device_without_a_tag_has_a_dialog_all_the_same() -> None:
    invite = request("INVITE", **OURS)

    dialog = Dialog.called(invite, answer(invite, 200, tag=""), PEER)

    assert dialog.key == ("call-1", "ours", "")
    assert dialog.request("BYE").headers.get("To") == f"<sip:{DEVICE}@{DOMAIN}>"
