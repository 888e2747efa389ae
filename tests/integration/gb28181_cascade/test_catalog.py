"""The catalog an upper platform reads (GB-241): complete, in a tree, under codes that stay."""

import pytest
from cascade_rig import OURS

from cambus.gb28181.codes import NodeKind
from cambus.gb28181.manscdp.catalog import changes
from cambus.gb28181.subscriptions import Topic
from cambus.schemas.channels import ChannelInfo


def by_code(items):
    return {item.code: item for item in items}


async def read(rig, upper, link, nodes, of=None):
    """The catalog, once the link shows as many items."""
    await rig.until(lambda: len(rig.held(link).context.shared) == nodes)
    return await upper.catalog(OURS, of)


async def test_recorders_and_their_channels_make_a_tree_in_which_nothing_is_missing(rig):
    upper = await rig.upper()
    recorder = await rig.enter(await rig.device("nvr", channels=6))
    camera = await rig.enter(await rig.device("cam"))
    recorder.channels[5] = recorder.channels[5].model_copy(update={"online": False})
    await recorder.show()
    link = await rig.linked(upper)
    await rig.until(lambda: not rig.held(link).context.shared.at(recorder.device, 5).online)
    items = await read(rig, upper, link, 9)
    shared = rig.held(link).context.shared
    host, alone = shared.at(recorder.device, None), shared.at(camera.device, 0)
    assert [item.code for item in items] == list(shared.nodes)
    known = by_code(items)
    assert known[OURS].kind is NodeKind.SYSTEM
    assert known[host.code].kind is NodeKind.HOST
    assert known[host.code].parents == (OURS,)
    assert known[alone.code].parents == (OURS,)
    channels = [shared.at(recorder.device, number).code for number in range(6)]
    assert {known[code].parents for code in channels} == {(host.code,)}
    assert {known[code].kind for code in channels} == {NodeKind.CHANNEL}
    assert [known[code].on for code in channels] == [True] * 5 + [False]
    assert known[channels[0]].name == "Camera 0"
    assert known[channels[0]].manufacturer == "Acme"


async def test_part_of_the_tree_is_answered_alone(rig):
    upper = await rig.upper()
    recorder = await rig.enter(await rig.device("nvr", channels=3))
    await rig.enter(await rig.device("other", channels=2))
    link = await rig.linked(upper)
    await rig.until(lambda: len(rig.held(link).context.shared) == 8)
    host = rig.held(link).context.shared.at(recorder.device, None)
    items = await upper.catalog(OURS, host.code)
    assert {item.code for item in items} == {
        host.code,
        *(rig.held(link).context.shared.at(recorder.device, number).code for number in range(3)),
    }


async def test_parts_hold_four_items_over_udp_and_a_hundred_over_tcp_unless_told_otherwise(rig):
    upper = await rig.upper(
        accounts={OURS: "a secret between platforms", OTHER: "a secret between platforms"}
    )
    await rig.enter(await rig.device("nvr", channels=9))
    link = await rig.linked(upper)
    tcp = await rig.linked(upper, link="tcp", code=OTHER, transport="tcp")
    sent = {}
    for each in (link, tcp):
        await rig.until(lambda each=each: len(rig.held(each).context.shared) == 11)
        agent, bodies = rig.held(each).context.agent, []
        send = agent.send

        async def remember(body, send=send, bodies=bodies):
            bodies.append(body)
            await send(body)

        agent.send = remember
        assert len(await upper.catalog(each.code)) == 11
        sent[each.id] = [body.count(b"<Item>") for body in bodies if b"<CmdType>Catalog" in body]
        assert all(b"<SumNum>11</SumNum>" in body for body in bodies if b"<CmdType>Catalog" in body)
    assert sent == {link.id: [4, 4, 3], tcp.id: [11]}


async def test_codes_stay_when_the_replica_changes_and_when_devices_come_and_go(rig):
    upper = await rig.upper()
    middle = await rig.enter(await rig.device("middle", channels=2))
    first = await rig.replica("first")
    link = await rig.linked(upper)
    await rig.until(lambda: len(rig.held(link).context.shared) == 4)
    before = [rig.held(link).context.shared.at(middle.device, number).code for number in (None, 0, 1)]
    await rig.enter(await rig.device("a-first", channels=2))
    await rig.until(lambda: len(rig.held(link).context.shared) == 7)
    await first.release()
    await rig.replica("second")
    await rig.until(lambda: any(link.id in each.held for each in rig.replicas))
    await rig.until(lambda: len(rig.held(link).context.shared) == 7)
    after = [rig.held(link).context.shared.at(middle.device, number).code for number in (None, 0, 1)]
    assert after == before
    assert len({node.code for node in rig.held(link).context.shared.nodes.values()}) == 7


async def test_codes_that_are_given_and_those_devices_have_are_used_in_every_place(rig, unique):
    given, native = "34020000001320000777", "34020000001310000042"
    upper = await rig.upper()
    recorder = await rig.enter(await rig.device("nvr", channels=2))
    recorder.channels[1] = ChannelInfo(channel=1, name="Native", native_id=native)
    await recorder.show()
    link = await rig.linked(
        upper,
        groups=[
            {"id": "site", "name": "Site"},
            {"id": "yard", "name": "Yard", "parent": "site"},
        ],
        shares=[
            {"devices": [recorder.device], "channels": [0], "code": given, "group": "yard"},
            {"devices": [recorder.device], "channels": [1], "group": "site"},
        ],
    )
    await rig.until(lambda: rig.held(link).context.shared.node(native) is not None)
    items = by_code(await read(rig, upper, link, 6))
    group = next(item for item in items.values() if item.kind is NodeKind.GROUP)
    organisation = next(item for item in items.values() if item.kind is NodeKind.ORGANISATION)
    host = rig.held(link).context.shared.at(recorder.device, None).code
    assert (group.name, group.parents) == ("Site", (OURS,))
    assert (organisation.name, organisation.parents, organisation.business_group) == ("Yard", (), group.code)
    assert items[given].parents == (host, organisation.code)
    assert items[given].business_group == group.code
    assert items[native].business_group == group.code
    kinds = [item.kind for item in items.values()]
    assert kinds[:4] == [NodeKind.SYSTEM, NodeKind.GROUP, NodeKind.ORGANISATION, NodeKind.HOST]
    below = {item.code for item in await upper.catalog(OURS, organisation.code)}
    assert below == {organisation.code, given}
    assert {item.code for item in await upper.catalog(OURS, group.code)} == {
        group.code,
        organisation.code,
        given,
        native,
    }


@pytest.mark.parametrize("version", ["2.0", "3.0"])
async def test_a_camera_is_described_in_the_words_of_the_edition_of_the_platform(rig, version):
    upper = await rig.upper()
    camera = await rig.enter(await rig.device("cam"))
    link = await rig.linked(
        upper,
        version=version,
        groups=[{"id": "site", "name": "Site"}],
        shares=[{"devices": [camera.device], "channels": [0], "group": "site"}],
    )
    code = await rig.code_of(link, camera.device)
    upper.subscribe(OURS, Topic.CATALOG)
    asked = by_code(await upper.catalog(OURS))[code]
    await upper.wait_for(lambda: upper.heard("Catalog"))
    camera.channels[0] = camera.channels[0].model_copy(update={"online": False})
    await camera.show()
    await upper.wait_for(lambda: len(upper.heard("Catalog")) == 2)
    (told,) = [each.item for each in changes(upper.heard("Catalog")[1])]
    for item in (asked, told):
        assert item.code == code
        assert item.business_group[10:13] == "215"
        assert (item.detail("BusinessGroupID") == item.business_group) is (version == "2.0")
        assert item.detail("StreamNumberList") == ("0/1" if version == "3.0" else "")


async def test_only_what_is_shared_is_seen(rig, unique):
    upper = await rig.upper()
    shown = await rig.enter(await rig.device("shown", channels=3))
    await rig.enter(await rig.device("hidden"))
    await rig.record(shown.device, tags=["public"], name="The shown one")
    link = await rig.linked(upper, shares=[{"devices": ["*"], "tags": ["public"], "channels": [1]}])
    items = await read(rig, upper, link, 3)
    assert [item.name for item in items] == ["Lower", "The shown one", "Camera 1"]


OTHER = "34020000002000000003"
