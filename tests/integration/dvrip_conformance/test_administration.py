"""What administers a recorder: large settings, defaults, log, accounts with every refusal, imports in every form."""

import io
import zipfile

import pytest

from cambus.dvrip.client import DvripClient
from cambus.dvrip.errors import AuthError, DeviceError, DvripError, Unsupported
from cambus.dvrip.messages.users import Group, User
from cambus.dvrip.profile import Credentials, Profile
from cambus.simulators.dvrip import DvripSimulator

# large settings


@pytest.mark.parametrize("fragment_bytes", [0, 4096])
async def test_a_root_of_64_channels_is_read_whole_in_parts(closing, dial, fragment_bytes):
    made = DvripSimulator(user="admin", password="admin", channels=64, seed=1)
    recorder = await closing.enter_async_context(made)
    client = await dial(recorder)
    recorder.quirks.fragment_bytes = fragment_bytes
    before = client.control.bytes_received
    detect = await client.config.get("Detect")
    assert client.control.bytes_received - before > 200_000
    assert detect == recorder.device.config.get("Detect")
    assert len(detect["MotionDetect"]) == 64
    assert client.timeouts.config_root == 30.0
    assert client.is_online


# the machine


async def test_switching_off_is_for_good(recorder, dial):
    client = await dial(recorder)
    await client.machine.shutdown(confirm=True)
    await client.wait_closed()
    assert recorder.state()["down"]
    assert "ShutDown" in [entry.type for entry in recorder.device.log.tail(9)]


@pytest.mark.parametrize("confirmed_before_it_goes", [True, False])
async def test_switching_off_succeeds_with_and_without_an_answer(
    make_recorder, dial, confirmed_before_it_goes
):
    recorder = await make_recorder(reboot_reply=confirmed_before_it_goes)
    client = await dial(recorder)
    await client.machine.shutdown(confirm=True)


async def test_the_log_is_switched_off_and_on_and_emptied(recorder, dial):
    client = await dial(recorder)
    await client.machine.keep_log(on=False, confirm=True)
    await client.machine.clear_log(confirm=True)
    recorder.device.note("EventStart", "MotionDetect,0")
    assert recorder.device.log.tail(9) == []
    await client.machine.keep_log(on=True)
    recorder.device.note("EventStart", "MotionDetect,0")
    assert [entry.type for entry in recorder.device.log.tail(9)] == ["EventStart"]


async def test_defaults_restore_the_groups_that_are_named(recorder, dial):
    client = await dial(recorder)
    await client.config.merge("General.General", {"MachineName": "edited"})
    await client.config.merge("Detect.MotionDetect.[0]", {"Level": 6})
    await client.machine.restore_defaults({"General"}, confirm=True)
    assert (await client.config.get("General.General"))["MachineName"] != "edited"
    assert (await client.config.get("Detect.MotionDetect.[0]"))["Level"] == 6
    await client.machine.restore_defaults({"Factory"}, confirm=True)
    assert (await client.config.get("Detect.MotionDetect.[0]"))["Level"] != 6


@pytest.mark.parametrize(("code", "outcome"), [(100, False), (522, True), (521, None), (523, None)])
async def test_the_codes_of_defaults(make_recorder, dial, code, outcome):
    recorder = await make_recorder(defaults_code=code)
    client = await dial(recorder)
    if outcome is None:
        with pytest.raises(DeviceError) as refused:
            await client.machine.restore_defaults({"Encode"}, confirm=True)
        assert refused.value.code == code
        return
    written = await client.machine.restore_defaults({"Encode"}, confirm=True)
    assert (written.code, written.restart_needed) == (code, outcome)


# accounts

WATCHERS = Group("watchers", ("Monitor_01", "Monitor_02"), "night")
BOB = User("bob", "watchers", ("Monitor_01",), "new")


async def test_accounts_live_through_all_their_operations(recorder, dial):
    client = await dial(recorder)
    users = client.users
    assert "Monitor_02" in await users.authorities()
    await users.add_group(WATCHERS, confirm=True)
    await users.add_user(BOB, "first", confirm=True)
    assert await logs_in(recorder, "bob", "first")
    await users.modify_user("bob", User("bobby", "watchers", ("Monitor_02",), "renamed"), confirm=True)
    assert await logs_in(recorder, "bobby", "first")  # an empty password kept the old one
    await users.change_password("bobby", "first", "second", confirm=True)
    assert await logs_in(recorder, "bobby", "second")
    assert not await logs_in(recorder, "bobby", "first")
    await users.modify_group("watchers", Group("viewers", ("Monitor_02",)), confirm=True)
    (bobby,) = [user for user in await users.users() if user.name == "bobby"]
    assert (bobby.group, bobby.authorities, bobby.memo) == ("viewers", ("Monitor_02",), "renamed")
    await users.delete_user("bobby", confirm=True)
    await users.delete_group("viewers", confirm=True)
    assert "viewers" not in [group.name for group in await users.groups()]
    assert "bobby" not in [user.name for user in await users.users()]


async def logs_in(recorder, user, password):
    client = DvripClient("127.0.0.1", recorder.port, credentials=Credentials(user, password))
    try:
        await client.connect()
    except AuthError:
        return False
    await client.close()
    return True


def _refusals():
    """What a device refuses about accounts, and its code (DVRIP §7.6, §16)."""
    add, group = User("bob", "watchers", ("Monitor_01",)), Group("watchers", ("Monitor_01",))
    return [
        (112, lambda u: u.add_user(User("admin", "admin"), "x", confirm=True)),
        (112, lambda u: u.modify_user("bob", User("admin", "watchers"), confirm=True)),
        (113, lambda u: u.modify_user("nobody", add, confirm=True)),
        (113, lambda u: u.delete_user("nobody", confirm=True)),
        (113, lambda u: u.change_password("nobody", "a", "b", confirm=True)),
        (114, lambda u: u.add_group(group, confirm=True)),
        (114, lambda u: u.modify_group("watchers", Group("admin"), confirm=True)),
        (115, lambda u: u.modify_group("nothing", group, confirm=True)),
        (115, lambda u: u.delete_group("nothing", confirm=True)),
        (115, lambda u: u.add_user(User("eve", "nothing"), "x", confirm=True)),
        (208, lambda u: u.add_group(Group(""), confirm=True)),
        (208, lambda u: u.add_user(User("", "watchers"), "x", confirm=True)),
        (212, lambda u: u.delete_group("watchers", confirm=True)),
        (213, lambda u: u.add_user(User("eve", "watchers", ("ShutDown",)), "x", confirm=True)),
        (213, lambda u: u.add_group(Group("g", ("NoSuchRight",)), confirm=True)),
        (216, lambda u: u.delete_user("admin", confirm=True)),
        (203, lambda u: u.change_password("bob", "wrong", "b", confirm=True)),
    ]


@pytest.mark.parametrize(("code", "attempt"), _refusals())
async def test_what_a_recorder_refuses_about_accounts_has_its_code_and_changes_nothing(
    recorder, dial, code, attempt
):
    client = await dial(recorder)
    await client.users.add_group(WATCHERS, confirm=True)
    await client.users.add_user(BOB, "first", confirm=True)
    before = await client.users.users(), await client.users.groups()
    with pytest.raises((DeviceError, AuthError)) as refused:
        await attempt(client.users)
    assert refused.value.code == code
    assert (await client.users.users(), await client.users.groups()) == before
    assert client.is_online


async def test_an_account_in_use_is_not_deleted(recorder, dial):
    client = await dial(recorder)
    await client.users.add_group(WATCHERS, confirm=True)
    await client.users.add_user(BOB, "first", confirm=True)
    other = DvripClient("127.0.0.1", recorder.port, credentials=Credentials("bob", "first"))
    await other.connect()
    with pytest.raises(DeviceError) as refused:
        await client.users.delete_user("bob", confirm=True)
    assert refused.value.code == 212
    with pytest.raises(DeviceError) as refused:  # and without the right nothing is changed at all
        await other.users.delete_user("bob", confirm=True)
    assert refused.value.code == 107
    await other.close()


@pytest.mark.parametrize(
    "code", [107, 112, 113, 114, 115, 203, 208, 209, 210, 211, 212, 213, 214, 215, 216, 430]
)
async def test_every_code_of_accounts_is_an_error_with_its_number_and_words(
    recorder, dial, code, monkeypatch
):
    monkeypatch.setattr(recorder.device.accounts, "add_group", lambda fields: code)
    client = await dial(recorder)
    with pytest.raises(DvripError) as refused:
        await client.users.add_group(WATCHERS, confirm=True)
    assert refused.value.code == code
    assert str(code) in str(refused.value)
    assert "unlisted" not in str(refused.value)


# imports


def archive_of(recorder, padding):
    """An export of the recorder, and as much again as is asked for, which does not compress."""
    import json
    from random import Random

    config = {"config": recorder.device.config.export(), "titles": []}
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("Config.json", json.dumps(config))
        archive.writestr("picture", Random(1).randbytes(padding))
    return buffer.getvalue()


@pytest.mark.parametrize("padding", [0, 100_000])
@pytest.mark.parametrize("in_parts", [False, True])
async def test_an_import_is_taken_whole_by_end_flag_or_in_parts(recorder, dial, padding, in_parts):
    archive = archive_of(recorder, padding)
    recorder.device.config.set("General.General.MachineName", "changed since")
    client = await dial(recorder, Profile(import_in_parts=in_parts))
    written = await client.transfers.import_config(archive, confirm=True)
    assert (written.code, written.restart_needed) == (100, False)
    assert (await client.config.get("General.General"))["MachineName"] != "changed since"


@pytest.mark.parametrize("padding", [40_000, 100_000])
async def test_parts_are_numbered_and_marked_by_no_end_flag(recorder, dial, monkeypatch, padding):
    headers = []
    receive = recorder.role._receive_packet

    def seen(connection, packet):
        if packet.header.message_id == 1540:
            headers.append(
                (packet.header.total_or_channel, packet.header.current_or_end, len(packet.payload))
            )
        receive(connection, packet)

    monkeypatch.setattr(recorder.role, "_receive_packet", seen)
    client = await dial(recorder, Profile(import_in_parts=True))
    archive = archive_of(recorder, padding)
    await client.transfers.import_config(archive, confirm=True)
    assert [current for _, current, _ in headers] == list(range(len(headers)))
    assert {total for total, _, _ in headers} == {len(headers)}
    assert [size for _, _, size in headers[:-1]] == [16384] * (len(headers) - 1)
    assert sum(size for _, _, size in headers) == len(archive)


@pytest.mark.parametrize("code", [601, 602, 603, 604, 605, 606, 607, 608])
async def test_every_code_of_an_import_is_mapped(make_recorder, dial, code):
    recorder = await make_recorder(import_code=code)
    client = await dial(recorder)
    archive = await client.transfers.export_config()
    if code in (602, 603):
        assert (await client.transfers.import_config(archive, confirm=True)).restart_needed
        return
    with pytest.raises(DeviceError) as refused:
        await client.transfers.import_config(archive, confirm=True)
    assert refused.value.code == code
    assert isinstance(refused.value, Unsupported) == (code in (605, 607))
    assert client.is_online


async def test_an_import_of_nothing_sensible_is_refused_by_the_recorder(recorder, dial):
    client = await dial(recorder)
    with pytest.raises(DeviceError) as refused:
        await client.transfers.import_config(b"no zip at all", confirm=True)
    assert refused.value.code == 601
