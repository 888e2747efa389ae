"""Times that can not be: none, and counted, wherever a device gives one."""

from datetime import datetime

import pytest

from cambus.dvrip.errors import MalformedPayload
from cambus.dvrip.messages.search import FileQuery

NEVER = "2021-02-30 10:00:00"
DAY = datetime.fromisoformat("2021-02-28 00:00:00")


async def time_of(client):
    with pytest.raises(MalformedPayload):
        await client.machine.time()


async def file_of(client):
    (record,) = await client.files.find(FileQuery(0, DAY, DAY))
    assert (record.begin, record.end) == (None, None)


async def entry_of(client):
    (entry,) = await client.files.log(DAY, DAY, limit=1)
    assert entry.time is None


async def info_of(client):
    assert (await client.system.info()).build_time is None


async def disk_of(client):
    ((partition,),) = [disk.partitions for disk in await client.system.storage()]
    assert (partition.oldest, partition.newest) == (None, DAY)


ASKED = {
    "time": (1452, {"OPTimeQuery": NEVER}, time_of, 1),
    "files": (
        1440,
        {"OPFileQuery": [{"FileName": "/a", "BeginTime": NEVER, "EndTime": "tomorrow"}]},
        file_of,
        2,
    ),
    "log": (1442, {"OPLogQuery": [{"Position": 1, "Time": NEVER}]}, entry_of, 1),
    "info": (1020, {"SystemInfo": {"BuildTime": NEVER}}, info_of, 1),
    "disks": (
        1020,
        {
            "StorageInfo": [
                {
                    "Partition": [
                        {
                            "OldStartTime": NEVER,
                            "NewStartTime": "0000-00-00 00:00:00",
                            "NewEndTime": "2021-02-28 00:00:00",
                        }
                    ]
                }
            ]
        },
        disk_of,
        1,
    ),
}


@pytest.mark.parametrize("what", ASKED)
async def test_an_impossible_time_is_none_and_counted(scripted, client, what):
    message_id, body, ask, count = ASKED[what]
    scripted.on[message_id] = lambda message: message.reply(body)
    await ask(client)
    assert client.counters["impossible_time"] == count


async def test_the_impossible_time_of_an_alarm_is_counted_and_the_alarm_heard(scripted, client, deadline):
    with client.events() as events:
        alarm = {"Channel": 0, "Event": "VideoMotion", "StartTime": NEVER, "Status": "Start"}
        scripted.peers[0].send(1504, {"Name": "AlarmInfo", "AlarmInfo": alarm})
        async with deadline():
            report = (await anext(events)).report
    assert (report.event, report.time) == ("motion", None)
    assert client.counters["impossible_time"] == 1
