"""Changing the password Cambus itself logs in with: cut off at every step, and the device is never lost."""

import copy
import types
from types import SimpleNamespace

import pytest

from cambus.connector.dialled import DialledUnit
from cambus.connector.errors import CredentialsRefused
from cambus.connector_dvrip.handlers.users import password
from cambus.dvrip.errors import AuthError, ConnectionLost, DeviceError, SessionRenewed, error_for_code
from cambus.schemas.commands.users import UsersPasswordRequest
from cambus.schemas.errors import BadRequest
from cambus.schemas.state.credentials import Credentials


@types.coroutine
def step():
    """A moment at which the process may die."""
    yield


class World:
    """What outlives the process: the device, and the stored account."""

    def __init__(self, fault=None):
        self.device_password = "old"
        self.stored = Credentials(username="admin", password="old")
        self.fault = fault
        self.logins = []

    # what the handler has

    def session(self, called_from=None):
        facts = SimpleNamespace(called_from=called_from)
        device = SimpleNamespace(credentials=self.stored, context=SimpleNamespace(hooks=self))
        return SimpleNamespace(device=device, facts=facts, client=SimpleNamespace(users=self))

    async def replace_credentials(self, credentials):
        await step()
        self.stored = credentials
        await step()

    async def change_password(self, name, old, new, *, confirm):
        assert (name, confirm) == ("admin", True)
        await step()
        if self.fault == "lost before":
            raise ConnectionLost("gone")
        if isinstance(self.fault, Exception):
            raise self.fault
        if old != self.device_password:
            raise error_for_code(203)
        self.device_password = new
        await step()
        if self.fault == "lost after":
            raise ConnectionLost("gone")

    # what the supervision of the device has

    def unit(self):
        store = SimpleNamespace(open=lambda name: self.stored, fingerprint=lambda name: b"")
        around = SimpleNamespace(credentials=store)
        return SimpleNamespace(
            record=SimpleNamespace(credentials=SimpleNamespace(name="c")),
            _around=around,
            _device=self,
            replace_credentials=self.replace_credentials,
        )

    async def connect(self, credentials):
        await step()
        given = credentials.password.get_secret_value()
        self.logins.append(given)
        if given != self.device_password:
            raise CredentialsRefused("wrong-password", "no")
        await step()
        return "session"


def die_after(coroutine, steps):
    """Run so many steps, then the process is gone; False if it was over before."""
    try:
        for _ in range(steps):
            coroutine.send(None)
    except (StopIteration, DeviceError, AuthError, ConnectionLost, SessionRenewed):
        return False
    coroutine.close()
    return True


def run(coroutine):
    try:
        while True:
            coroutine.send(None)
    except StopIteration as done:
        return done.value


def change(world, new="new"):
    request = UsersPasswordRequest(name="admin", new=new, confirm=True)
    return password(world.session(), request)


FAULTS = [None, "lost before", "lost after", DeviceError(214), error_for_code(203), SessionRenewed("x")]


@pytest.mark.parametrize("fault", FAULTS, ids=str)
def test_whenever_it_is_cut_off_the_device_is_reached_again(fault):
    deaths = 0
    for first in range(12):
        world = World(fault)
        deaths += die_after(change(world), first)
        for second in range(12):  # and the first attempt to connect again dies too
            again = copy.copy(world)
            again.fault = None
            die_after(DialledUnit._connect(again.unit()), second)
            assert run(DialledUnit._connect(again.unit())) == "session"
            assert again.stored.password.get_secret_value() == again.device_password
            assert again.stored.previous_password is None
    assert deaths >= 4


@pytest.mark.parametrize("fault", FAULTS[:3], ids=str)
def test_a_second_change_after_one_that_was_cut_off_is_safe_too(fault):
    for first in range(10):
        world = World(fault)
        die_after(change(world), first)
        world.fault = None
        run(DialledUnit._connect(world.unit()))
        for second in range(10):
            again = copy.copy(world)
            die_after(change(again, "newer"), second)
            run(DialledUnit._connect(again.unit()))
            assert again.stored.password.get_secret_value() == again.device_password


@pytest.mark.parametrize(("detail", "tries"), [("locked", 1), ("blacklisted", 1), ("unknown-user", 2)])
def test_an_account_that_is_locked_is_not_shown_the_password_before_too(detail, tries):
    world = World()
    world.stored = Credentials(username="admin", password="new", previous_password="old")

    async def refuse(credentials):
        world.logins.append(credentials.password.get_secret_value())
        raise CredentialsRefused(detail, "no")

    unit = world.unit()
    unit._device = SimpleNamespace(connect=refuse)
    with pytest.raises(CredentialsRefused, match="no"):
        run(DialledUnit._connect(unit))
    assert world.logins == ["new", "old"][:tries]


def test_undisturbed_it_is_the_new_one_at_the_first_login():
    world = World()
    run(change(world))
    assert (world.device_password, world.stored.password.get_secret_value()) == ("new", "new")
    run(DialledUnit._connect(world.unit()))
    assert world.logins == ["new"]


@pytest.mark.parametrize("fault", FAULTS[3:], ids=str)
def test_a_device_that_says_no_is_not_tried_with_the_new_one(fault):
    world = World(fault)
    with pytest.raises(type(fault)):
        run(change(world))
    assert world.stored == Credentials(username="admin", password="old")
    run(DialledUnit._connect(world.unit()))
    assert world.logins == ["old"]


def test_the_password_of_another_account_is_not_stored():
    world = World()
    session = world.session()
    session.device.credentials = Credentials(username="somebody", password="else")
    with pytest.raises(BadRequest, match="old"):
        run(password(session, UsersPasswordRequest(name="admin", new="x", confirm=True)))
    run(password(session, UsersPasswordRequest(name="admin", old="old", new="x", confirm=True)))
    assert (world.device_password, world.stored.password.get_secret_value()) == ("x", "old")


def test_what_a_device_registers_with_is_no_account_of_the_device():
    world = World()
    session = world.session(called_from="192.0.2.7")
    run(password(session, UsersPasswordRequest(name="admin", old="old", new="x", confirm=True)))
    assert (world.device_password, world.stored.password.get_secret_value()) == ("x", "old")
