"""Dialogs as they are kept beyond a process."""

import contextlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cambus.gb28181.open_dialog import OpenDialog
from cambus.sip.dialog import Dialog
from cambus.sip.peer import Peer

DIALOG = Dialog(
    "call",
    "<sip:us@domain>;tag=a",
    "<sip:camera@192.0.2.7>;tag=b",
    "a",
    "b",
    "sip:camera@192.0.2.7:5060",
    Peer("udp", "192.0.2.7", 5060),
    local_seq=23,
)


def test_what_is_kept_is_plain_and_leads_to_the_same_dialog():
    kept = json.loads(json.dumps(OpenDialog("device", "channel", DIALOG).to_json()))
    found = OpenDialog.of(kept)
    assert (found.device, found.channel, found.dialog.key) == ("device", "channel", DIALOG.key)
    assert (found.dialog.target, found.dialog.peer) == (DIALOG.target, DIALOG.peer)
    bye = found.dialog.request("BYE")
    assert bye.cseq.number > DIALOG.local_seq + 1  # commands may have been sent since
    assert (bye.headers.get("From"), bye.headers.get("To")) == (DIALOG.local, DIALOG.remote)


KEPT = OpenDialog("device", "channel", DIALOG).to_json()


@pytest.mark.parametrize("name", KEPT)
def test_what_misses_something_is_not_read(name):
    for broken in ({k: v for k, v in KEPT.items() if k != name}, KEPT | {name: None}, KEPT | {name: 1.5}):
        with pytest.raises(ValueError, match="kept dialog"):
            OpenDialog.of(broken)


@given(
    st.dictionaries(
        st.sampled_from(list(KEPT)), st.one_of(st.none(), st.text(min_size=1), st.lists(st.integers()))
    )
)
def test_any_values_are_a_dialog_or_none(values):
    with contextlib.suppress(ValueError):
        assert OpenDialog.of(KEPT | values).dialog.call_id
