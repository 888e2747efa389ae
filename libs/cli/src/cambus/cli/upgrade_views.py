"""How upgrades are shown to people, and written down for other programs."""

import csv
import io
from collections.abc import Iterable
from typing import Any, Final

from rich.console import Group as Together
from rich.text import Text

from cambus.cli.formatting import ago, clean, local, plural, size
from cambus.cli.output import plain, table
from cambus.schemas.commands.upgrade_manager import (
    CampaignStatus,
    DeviceUpgrade,
    Planned,
    PlannedDevice,
    PlanReply,
    SharedBandwidth,
)
from cambus.schemas.schedule import WEEKDAYS, TimeSpan
from cambus.schemas.state.rollout import RolloutRules, Wave
from cambus.schemas.state.upgrades import CampaignState, UpgradeAttempt
from cambus.schemas.upgrades import UpgradeState

BAD: Final = frozenset(
    {UpgradeState.FAILED, UpgradeState.UNCHANGED, UpgradeState.NOT_BACK, UpgradeState.UNKNOWN}
)
_STYLES: Final = {
    **dict.fromkeys(BAD, "bold red"),
    UpgradeState.SUCCEEDED: "green",
    UpgradeState.QUEUED: "dim",
    UpgradeState.SKIPPED: "dim",
    UpgradeState.CANCELLED: "dim",
}
_PLANNED: Final = {Planned.READY: "green", Planned.WAITS: "yellow", Planned.DONE: "dim", Planned.OUT: "dim"}
_CAMPAIGNS: Final = {CampaignState.FINISHED: "green", CampaignState.STOPPED: "bold red"}
CSV_FIELDS: Final = (
    "campaign",
    "device",
    "state",
    "reason",
    "text",
    "version_before",
    "version_after",
    "image_sent",
    "tries",
    "device_code",
    "decision",
    "started_at",
    "finished_at",
)
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")


def plan_picture(plan: PlanReply) -> Together:
    """A plan: what would be done, and with which device."""
    image = plan.firmware
    head = Text.assemble((image.object, "bold"), f"  {size(image.size_bytes or 0)}")
    head.append(f"  version {clean(image.version)}" if image.version else "  of a version nobody told")
    counts = Text(plan_counts(plan))
    problems = [Text(f"it could not be started: {clean(text)}", "bold red") for text in plan.problems]
    rows = table(
        ("device", "", "wave", "model", "version", "why"), [_planned_row(each) for each in plan.devices]
    )
    return Together(head, counts, *problems, rows)


def plan_counts(plan: PlanReply) -> str:
    """`2 ready, 1 waits, 3 out; waves of 1, 2`."""
    counts = ", ".join(f"{count} {planned}" for planned, count in plan.counts.items() if count)
    waves = f"; waves of {_sizes(plan.waves)}" if len(plan.waves) > 1 else ""
    return f"{counts or 'no device'}{waves}"


def _sizes(waves: list[int]) -> str:
    first = ", ".join(str(wave) for wave in waves[:8])
    return first + (f" and {len(waves) - 8} more" if len(waves) > 8 else "")


def _planned_row(device: PlannedDevice) -> list[str | Text]:
    return [
        device.device,
        Text(device.planned, _PLANNED[device.planned]),
        "" if device.wave is None else str(device.wave),
        clean(device.model),
        clean(device.version),
        clean(device.text or device.reason),
    ]


def campaign_picture(found: CampaignStatus) -> Together:
    """A campaign as it goes, device by device."""
    notes = [Text(f"bandwidth of all campaigns: {_shared(found.shared)}")] if found.shared else []
    return _devices_picture(found, notes)


def _devices_picture(found: CampaignStatus, notes: list[Text]) -> Together:
    """A campaign, device by device, with what is to be said about it."""
    campaign = found.campaign
    head = Text.assemble(
        (campaign.id, "bold"),
        f"  {campaign.firmware.object}  ",
        (campaign.state, _CAMPAIGNS.get(campaign.state, "yellow")),
        f"  {counts(found)}  begun {ago(campaign.created_at)} ago",
    )
    notes += [Text(clean(campaign.note), "yellow")] if campaign.note else []
    notes += [Text(f"waits for {clean(found.waits_for)}", "yellow")] if found.waits_for else []
    rows = table(("device", "state", "", "from", "to", "why"), [_row(each) for each in found.attempts])
    return Together(head, *notes, rows)


def _row(attempt: UpgradeAttempt) -> list[str | Text]:
    native = f" (device code {attempt.device_code})" if attempt.device_code and attempt.reason else ""
    return [
        attempt.device,
        Text(attempt.state, _STYLES.get(attempt.state, "yellow")),
        "" if attempt.percent is None or attempt.state.final else f"{attempt.percent:.0f} %",
        clean(attempt.version_before),
        clean(attempt.version_after or ""),
        clean(f"{attempt.decision or attempt.text or attempt.reason}{native}"),
    ]


def report_picture(found: CampaignStatus) -> Together:
    """A campaign as it went: what was ordered, what happened, and what became of each device."""
    campaign = found.campaign
    facts = table(("", ""), [(what, clean(said)) for what, said in _facts(found) if said])
    steps = table(
        ("when", "what", ""), [(local(each.at), each.change, clean(each.text)) for each in campaign.steps]
    )
    return Together(facts, Text(), steps, Text(), _devices_picture(found, []), *_advice(found))


def _facts(found: CampaignStatus) -> list[tuple[str, str]]:
    campaign = found.campaign
    left_out = ", ".join(f"{count} {reason}" for reason, count in campaign.left_out.items())
    return [
        ("campaign", campaign.id),
        ("image", campaign.firmware.object),
        ("version", campaign.firmware.version or "any other than before"),
        ("sha256", campaign.firmware.sha256 or ""),
        ("devices", f"{len(campaign.devices)}, at most {campaign.at_a_time} at a time"),
        ("left out", left_out),
        (
            "bandwidth",
            f"at most {size(limit)}/s for all its transfers" if (limit := campaign.max_bytes_per_s) else "",
        ),
        ("of all campaigns", _shared(found.shared) if found.shared else ""),
        *_rules(campaign),
        ("ordered", local(campaign.created_at)),
        ("over", local(campaign.finished_at) if campaign.finished_at else ""),
    ]


def _rules(rules: RolloutRules) -> list[tuple[str, str]]:
    """How it was to go over its devices, and when to stop; nothing where nothing was said."""
    spans = rules.windows.spans if rules.windows else []
    zone = rules.windows.time_zone if rules.windows else ""
    margin = f"; none in the last {rules.window_margin_s} s" if rules.window_margin_s else ""
    stops = [
        f"{rules.max_failures} failed" if rules.max_failures else "",
        f"{rules.max_failure_percent:g} % failed, of at least {rules.failure_sample}"
        if rules.max_failure_percent
        else "",
    ]
    return [
        ("canary", _wave(rules.canary) if rules.canary else ""),
        ("waves", ", then ".join(map(_wave, rules.waves))),
        ("limits", ", ".join(f"{each.concurrency} at a time of {each.tag}" for each in rules.limits)),
        ("windows", ", ".join(map(_span, spans)) + f" {zone}{margin}" if spans else ""),
        ("stops at", " or ".join(each for each in stops if each)),
        ("retries", f"{rules.retries}, after {rules.retry_delay_s} s" if rules.retries else ""),
        ("stable", f"online for {rules.stable_s} s afterwards" if rules.stable_s else ""),
        ("forced", "though the image may be for other devices" if rules.force else ""),
    ]


def _wave(wave: Wave) -> str:
    size = plural(wave.devices, "device") if wave.devices else f"{wave.percent:g} %"
    proof = f", {wave.required_percent:g} % of which must succeed" if wave.required_percent else ""
    return f"{size}{proof}" + (f", watched for {wave.soak_s} s" if wave.soak_s else "")


def _span(span: TimeSpan) -> str:
    days = "" if len(span.days) == len(WEEKDAYS) else f"{','.join(span.days)} "
    return f"{days}{span.start}-{span.end}"


def _shared(shared: SharedBandwidth) -> str:
    taken = f"{size(shared.taken_bytes_per_s)}/s taken by {plural(shared.transfers, 'transfer')}"
    return f"at most {size(shared.max_bytes_per_s)}/s, {taken}"


def _advice(found: CampaignStatus) -> list[Text]:
    """What an operator may want to do next."""
    name = found.campaign.id
    unknown = [each.device for each in found.attempts if each.state is UpgradeState.UNKNOWN]
    advice = []
    if unknown:
        advice.append(
            f"look at {unknown[0]}, then: cambusctl upgrade resolve {name} {unknown[0]} --as failed"
        )
    if found.campaign.state is CampaignState.PAUSED:
        advice.append(f"to go on: cambusctl upgrade resume {name}")
    return [Text(each, "yellow") for each in advice]


def report_csv(found: CampaignStatus) -> str:
    """The devices of a campaign as CSV; text that a spreadsheet would take for a formula is quoted."""
    written = io.StringIO()
    writer = csv.writer(written, lineterminator="\n")
    writer.writerow(CSV_FIELDS)
    for attempt in found.attempts:
        facts: dict[str, Any] = plain(attempt)
        writer.writerow([_harmless(facts[name]) for name in CSV_FIELDS])
    return written.getvalue()


def _harmless(value: Any) -> str:
    text = "" if value is None else str(value)
    text = clean(text)
    return f"'{text}" if text.startswith(_FORMULA) else text


def history_rows(upgrades: Iterable[DeviceUpgrade]) -> list[list[str | Text]]:
    """The upgrades of a device, a row each."""
    return [
        [
            upgrade.attempt.campaign,
            upgrade.firmware.object if upgrade.firmware is not None else "",
            Text(upgrade.attempt.state, _STYLES.get(upgrade.attempt.state, "yellow")),
            clean(upgrade.attempt.version_before),
            clean(upgrade.attempt.version_after or ""),
            local(upgrade.attempt.started_at) if upgrade.attempt.started_at else "",
            clean(upgrade.attempt.decision or upgrade.attempt.text or upgrade.attempt.reason),
        ]
        for upgrade in upgrades
    ]


def campaign_rows(campaigns: Iterable[CampaignStatus]) -> list[list[str | Text]]:
    """Campaigns, a row each."""
    return [
        [
            each.campaign.id,
            Text(each.campaign.state, _CAMPAIGNS.get(each.campaign.state, "yellow")),
            each.campaign.firmware.object,
            local(each.campaign.created_at),
            counts(each),
            clean(each.waits_for or each.campaign.note),
        ]
        for each in campaigns
    ]


def counts(found: CampaignStatus) -> str:
    """`3 succeeded, 1 flashing`."""
    return ", ".join(f"{count} {state}" for state, count in found.counts.items() if count)


def question(plan: PlanReply, members: list[PlannedDevice], total: int) -> str:
    """What an operator agrees to when a campaign is started."""
    names = [each.device for each in members[:5]]
    more = f" and {total - len(names)} more" if total > len(names) else ""
    image = f"{plan.firmware.object} ({size(plan.firmware.size_bytes or 0)})"
    return (
        f"Send {image} to {plural(total, 'device')}: {', '.join(names)}{more}? They restart, and a wrong image "
        "may ruin them."
    )
