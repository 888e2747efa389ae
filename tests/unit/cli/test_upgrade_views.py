"""How upgrades are shown, and written down for other programs."""

import csv
import io
from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from rich.console import Console

from cambus.cli.upgrade_views import campaign_picture, plan_picture, report_csv, report_picture
from cambus.schemas.commands.upgrade_manager import CampaignStatus, PlannedDevice, PlanReply, SharedBandwidth
from cambus.schemas.schedule import TimeSpan, WeekSchedule
from cambus.schemas.state.firmware import FirmwareImage
from cambus.schemas.state.rollout import TagLimit, Wave
from cambus.schemas.state.upgrades import CampaignStep, FirmwareRef, UpgradeAttempt, UpgradeCampaign

NOW = datetime(2026, 2, 1, 12, tzinfo=UTC)


def shown(picture: object) -> str:
    console = Console(width=200, file=io.StringIO(), record=True)
    console.print(picture)
    return console.export_text()


def status(*attempts: UpgradeAttempt, **fields: object) -> CampaignStatus:
    campaign = UpgradeCampaign(
        id="c1",
        firmware=FirmwareRef(object="r12.bin", version="V2"),
        devices=[each.device for each in attempts] or ["gate-1"],
        created_at=NOW,
        steps=[CampaignStep(number=1, at=NOW, change="ordered", text="r12.bin to 2 devices in 1 waves")],
        **fields,
    )
    return CampaignStatus(campaign=campaign, counts={"failed": 1}, attempts=list(attempts))


def test_a_plan_tells_of_each_device_and_why_it_is_out() -> None:
    plan = PlanReply(
        firmware=FirmwareRef(object="r12.bin", size_bytes=2048, version="V2"),
        image=FirmwareImage(),
        counts={"ready": 1, "waits": 0, "out": 1},
        waves=[1, 4],
        devices=[
            PlannedDevice(device="gate-1", planned="ready", wave=1, model="NBD80"),
            PlannedDevice(
                device="gate-2", planned="out", reason="wrong-model", text="its model is\x1b[31m X"
            ),
        ],
        problems=["gate-2: its model is X"],
    )
    text = shown(plan_picture(plan))
    for part in (
        "r12.bin",
        "2.0 KiB",
        "version V2",
        "1 ready, 1 out; waves of 1, 4",
        "gate-1",
        "could not be started",
    ):
        assert part in text
    assert "waits" not in text
    assert "\x1b" not in text


def test_a_report_tells_what_happened_and_what_to_do_about_it() -> None:
    unknown = UpgradeAttempt(
        campaign="c1", device="gate-1", state="unknown", text="its version tells nothing"
    )
    text = shown(report_picture(status(unknown, left_out={"wrong-model": 3}, state="paused")))
    for part in ("3 wrong-model", "ordered", "r12.bin to 2 devices", "its version tells nothing"):
        assert part in text
    assert "cambusctl upgrade resolve c1 gate-1 --as failed" in text
    assert "cambusctl upgrade resume c1" in text


def test_a_report_tells_how_it_was_to_go_and_when_to_stop() -> None:
    rules = {
        "canary": Wave(devices=1, soak_s=60, required_percent=100),
        "waves": [Wave(percent=10), Wave(percent=50)],
        "limits": [TagLimit(tag="site:*", concurrency=2)],
        "windows": WeekSchedule(spans=[TimeSpan(days=["sat"], start="01:00", end="05:00")]),
        "window_margin_s": 600,
        "max_failures": 3,
        "max_failure_percent": 10,
        "retries": 2,
        "stable_s": 120,
        "force": True,
    }
    text = shown(report_picture(status(**rules)))
    for part in (
        "1 device, 100 % of which must succeed, watched for 60 s",
        "10 %, then 50 %",
        "2 at a time of site:*",
        "sat 01:00-05:00 UTC; none in the last 600 s",
        "3 failed or 10 % failed, of at least 5",
        "2, after 60 s",
        "online for 120 s afterwards",
        "though the image may be for other devices",
    ):
        assert part in text
    plain = shown(report_picture(status()))
    for word in ("canary", "waves", "limits", "windows", "stops at", "retries", "stable", "forced"):
        assert word not in plain.replace("1 waves", "")


def test_a_report_tells_what_an_operator_decided() -> None:
    decided = UpgradeAttempt(
        campaign="c1", device="gate-1", state="failed", text="by an operator", decision="failed: shows V1"
    )
    assert "failed: shows V1" in shown(report_picture(status(decided)))


@pytest.mark.parametrize("picture", [campaign_picture, report_picture], ids=["watched", "reported"])
def test_the_bandwidth_all_campaigns_share_is_shown_where_there_is_a_limit(
    picture: Callable[[CampaignStatus], object],
) -> None:
    shared = SharedBandwidth(max_bytes_per_s=4 << 20, taken_bytes_per_s=1 << 20, transfers=2)
    text = shown(picture(status().model_copy(update={"shared": shared})))
    assert "at most 4.0 MiB/s, 1.0 MiB/s taken by 2 transfers" in text
    assert "of all campaigns" in text
    assert "of all campaigns" not in shown(picture(status()))


def test_a_report_in_csv_holds_no_formula_a_device_could_have_written() -> None:
    attempts = [
        UpgradeAttempt(campaign="c1", device="gate-1", state="failed", text='=HYPERLINK("x"), and "more"'),
        UpgradeAttempt(
            campaign="c1", device="gate-2", state="succeeded", version_after="-1", finished_at=NOW
        ),
    ]
    first, second = csv.DictReader(io.StringIO(report_csv(status(*attempts))))
    assert (first["device"], first["state"], first["text"]) == (
        "gate-1",
        "failed",
        '\'=HYPERLINK("x"), and "more"',
    )
    assert (second["version_after"], second["finished_at"]) == ("'-1", "2026-02-01T12:00:00Z")
