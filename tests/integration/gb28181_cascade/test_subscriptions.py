"""What the upper platform subscribed to is told: at first, in batches, without flaps, until it ends (GB-247)."""

import pytest
from cascade_rig import OURS

from cambus.connector_gb28181.cascade.settings import CascadeSettings
from cambus.gb28181.manscdp import catalog as catalogs
from cambus.gb28181.manscdp.catalog import CatalogEvent, changes
from cambus.gb28181.manscdp.envelope import CONTENT_TYPE
from cambus.gb28181.subscriptions import Topic
from cambus.schemas.channels import ChannelInfo
from cambus.schemas.commands import ptz
from cambus.schemas.commands.ptz import PtzPositionReply
from cambus.sip.dialog import Dialog


def news(upper):
    """What was told of the catalog: for each NOTIFY, code and event of every item."""
    return [
        [(each.item.code, each.event) for each in changes(envelope)] for envelope in upper.heard("Catalog")
    ]


async def subscribed(rig, upper, link, topic=Topic.CATALOG, **wanted):
    upper.subscribe(OURS, topic, **wanted)
    await rig.until(lambda: rig.held(link).watchers.active)
    return next(iter(rig.held(link).watchers.active.values()))


async def test_at_first_only_what_is_not_there_is_told(rig):
    upper = await rig.upper()
    recorder = await rig.enter(await rig.device("nvr", channels=4))
    recorder.channels[2] = recorder.channels[2].model_copy(update={"online": False})
    await recorder.show()
    link = await rig.linked(upper)
    code = await rig.code_of(link, recorder.device, 2)
    await rig.until(lambda: not rig.held(link).context.shared.node(code).online)
    await subscribed(rig, upper, link)
    await upper.wait_for(lambda: news(upper))
    assert news(upper) == [[(code, CatalogEvent.OFF)]]


async def test_a_change_is_told_within_two_seconds_and_a_flap_is_not(rig):
    assert CascadeSettings().settle_s <= 1.0  # how long what changes waits for more
    await rig.replica(settle_s=1.0)
    upper = await rig.upper()
    recorder = await rig.enter(await rig.device("nvr", channels=3))
    link = await rig.linked(upper)
    gone, flapping = [await rig.code_of(link, recorder.device, number) for number in (0, 1)]
    await subscribed(rig, upper, link)
    await upper.wait_for(lambda: news(upper) == [[]])
    steady = recorder.channels[1]
    recorder.channels[0] = recorder.channels[0].model_copy(update={"online": False})
    recorder.channels[1] = steady.model_copy(update={"online": False})
    await recorder.show()
    recorder.channels[1] = steady
    await recorder.show()
    await upper.wait_for(lambda: len(news(upper)) == 2)
    assert news(upper)[1] == [(gone, CatalogEvent.OFF)]
    recorder.channels[0] = steady.model_copy(update={"channel": 0, "name": "Camera 0"})
    await recorder.show()
    await upper.wait_for(lambda: len(news(upper)) == 3)
    assert news(upper)[2] == [(gone, CatalogEvent.ON)]
    assert flapping not in [code for told in news(upper) for code, _ in told]


async def test_a_device_that_goes_takes_its_channels_and_comes_back_with_them(rig):
    upper = await rig.upper()
    recorder = await rig.enter(await rig.device("nvr", channels=2))
    link = await rig.linked(upper)
    codes = [await rig.code_of(link, recorder.device, number) for number in (None, 0, 1)]
    await subscribed(rig, upper, link)
    await upper.wait_for(lambda: news(upper) == [[]])
    await recorder.go_offline()
    await upper.wait_for(lambda: len(news(upper)) == 2)
    assert news(upper)[1] == [(code, CatalogEvent.OFF) for code in codes]
    recorder.channels.append(ChannelInfo(channel=2, name="New"))
    await recorder.go_online()
    await upper.wait_for(lambda: len(news(upper)) == 3)
    assert dict(news(upper)[2]) == {
        **dict.fromkeys(codes, CatalogEvent.ON),
        await rig.code_of(link, recorder.device, 2): CatalogEvent.ADD,
    }
    del recorder.channels[2]
    await recorder.show()
    await upper.wait_for(lambda: len(news(upper)) == 4)
    assert [event for _, event in news(upper)[3]] == [CatalogEvent.DEL]
    recorder.channels[1] = recorder.channels[1].model_copy(update={"name": "Renamed"})
    await recorder.show()
    await upper.wait_for(lambda: len(news(upper)) == 5)
    assert news(upper)[4] == [(codes[2], CatalogEvent.UPDATE)]
    assert changes(upper.heard("Catalog")[4])[0].item.name == "Renamed"


@pytest.mark.parametrize(("transport", "sizes"), [("tcp", [100, 100, 31]), ("udp", [20] * 11 + [11])])
async def test_a_notify_holds_a_hundred_items_at_most_and_fits_a_datagram(rig, transport, sizes):
    upper = await rig.upper()
    recorder = await rig.enter(await rig.device("nvr", channels=230))
    link = await rig.linked(upper, transport=transport)
    await rig.code_of(link, recorder.device, 229)
    await recorder.go_offline()
    await rig.until(lambda: not rig.held(link).context.shared.at(recorder.device, 0).online)
    await subscribed(rig, upper, link)
    await upper.wait_for(lambda: sum(len(each) for each in news(upper)) == 231)
    assert [len(each) for each in news(upper)] == sizes


async def test_a_subscription_that_is_not_refreshed_ends(rig):
    upper = await rig.upper()
    recorder = await rig.enter(await rig.device("nvr", channels=2))
    link = await rig.linked(upper)
    await rig.code_of(link, recorder.device)
    watcher = await subscribed(
        rig, upper, link, expires_s=1
    )  # refreshed after five seconds, which is too late
    await upper.wait_for(lambda: news(upper))
    await rig.until(watcher.ended.is_set)
    assert watcher not in rig.held(link).watchers.active.values()
    told = len(news(upper))
    recorder.channels[0] = recorder.channels[0].model_copy(update={"name": "Renamed"})
    await recorder.show()
    await rig.until(lambda: rig.held(link).context.shared.at(recorder.device, 0).name == "Renamed")
    assert len(news(upper)) == told


async def test_a_refresh_in_its_dialog_prolongs_it(rig):
    upper = await rig.upper()
    link = await rig.linked(upper)
    platform, active = upper.platform, rig.held(link).watchers.active
    peer = platform.registrar.binding(OURS).peer

    async def ask(request, expires_s):
        for name, value in (("Event", "Catalog"), ("Expires", expires_s), ("Content-Type", CONTENT_TYPE)):
            request.headers.add(name, str(value))
        request.body = catalogs.query(1, OURS)
        granted = await platform.endpoint.request(request, peer, timeout_s=8.0)
        assert (granted.status, granted.headers.get("Expires")) == (200, str(expires_s))
        return Dialog.called(request, granted, peer)

    dialog = await ask(platform.compose("SUBSCRIBE", OURS, peer, sequence=20), 100)
    (watcher,) = active.values()
    assert 0 < watcher.left_s <= 100
    await ask(dialog.request("SUBSCRIBE"), 500)
    assert 400 < watcher.left_s <= 500
    assert [*active.values()] == [watcher]


async def test_the_platform_ends_it(rig):
    upper = await rig.upper()
    link = await rig.linked(upper)
    await subscribed(rig, upper, link)
    await upper.wait_for(lambda: news(upper))
    await upper.unsubscribe(OURS, Topic.CATALOG)
    await rig.until(lambda: not rig.held(link).watchers.active)


async def test_a_link_that_is_deleted_terminates_its_subscriptions(rig):
    upper = await rig.upper()
    link = await rig.linked(upper)
    await subscribed(rig, upper, link)
    states = []
    upper.on_state = states.append
    await rig.forget(link.id)
    await upper.wait_for(lambda: states)
    assert states[-1].startswith("terminated")


async def test_a_node_that_is_withdrawn_terminates_the_subscription_to_it(rig):
    upper = await rig.upper()
    camera = await rig.enter(await rig.device("cam"))
    link = await rig.linked(upper)
    code = await rig.code_of(link, camera.device)
    states = []
    upper.on_state = states.append
    upper.subscribe(OURS, Topic.ALARMS, of=code)
    await rig.until(lambda: rig.held(link).watchers.active)
    camera.channels.clear()
    await camera.show()
    await upper.wait_for(lambda: any(each.startswith("terminated") for each in states))
    assert not rig.held(link).watchers.active


async def test_where_heads_point(rig):
    upper = await rig.upper()
    camera = await rig.device("cam")
    at = {"pan_deg": 10.0}
    camera.on(ptz.POSITION_GET, lambda _: PtzPositionReply(pan_deg=at["pan_deg"], tilt_deg=-5.0, zoom=2.0))
    await rig.enter(camera)
    link = await rig.linked(upper)
    code = await rig.code_of(link, camera.device)
    await subscribed(rig, upper, link, Topic.PTZ_POSITION)
    await upper.wait_for(lambda: upper.heard("PTZPosition"))
    at["pan_deg"] = 20.0
    await upper.wait_for(lambda: len(upper.heard("PTZPosition")) == 2)
    told = upper.heard("PTZPosition")
    assert [(each.code, each.element.get("Pan"), each.element.get("Tilt")) for each in told] == [
        (code, "10.0", "5.0"),
        (code, "20.0", "5.0"),
    ]


@pytest.mark.parametrize("topic", list(Topic))
async def test_every_topic_can_be_subscribed_to(rig, topic):
    upper = await rig.upper()
    link = await rig.linked(upper)
    watcher = await subscribed(rig, upper, link, topic, expires_s=777)
    assert 0 < watcher.left_s <= 777
