"""Every declared body: what is built is read again with the same fields, and in the order of the standard (GB-060)."""

import contextlib
import functools
import importlib
import pkgutil
from dataclasses import fields

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cambus.gb28181 import manscdp
from cambus.gb28181.charset import encode
from cambus.gb28181.errors import ProtocolError
from cambus.gb28181.manscdp.catalog import (
    CatalogChange,
    CatalogEvent,
    CatalogItem,
    CatalogPart,
    changes,
    notify,
    response,
)
from cambus.gb28181.manscdp.envelope import Envelope
from cambus.gb28181.manscdp.layout import FLOAT, INT, OK_ERROR, ON_OFF, ONE_ZERO, TEXT, Body
from cambus.gb28181.versions import Version
from cambus.gb28181.xml import Element, parse, serialize

DEVICE = "34020000001320000001"
TEXTS = st.text(
    st.characters(exclude_categories=("Cs", "Cc", "Cn", "Co"), exclude_characters="\u2028\u2029\ufffe\uffff"),
    min_size=1,
    max_size=20,
).filter(lambda text: text == text.strip())
KINDS = {
    id(TEXT): TEXTS,
    id(INT): st.integers(-(2**31), 2**31),
    id(FLOAT): st.floats(allow_nan=False, allow_infinity=False, width=32),
    id(OK_ERROR): st.booleans(),
    id(ON_OFF): st.booleans(),
    id(ONE_ZERO): st.booleans(),
}
CHARSETS = st.sampled_from(["GB2312", "GB18030", "UTF-8"])


def bodies():
    found = {}
    for module in pkgutil.iter_modules(manscdp.__path__, f"{manscdp.__name__}."):
        for each in vars(importlib.import_module(module.name)).values():
            if isinstance(each, type) and issubclass(each, Body) and hasattr(each, "COMMAND"):
                found[each.__name__] = each
    return sorted(found.values(), key=lambda each: each.__name__)


@functools.cache  # made once, not for each example
def parts(type_):
    """Any value of a declared element."""
    values = {}
    for each in fields(type_):
        if "leaf" in each.metadata:
            values[each.name] = st.none() | KINDS[id(each.metadata["leaf"][1])]
        elif "part" in each.metadata:
            values[each.name] = st.none() | parts(each.metadata["part"][1])
        else:
            inner = each.metadata["list"][1]
            values[each.name] = st.lists(TEXTS if inner is None else parts(inner), max_size=3).map(tuple)
    return st.builds(type_, **values)


def same(one, other):
    """Whether two bodies say the same; an element with nothing in it is the same as none."""
    return list(one.elements()) == list(other.elements())


@pytest.mark.parametrize("type_", bodies(), ids=lambda each: each.__name__)
@given(data=st.data())
def test_every_body_is_read_as_it_was_built(type_, data):
    built, charset = data.draw(parts(type_)), data.draw(CHARSETS)
    sent = built.serialize(7, DEVICE, charset=charset)
    envelope = Envelope.parse(sent, charset)
    assert (envelope.root, envelope.command, envelope.sn, envelope.code) == (
        type_.ROOT,
        type_.COMMAND,
        7,
        DEVICE,
    )
    read = type_.parse(envelope)
    assert same(read, built)


def test_there_are_bodies():
    assert len(bodies()) > 25


NAMES = st.sampled_from(["Name", "PTZType", "Resolution", "MAC", "Odd"])
ITEMS = st.builds(
    CatalogItem,
    code=st.sampled_from(["34020000001320000001", "34020000001310000007", "34020000001180000001", "odd"]),
    name=TEXTS,
    parents=st.lists(st.sampled_from([DEVICE, "34020000002160000001"]), unique=True, max_size=2).map(tuple),
    on=st.booleans(),
    manufacturer=TEXTS,
    model=TEXTS,
    civil_code=st.sampled_from(["", "34", "340200"]),
    block=TEXTS | st.just(""),
    address=TEXTS,
    ip_address=TEXTS | st.just(""),
    business_group=st.sampled_from(["", "34020000002150000001"]),
    port=st.none() | st.integers(0, 65535),
    parental=st.booleans(),
    register_way=st.integers(1, 4),
    secrecy=st.integers(0, 1),
    longitude=st.none() | st.floats(-180, 180),
    latitude=st.none() | st.floats(-90, 90),
    info=st.dictionaries(NAMES, TEXTS, max_size=3),
    security_level=st.sampled_from(["", "A", "B"]),
)


def known(item):
    """What of an item is said in every form of it."""
    placed = item.longitude is not None and item.latitude is not None
    return (
        *(
            item.code,
            item.name,
            item.parents,
            item.on,
            item.manufacturer,
            item.model,
            item.civil_code,
            item.block,
        ),
        *(item.address, item.ip_address, item.business_group, item.port, item.parental, item.register_way),
        *(item.secrecy, (item.longitude, item.latitude) if placed else None),
        *({name: text for name, text in item.info.items() if name != "BusinessGroupID"},),
    )


@given(st.lists(ITEMS, max_size=4), CHARSETS, st.sampled_from(Version))
def test_a_catalog_is_read_as_it_was_built(items, charset, version):
    sent = response(3, DEVICE, 9, items, charset=charset, version=version)
    read = CatalogPart.parse(Envelope.parse(sent, charset))
    assert read.announced == 9
    assert [known(each) for each in read.items] == [known(each) for each in items]
    if version.is_2022:
        assert [each.security_level for each in read.items] == [each.security_level for each in items]


@given(ITEMS, st.sampled_from(CatalogEvent))
def test_news_of_a_catalog_are_read_as_they_were_built(item, event):
    (read,) = changes(
        Envelope.parse(notify(3, DEVICE, [CatalogChange(event, item)], charset="UTF-8"), "UTF-8")
    )
    assert (read.event, known(read.item)) == (event, known(item))


@given(
    st.recursive(
        TEXTS,
        lambda inner: st.dictionaries(st.sampled_from(["A", "b1", "C_d"]), inner, min_size=1, max_size=3),
        max_leaves=8,
    ),
    CHARSETS,
)
def test_any_tree_is_read_as_it_was_built(tree, charset):
    def element(name, value):
        if isinstance(value, str):
            return Element(name, value)
        return Element(name, children=[element(key, each) for key, each in value.items()])

    made = element("Query", tree)
    assert parse(serialize(made, charset), charset) == made


@given(st.binary(max_size=300))
def test_any_bytes_are_a_document_or_an_error(data):
    for candidate in (data, b"<Query><CmdType>Catalog</CmdType><X>" + data + b"</X><Y>1</Y></Query>"):
        with contextlib.suppress(ProtocolError):
            Envelope.parse(candidate)


@given(st.text(max_size=40), CHARSETS)
def test_any_text_can_be_encoded(text, charset):
    assert encode(text, charset).decode("utf-8" if charset == "UTF-8" else "gb18030") is not None
