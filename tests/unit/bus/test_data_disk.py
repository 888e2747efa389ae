"""Every service tells how much room there is where it keeps what must survive a restart."""

import math
import re
import shutil

from cambus.bus.service import Runtime
from cambus.bus.settings import BusSettings

METRIC = re.compile(rb"^cambus_data_free_bytes\S* (\S+)$", re.MULTILINE)


def free(folder):
    runtime = Runtime(
        "recorder", "", BusSettings(nats_url="nats://127.0.0.1:1", instance="x-0", data_dir=folder)
    )
    return float(METRIC.search(runtime.metrics.render())[1])


def test_the_room_on_its_disk_is_told(tmp_path):
    total = shutil.disk_usage(tmp_path).total
    assert 0 < free(tmp_path) <= total


def test_a_service_that_keeps_nothing_tells_no_number(tmp_path):
    room = free(tmp_path / "missing")
    assert math.isnan(room)
