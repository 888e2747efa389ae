"""What people type to say which devices are to run which image."""

import pytest

from cambus.cli.failures import UsageError
from cambus.cli.upgrade_order import order
from cambus.schemas.commands.upgrade_manager import CampaignOrder


def typed(*devices: str, **options: object) -> CampaignOrder:
    return order(list(devices), **{"firmware": "r12.bin", **options})


def test_names_alone_are_devices_in_their_order() -> None:
    made = typed("gate-2", "gate-1", version="V2")
    assert (made.devices, made.selection) == (["gate-2", "gate-1"], None)
    assert (made.firmware.object, made.firmware.version) == ("r12.bin", "V2")


@pytest.mark.parametrize(
    ("devices", "options", "match", "conditions"),
    [
        (["gate-*"], {}, {"devices": ["gate-*"]}, {}),
        (["gate-1"], {"tag": ["site:north"]}, {"devices": ["gate-1"], "tags": ["site:north"]}, {}),
        ([], {"protocol": ["dvrip"]}, {"devices": ["*"], "protocols": ["dvrip"]}, {}),
        (
            [],
            {"model": ["NBD*"], "running": ["V1*"]},
            {"devices": ["*"]},
            {"models": ["NBD*"], "versions": ["V1*"]},
        ),
        ([], {"all_devices": True, "without": ["gate-7"]}, {"devices": ["*"]}, {"without": ["gate-7"]}),
    ],
    ids=["pattern", "tag", "protocol", "model-and-version", "all-but"],
)
def test_a_pattern_or_a_condition_makes_a_selection(
    devices: list[str], options: dict[str, object], match: dict[str, object], conditions: dict[str, object]
) -> None:
    made = typed(*devices, **options)
    assert made.devices == []
    assert made.selection is not None
    assert made.selection.match.model_dump(exclude_unset=True) == match
    assert made.selection.model_dump(exclude_unset=True, exclude={"match"}) == conditions


def test_how_it_goes_is_read_as_people_write_it() -> None:
    made = typed(
        "gate-1",
        canary="2",
        soak="1h",
        wave=["10%", "50"],
        limit=["site:*=2", "a=b=3"],
        bandwidth="4M",
        stable="2m",
        retries=2,
        max_failure_percent=7.5,
        force=True,
    )
    assert made.canary is not None
    assert (made.canary.devices, made.canary.soak_s, made.canary.required_percent) == (2, 3600, 100.0)
    assert [(wave.devices, wave.percent) for wave in made.waves] == [(None, 10.0), (50, None)]
    assert [(limit.tag, limit.concurrency) for limit in made.limits] == [("site:*", 2), ("a=b", 3)]
    assert (made.max_bytes_per_s, made.stable_s, made.retries) == (4 << 20, 120, 2)
    assert (made.max_failure_percent, made.force, made.concurrency) == (7.5, True, 1)


@pytest.mark.parametrize(
    ("text", "days", "start", "end"),
    [
        ("sat,sun 01:00-05:00", ["sat", "sun"], "01:00", "05:00"),
        ("Mon-Fri 22:00-04:00", ["mon", "tue", "wed", "thu", "fri"], "22:00", "04:00"),
        ("sat-mon 00:00-24:00", ["sat", "sun", "mon"], "00:00", "24:00"),
        ("02:00-03:30", ["mon", "tue", "wed", "thu", "fri", "sat", "sun"], "02:00", "03:30"),
    ],
)
def test_windows_are_days_and_hours(text: str, days: list[str], start: str, end: str) -> None:
    made = typed("gate-1", window=[text], time_zone="Europe/Berlin", window_margin="30m")
    assert made.windows is not None
    (span,) = made.windows.spans
    assert (made.windows.time_zone, made.window_margin_s) == ("Europe/Berlin", 1800)
    assert (span.days, span.start, span.end) == (days, start, end)


def test_a_file_says_it_all_and_options_go_before_it(tmp_path) -> None:
    path = tmp_path / "rollout.yaml"
    path.write_text(
        "firmware: {object: r11.bin}\nconcurrency: 3\nselection: {match: {tags: [outdoor]}}\n"
        "windows: {spans: [{days: [sat], start: '01:00', end: '05:00'}]}\n"
    )
    made = order([], file=path)
    assert (made.firmware.object, made.concurrency) == ("r11.bin", 3)
    assert made.selection is not None
    assert made.selection.match.tags == ["outdoor"]
    over = order(["gate-1", "gate-*"], file=path, firmware="r12.bin", concurrency=5)
    assert (over.firmware.object, over.concurrency) == ("r12.bin", 5)
    assert over.windows == made.windows


@pytest.mark.parametrize(
    "text", ["[]", "", "[{firmware: {object: a}}, {firmware: {object: b}}]", "{concurency: 3}"]
)
def test_a_file_is_one_order(tmp_path, text: str) -> None:
    path = tmp_path / "rollout.yaml"
    path.write_text(text)
    with pytest.raises(UsageError, match=r"rollout\.yaml"):
        order(["gate-1"], file=path)


@pytest.mark.parametrize(
    ("devices", "options"),
    [
        ([], {}),
        (["gate-1"], {"firmware": None}),
        (["gate-1"], {"canary": "few"}),
        (["gate-1"], {"canary": "2.5"}),
        (["gate-1"], {"soak": "1h"}),
        (["gate-1"], {"limit": ["site"]}),
        (["gate-1"], {"limit": ["site=x"]}),
        (["gate-1"], {"bandwidth": "1"}),
        (["gate-1"], {"window": ["someday 01:00-02:00"]}),
        (["gate-1"], {"window": ["sat 1-2"]}),
        (["gate-1"], {"window": ["sat 25:00-26:00"]}),
        (["gate-1"], {"window": ["sat 01:00-02:00"], "time_zone": "Mars/Olympus"}),
        (["gate-1"], {"time_zone": "UTC"}),
        (["gate-1"], {"window_margin": "1h"}),
        (["../x"], {}),
    ],
)
def test_what_makes_no_order_is_refused(devices: list[str], options: dict[str, object]) -> None:
    with pytest.raises(UsageError):
        typed(*devices, **options)
