"""Which campaigns are forgotten."""

from datetime import UTC, datetime

import pytest

from cambus.schemas.state.upgrades import FirmwareRef, UpgradeCampaign
from cambus.upgrade_manager import retention
from cambus.upgrade_manager.retention import outdated

NOW = datetime(2026, 2, 1, 12, tzinfo=UTC)


def campaign(number: int, *, over: bool = True, devices: int = 1) -> UpgradeCampaign:
    return UpgradeCampaign(
        id=f"c{number}",
        firmware=FirmwareRef(object="image.bin"),
        devices=[f"d{each}" for each in range(devices)],
        created_at=NOW,
        finished_at=NOW if over else None,
    )


def forgotten(*campaigns: UpgradeCampaign, crowded: bool = False) -> list[str]:
    return [each.id for each in outdated(campaigns, crowded=crowded)]


@pytest.fixture(autouse=True)
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "KEPT_CAMPAIGNS", 3)
    monkeypatch.setattr(retention, "KEPT_DEVICES", 10)


def test_the_latest_are_kept() -> None:
    assert forgotten(*(campaign(number) for number in range(5))) == ["c3", "c4"]


def test_large_ones_leave_room_for_fewer() -> None:
    assert forgotten(campaign(0, devices=6), campaign(1, devices=6), campaign(2)) == ["c1", "c2"]


def test_the_latest_is_kept_however_large_it_is() -> None:
    assert forgotten(campaign(0, devices=11), campaign(1)) == ["c1"]


@pytest.mark.parametrize("crowded", [False, True])
def test_one_that_is_not_over_is_never_forgotten(*, crowded: bool) -> None:
    running = [campaign(number, over=False, devices=11) for number in range(5)]
    assert forgotten(*running, crowded=crowded) == []
    assert forgotten(*running, campaign(5), crowded=crowded) == []


def test_from_a_crowded_bucket_the_oldest_goes_first() -> None:
    assert forgotten(*(campaign(number) for number in range(3)), crowded=True) == ["c2"]
    assert forgotten(campaign(0), campaign(1), campaign(2, over=False), crowded=True) == ["c1"]
    assert forgotten(campaign(0), crowded=True) == []
