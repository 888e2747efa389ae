"""The clock, reboots, defaults, disks, users and abilities of a device."""

import pytest

from cambus.dvrip.errors import DeviceError, MalformedPayload, Refused
from cambus.dvrip.messages.users import Group, User
from cambus.dvrip.operations.machine import PartitionType
from cambus.dvrip.values import parse_time


async def test_the_clock_is_read_and_set(scripted, client):
    scripted.on[1452] = lambda message: message.reply({"OPTimeQuery": "2026-02-01 12:17:22"})
    assert await client.machine.time() == parse_time("2026-02-01 12:17:22")
    await client.machine.set_time(parse_time("2026-02-01 12:00:00"))
    assert (await scripted.hears(1450)).body["OPTimeSetting"] == "2026-02-01 12:00:00"
    scripted.on[1452] = lambda message: message.reply({"OPTimeQuery": "2026-02-31 12:17:22"})
    with pytest.raises(MalformedPayload):
        await client.machine.time()


@pytest.mark.parametrize("moment", ["before", "after"])
async def test_a_reboot_may_cut_the_connection(scripted, client, moment, deadline):
    def reboot(message):
        assert message.body["OPMachine"] == {"Action": "Reboot"}
        if moment == "after":
            message.reply()
            message.peer.close()
        else:
            message.peer.abort()

    scripted.on[1450] = reboot
    async with deadline():
        await client.machine.reboot()
        await client.wait_closed()


async def test_a_refused_reboot_is_an_error(scripted, client):
    scripted.on[1450] = lambda message: message.reply({"Ret": 107})
    with pytest.raises(DeviceError) as caught:
        await client.machine.reboot()
    assert caught.value.code == 107


async def test_destructive_operations_send_nothing_unless_confirmed(scripted, client):
    user, group = User("u", "g"), Group("g")
    calls = [
        client.machine.shutdown(),
        client.machine.clear_log(),
        client.machine.restore_defaults({"Encode"}),
        client.machine.clear_partition(0, 0),
        client.machine.partition(0, 1000, 10),
        client.transfers.import_config(b"PK\x03\x04"),
        client.upgrades.run(b"firmware"),
        client.users.add_user(user, "x"),
        client.users.modify_user("u", user),
        client.users.delete_user("u"),
        client.users.add_group(group),
        client.users.modify_group("g", group),
        client.users.delete_group("g"),
        client.users.change_password("u", "a", "b"),
    ]
    for call in calls:
        with pytest.raises(Refused) as caught:
            await call
        assert caught.value.reason == "confirm_required"
    assert scripted.ids() == [1000]


async def test_defaults_send_every_key_and_522_is_success(scripted, client):
    scripted.on[1450] = lambda message: message.reply({"Ret": 522})
    written = await client.machine.restore_defaults({"Encode"}, confirm=True)
    assert written.restart_needed
    sent = (await scripted.hears(1450)).body["OPDefaultConfig"]
    assert len(sent) == 9
    assert [key for key, value in sent.items() if value] == ["Encode"]


async def test_disk_operations_are_encoded(scripted, client):
    await client.machine.set_partition_type(0, 1, PartitionType.READ_ONLY)
    await client.machine.clear_partition(0, 1, confirm=True)
    await client.machine.partition(0, 1000, 50, confirm=True)
    await client.machine.recover_partition(0, 2)
    bodies = [message.body["OPStorageManager"] for message in scripted.messages(1460)]
    assert bodies == [
        {"Action": "SetType", "SerialNo": 0, "PartNo": 1, "Type": "ReadOnly"},
        {"Action": "Clear", "SerialNo": 0, "PartNo": 1, "Type": "Data"},
        {"Action": "Partition", "SerialNo": 0, "PartitionSize": [{"Record": 1000}, {"SnapShot": 50}]},
        {"Action": "Recover", "SerialNo": 0, "PartNo": 2},
    ]


async def test_users_are_read_and_written_with_what_is_not_named(scripted, client):
    raw = {
        "AuthorityList": ["Monitor_01"],
        "Group": "user",
        "Memo": "m",
        "Name": "u",
        "Password": "6QNMIQGe",
        "Reserved": False,
        "Sharable": True,
        "NoMD5": "x",
    }
    scripted.on[1472] = lambda message: message.reply({"Users": [raw]})
    (user,) = await client.users.users()
    assert (user.name, user.authorities) == ("u", ("Monitor_01",))
    assert "6QNMIQGe" not in repr(user)
    await client.users.modify_user("u", user, confirm=True)
    sent = (await scripted.hears(1484)).body
    assert sent["UserName"] == "u"
    assert sent["User"] == {**raw, "Password": ""}  # empty keeps the one it has
    await client.users.change_password("u", "admin", "default", confirm=True)
    changed = (await scripted.hears(1488)).body
    assert (changed["PassWord"], changed["NewPassWord"]) == ("6QNMIQGe", "dvaOha50")


async def test_groups_and_authorities(scripted, client):
    scripted.on[1470] = lambda message: message.reply({"AuthorityList": ["ShutDown", "Talk_01"]})
    scripted.on[1474] = lambda message: message.reply(
        {"Groups": [{"AuthorityList": ["ShutDown"], "Memo": "", "Name": "admin"}]}
    )
    assert await client.users.authorities() == ["ShutDown", "Talk_01"]
    assert (await client.users.groups())[0].name == "admin"
    await client.users.delete_group("old", confirm=True)
    assert (await scripted.hears(1480)).body["Name"] == "old"


async def test_missing_abilities_are_absent(scripted, client):
    codes = iter([102, 607, 103])
    scripted.on[1360] = lambda message: message.reply({"Ret": next(codes)})
    assert not (await client.system.functions()).has("NetServerFunction", "NetDAS")
    assert (await client.system.encode_capability()).streams == ()
    assert await client.system.talk_formats() == []
