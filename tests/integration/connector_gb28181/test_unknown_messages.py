"""What a device says that nobody here knows is acknowledged, and shown to whoever watches the bus (GB-072)."""

from cambus.gb28181.manscdp.envelope import Root, compose
from cambus.gb28181.manscdp.presence import Keepalive
from cambus.gb28181.xml import Element, parse


async def test_a_message_nobody_knows_is_an_event_and_a_flood_of_them_is_one(bench, gate):
    simulator = await bench.online(gate)
    code = simulator.channels[0]
    heard = await bench.heard(gate)
    content = [Element("DoorState", "ajar"), Element("Password", "s3cret"), Element("Name", "门<1>")]
    for sn in range(1, 41):
        simulator.agent.tell(compose(Root.NOTIFY, "DoorEvent", sn, code, content))
    simulator.agent.tell(compose(Root.QUERY, "DoorQuery", 41, code))
    simulator.move_to(121.5, 31.25)  # dealt with after them
    report = await heard.until("exception.reported")
    assert (report.code, report.detail["command"], report.detail["about"]) == (
        "unknown-message",
        "DoorEvent",
        code,
    )
    message = parse(report.detail["message"].encode(), "utf-8")
    assert (message.name, message.get("DoorState"), message.get("Name")) == ("Notify", "ajar", "门<1>")
    assert message.get("Password") == "***"
    await heard.until("position.reported")
    simulator.tell(Keepalive(ok=False))
    assert (await heard.until("exception.reported")).code == "device-report"  # and no second of the forty


async def test_an_answer_that_comes_too_late_is_no_news(bench, gate):
    simulator = await bench.online(gate)
    heard = await bench.heard(gate)
    simulator.agent.tell(compose(Root.RESPONSE, "DoorQuery", 4711, simulator.code))
    simulator.agent.tell(
        compose(Root.NOTIFY, "MediaStatus", 4712, simulator.code, [Element("NotifyType", "121")])
    )
    simulator.move_to(121.5, 31.25)
    await heard.until("position.reported")
    simulator.tell(Keepalive(ok=False))
    assert (await heard.until("exception.reported")).code == "device-report"
