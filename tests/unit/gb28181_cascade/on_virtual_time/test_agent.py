"""How a lower platform registers, stays registered, and comes back (§3, §12, GB-240)."""

from itertools import pairwise

from cambus.gb28181.agent_settings import AgentSettings
from cambus.sip.message import Response


def response(status, **headers):
    made = Response(status=status)
    for name, value in headers.items():
        made.headers.add(name.replace("_", "-"), value)
    return made


async def test_it_registers_again_before_it_expires(agent, platform):
    platform.answer = lambda request: response(200, Expires="1000")
    await agent.start()
    first, second = await platform.until("REGISTER", 1), await platform.until("REGISTER", 2)
    assert 700 < second.at - first.at < 1000
    assert agent.states == [True]  # and is registered all the while


async def test_it_says_that_it_is_there_once_a_minute(agent, platform):
    await agent.start()
    second, third = await platform.until("MESSAGE", 2), await platform.until("MESSAGE", 3)
    assert b"Keepalive" in second.request.body
    assert 59 < third.at - second.at < 61


async def test_a_refused_registration_is_repeated_after_a_minute_and_some_chance(agent, platform):
    platform.answer = lambda request: response(403)
    await agent.start()
    await platform.until("REGISTER", 20)
    times = [each.at for each in platform.of("REGISTER")]
    waits = [after - before for before, after in pairwise(times)]
    assert all(60 <= wait <= 91 for wait in waits)
    assert max(waits) - min(waits) > 1
    assert True not in agent.states


def asks_for_a_digest(request):
    """Refuses whatever is shown."""
    return response(401, WWW_Authenticate='Digest realm="3401000000", nonce="abc", algorithm=MD5')


async def test_a_refused_password_is_shown_less_often_than_has_it_locked(agent, platform):
    platform.answer = asks_for_a_digest
    await agent.start()
    await platform.until("REGISTER", 24)
    shown = [each.at for each in platform.of("REGISTER") if each.request.headers.get("Authorization")]
    waits = [after - before for before, after in pairwise(shown)]
    assert all(least <= wait <= 1.6 * least for least, wait in zip([60, 120, 240], waits, strict=False))
    assert all(wait >= 1800 for wait in waits[3:])
    assert max(sum(since <= each < since + 1800 for each in shown) for since in shown) <= 4


async def test_a_password_that_is_right_again_is_shown_anew_as_if_nothing_had_been(agent, platform):
    refuses = True

    def answer(request):
        if refuses or (request.method == "REGISTER" and not request.headers.get("Authorization")):
            return asks_for_a_digest(request)
        return response(200, Expires="1000")

    platform.answer = answer
    await agent.start()
    await platform.until("REGISTER", 4)
    refuses = False
    await agent.registered.wait()
    count, refuses = len(platform.of("REGISTER")), True
    first, third = await platform.until("REGISTER", count + 2), await platform.until("REGISTER", count + 4)
    assert third.at - first.at < 100


def test_nobody_has_to_set_that_minute():
    assert AgentSettings("1", "2", "3", ("h", 1), "p").retry_s == 60.0


async def test_three_keepalives_without_an_answer_have_it_register_again_at_once(agent, platform):
    platform.answer = lambda request: None if request.method == "MESSAGE" else response(200)
    await agent.start()
    third = await platform.until("MESSAGE", 3)
    assert len(platform.of("REGISTER")) == 1
    again = await platform.until("REGISTER", 2)
    assert again.at - third.at < 40  # once it is clear that no answer comes
    await agent.registered.wait()
    assert agent.states == [True, False, True]


async def test_a_keepalive_that_is_refused_has_it_register_again(agent, platform):
    await agent.start()
    await platform.until("MESSAGE", 1)
    platform.answer = lambda request: response(403 if request.method == "MESSAGE" else 200)
    second = await platform.until("MESSAGE", 2)
    again = await platform.until("REGISTER", 2)
    assert again.at - second.at < 1


async def test_it_follows_where_it_is_sent_on_to_and_comes_back_when_that_is_gone(agent, platform):
    elsewhere = "34010000002000000009"

    def send_on(request):
        if request.method == "REGISTER" and platform.asked[-1][1].host == "192.0.2.1":
            return response(302, Contact=f"<sip:{elsewhere}@192.0.2.77:5070>", Expires="3600")
        return response(200)

    platform.answer = send_on
    await agent.start()
    first, second = await platform.until("REGISTER", 1), await platform.until("REGISTER", 2)
    assert (first.peer.host, second.peer.host, second.peer.port) == ("192.0.2.1", "192.0.2.77", 5070)
    beat = await platform.until("MESSAGE", 1)
    assert beat.peer.host == "192.0.2.77"
    assert elsewhere in second.request.uri
    assert elsewhere in beat.request.uri
    platform.answer = lambda request: None if request.method == "MESSAGE" else send_on(request)
    third = await platform.until("REGISTER", 3)
    assert third.peer.host == "192.0.2.1"


async def test_it_unregisters_when_it_stops(agent, platform):
    await agent.start()
    await agent.registered.wait()
    await agent.close()
    last = platform.of("REGISTER")[-1].request
    assert last.headers.get("Expires") == "0"
