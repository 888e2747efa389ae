"""Who is told of answers that come late, and for how long whoever asked is held."""

import gc
import weakref

import pytest

from cambus.gb28181.manscdp.envelope import Envelope, Root, compose
from cambus.gb28181.pending import MAX_PAST, Pending

DEVICE = "34020000001320000001"


class Asker:
    """Somebody who wants to hear what comes late."""

    def __init__(self):
        self.late = []

    def hear(self, envelope):
        self.late.append(envelope.sn)


def ask(pending, command, sn, asker):
    """A question that ends without an answer."""
    with pending.waiting(command, sn, lambda _: None, late=asker and asker.hear):
        pass


def answered(pending, command, sn):
    return pending.answer(Envelope.parse(compose(Root.RESPONSE, command, sn, DEVICE)))


def test_what_comes_late_is_told_until_the_same_is_asked_again():
    pending, first, second = Pending(), Asker(), Asker()
    ask(pending, "Catalog", 1, first)
    ask(pending, "DeviceInfo", 2, None)
    assert answered(pending, "Catalog", 1)
    ask(pending, "Catalog", 3, second)
    assert answered(pending, "Catalog", 1)
    assert answered(pending, "Catalog", 3)
    assert (first.late, second.late, pending.stray) == ([1], [3], 0)


@pytest.mark.parametrize("how", ["asked again", "nobody listens"])
def test_whoever_asked_is_not_held_once_it_is_no_news(how):
    pending, asker = Pending(), Asker()
    ask(pending, "Catalog", 1, asker)
    held = weakref.ref(asker)
    del asker
    gc.collect()
    assert held() is not None
    if how == "asked again":
        ask(pending, "Catalog", 2, None)
    else:
        pending.nobody_listens()
    gc.collect()
    assert held() is None
    assert answered(pending, "Catalog", 1)


def test_a_question_is_remembered_for_so_many_others():
    pending, asker = Pending(), Asker()
    ask(pending, "Catalog", 1, asker)
    for number in range(MAX_PAST):
        ask(pending, "DeviceInfo", 2 + number, None)
    assert not answered(pending, "Catalog", 1)
    assert pending.stray == 1
