"""Several upper platforms at once, each with what it may see, its own codes, words and times (GB-250)."""

from camera import H264, Camera
from cascade_rig import OURS, PASSWORD, UPPER

from cambus.gb28181.manscdp.alarms import AlarmNotice
from cambus.gb28181.versions import Version

SECOND, SECOND_OURS = "11010000002000000001", "11010500002000000002"


async def test_two_platforms_see_the_same_camera_each_in_its_own_way(rig, unique):
    one = await rig.upper()
    two = await rig.upper(code=SECOND, accounts={SECOND_OURS: PASSWORD})
    camera = await rig.enter(Camera(rig.bus, f"cam-{unique}", H264))
    await rig.record(camera.device, name="\u8433\u6751")  # not in GB 2312
    shown = [{"devices": [camera.device], "channels": [0]}]
    first = await rig.linked(one, link="one", version="2.0", shares=shown)
    other = await rig.linked(
        two,
        link="two",
        code=SECOND_OURS,
        version="3.0",
        transport="tcp",
        name="\u8433\u6751",
        shares=[{**shown[0], "code": "11010500001320000001"}],
    )
    codes = [await rig.code_of(link, camera.device) for link in (first, other)]
    assert codes[0].startswith("3402000000131")
    assert codes[1] == "11010500001320000001"
    bindings = [one.platform.registrar.binding(OURS), two.platform.registrar.binding(SECOND_OURS)]
    assert [each.version for each in bindings] == [Version.GB2016, Version.GB2022]
    assert [each.peer.transport for each in bindings] == ["udp", "tcp"]
    names = {item.code: item.name for item in await two.catalog(SECOND_OURS)}
    assert names[SECOND_OURS] == "\u8433\u6751"
    assert codes[1] in names
    assert {item.code for item in await one.catalog(OURS)} == {OURS, codes[0]}
    watching = [
        await one.play(OURS, codes[0], transport="udp"),
        await two.play(SECOND_OURS, codes[1], transport="tcp-passive"),
    ]
    for each in watching:
        await each.wait_for(lambda each=each: each.pictures > 10)
    assert len(camera.claims) == 2
    assert [len(rig.held(link).sessions.open) for link in (first, other)] == [1, 1]


async def test_what_is_written_is_in_the_charset_of_each(rig):
    one = await rig.upper()
    two = await rig.upper(code=SECOND, accounts={SECOND_OURS: PASSWORD})
    first = await rig.linked(one, link="one")
    other = await rig.linked(two, link="two", code=SECOND_OURS, version="3.0")
    utf8 = await rig.linked(two, link="three", code=SECOND_OURS, charset="UTF-8")
    await rig.until(lambda: all(link.id in rig.replicas[0].held for link in (first, other, utf8)))
    bodies = [
        rig.held(link).context.body(AlarmNotice(description="\u8433"), 1, OURS)
        for link in (first, other, utf8)
    ]
    assert [body.split(b'"')[3] for body in bodies] == [b"GB2312", b"GB18030", b"UTF-8"]
    assert "\u8433".encode("gb18030") in bodies[1]
    assert "\u8433".encode() in bodies[2]


async def test_one_that_is_away_does_not_disturb_the_other(rig, unique):
    one = await rig.upper()
    away = await rig.upper(code=SECOND, accounts={SECOND_OURS: PASSWORD})
    gone = await rig.link(away, link="away", code=SECOND_OURS)
    await away.platform.close()
    camera = await rig.enter(Camera(rig.bus, f"cam-{unique}", H264))
    link = await rig.linked(one)
    watching = await one.play(OURS, await rig.code_of(link, camera.device), transport="udp")
    await watching.wait_for(lambda: watching.pictures > 10)
    assert one.platform.settings.code == UPPER
    assert not rig.replicas[0].held[gone.id].registered
