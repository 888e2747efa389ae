"""Pictures of the object store that are too old or too many."""

from datetime import UTC, datetime, timedelta

from cambus.bus.assets import ensure_assets
from cambus.bus.connection import Bus
from cambus.bus.metrics import Metrics
from cambus.client.objects import ObjectStore
from cambus.recorder.observe import RecorderMetrics
from cambus.recorder.picture_retention import PictureRetention
from cambus.recorder.policies import PolicyBook
from cambus.schemas.assets import OBJECTS_PICTURES, PICTURE_CAUSE
from cambus.schemas.matching import DeviceMatch
from cambus.schemas.state.devices import DeviceRecord
from cambus.schemas.state.recording_policy import PicturePlan, RecordingPolicy, Retention


async def test_pictures_of_policies_go_and_those_of_people_stay(bus: Bus, device: str) -> None:
    await ensure_assets(bus)
    store = ObjectStore(bus, OBJECTS_PICTURES)
    book = PolicyBook(bus, lambda: None)
    book.devices[device] = DeviceRecord(id=device, protocol="dvrip", address="127.0.0.1")
    plan = PicturePlan(every_s=10, retention=Retention(max_age_s=60, max_bytes=250))
    match = DeviceMatch(devices=[device], channels=[0])
    book.policies["p"] = RecordingPolicy(id="p", mode="pictures", pictures=plan, match=match)
    for number in range(5):
        cause = "command" if number == 0 else "schedule"
        await store.put(f"{device}/0/{number}.jpg", bytes(100), headers={PICTURE_CAUSE: cause})
    metrics = Metrics()
    retention = PictureRetention(bus, book, lambda _: True, RecorderMetrics(metrics))

    async def names() -> list[str]:
        return [each.name for each in await store.list() if each.name.startswith(f"{device}/")]

    await retention.apply(datetime.now(UTC))
    assert await names() == [f"{device}/0/{number}.jpg" for number in (0, 3, 4)]
    await retention.apply(datetime.now(UTC) + timedelta(minutes=2))
    assert await names() == [f"{device}/0/0.jpg"]
    told = metrics.render().decode()
    assert 'cambus_recorder_pictures_deleted_total{reason="size"} 2.0' in told
    assert 'cambus_recorder_pictures_deleted_total{reason="age"} 2.0' in told
