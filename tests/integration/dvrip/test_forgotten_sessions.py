"""A device that keeps the connection and forgets the session: one login more, and nothing is done twice."""

import asyncio

import pytest

from cambus.dvrip.errors import AuthError, ConnectionLost, Refused, SessionRenewed

NEW_SID = 0x99


class Forgetful:
    """Answers 105 (or 202) to everything of a session it has forgotten."""

    def __init__(self, scripted, code=105):
        self.scripted = scripted
        self.code = code
        self.sid = 0x57
        self.logins = 0
        self.refuse = 0
        self.forgetting = False
        scripted.on[1000] = self.login
        scripted.on[1020] = scripted.on[1042] = scripted.on[1400] = scripted.on[1450] = self.answer
        scripted.on[1500] = scripted.on[1502] = scripted.on[1040] = self.answer

    def login(self, message):
        self.logins += 1
        if self.refuse:
            message.reply({"Ret": self.refuse})
            return
        if self.logins > 1:
            self.sid = NEW_SID + self.logins
        message.reply({"Ret": 100, "SessionID": f"0x{self.sid:08X}", "AliveInterval": 20}, sid=self.sid)

    def forget(self):
        self.sid = -1

    def answer(self, message):
        known = message.header.session_id == self.sid and not self.forgetting
        code = 100 if known else self.code
        message.reply({"Ret": code, "SystemInfo": {"SerialNo": "7"}}, sid=message.header.session_id)


@pytest.fixture(params=[105, 202])
def device(scripted, request):
    return Forgetful(scripted, request.param)


@pytest.fixture
async def client(device, make_client):
    client = make_client()
    await client.connect()
    return client


async def test_what_only_reads_is_asked_again_after_one_login(device, client, scripted):
    device.forget()
    assert (await client.system.info()).serial == "7"
    assert device.logins == 2
    assert len(scripted.messages(1020)) == 2
    assert client.control.session.session_id == device.sid
    assert len(scripted.peers) == 1  # on the connection there was
    assert (await client.system.info()).serial == "7"
    assert device.logins == 2


@pytest.mark.parametrize(
    ("message_id", "ask"),
    [
        (1450, lambda c: c.machine.reboot()),
        (1400, lambda c: c.ptz.goto_preset(0, 1)),
        (1040, lambda c: c.config.set("General.General", {"MachineName": "x"})),
    ],
)
async def test_what_does_something_is_not_repeated(device, client, scripted, message_id, ask):
    device.forget()
    with pytest.raises(SessionRenewed):
        await ask(client)
    assert len(scripted.messages(message_id)) == 1
    assert device.logins == 2
    await ask(client)  # but can be asked again at once
    assert len(scripted.messages(message_id)) == 2
    assert device.logins == 2


async def test_many_requests_that_find_it_out_together_make_one_login(device, client, scripted, deadline):
    device.forget()
    async with deadline():
        asked = [client.system.info() for _ in range(5)] + [client.ptz.goto_preset(0, 1)]
        answers = await asyncio.gather(*asked, return_exceptions=True)
    assert [each.serial for each in answers[:5]] == ["7"] * 5
    assert isinstance(answers[5], SessionRenewed)
    assert device.logins == 2
    assert scripted.messages(1400) == []


async def test_a_device_that_forgets_at_once_again_gets_no_more_logins(device, client):
    device.forgetting = True
    for _ in range(3):
        with pytest.raises(AuthError) as refused:
            await client.system.info()
        assert refused.value.code == device.code
    assert device.logins == 2
    assert client.is_online


async def test_a_login_that_is_refused_ends_the_session(device, client, scripted, deadline):
    device.forget()
    device.refuse = 203
    with pytest.raises(AuthError) as refused:
        await client.system.info()
    assert refused.value.code == 203
    async with deadline():
        assert isinstance(await client.wait_closed(), AuthError)
    with pytest.raises(Refused):
        await client.system.info()
    assert device.logins == 2


async def test_alarms_are_wanted_again_after_the_login(device, client, scripted):
    await client.alarms.guard()
    device.forget()
    await client.system.info()
    assert scripted.ids()[-3:] == [1000, 1500, 1020]
    await client.alarms.unguard()
    device.forget()
    await client.system.info()
    assert scripted.ids()[-2:] == [1000, 1020]


async def test_a_caller_that_goes_away_leaves_the_login_to_the_others(device, client, scripted, deadline):
    held = asyncio.Event()

    async def slow_login(message):
        held.set()
        await release.wait()
        device.login(message)

    release = asyncio.Event()
    scripted.on[1000] = slow_login
    device.forget()
    async with deadline():
        leaving = asyncio.create_task(client.system.info())
        await held.wait()
        staying = asyncio.create_task(client.system.info())
        leaving.cancel()
        await asyncio.wait([leaving])
        release.set()
        assert (await staying).serial == "7"
    assert device.logins == 2


async def test_a_client_that_is_closed_meanwhile_waits_for_no_login(device, client, scripted, deadline):
    held = asyncio.Event()
    scripted.on[1000] = lambda message: held.set()  # and never answers
    device.forget()
    async with deadline():
        asking = asyncio.create_task(client.system.info())
        await held.wait()
        await client.control.close()
        with pytest.raises(ConnectionLost):
            await asking
