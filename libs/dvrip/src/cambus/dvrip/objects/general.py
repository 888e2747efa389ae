"""The device as a whole (DVRIP §8): `General.*`, `System.TimeZone`."""

from dataclasses import dataclass

from cambus.dvrip.objects.model import ConfigObject, choice, flag, inner, number, text


@dataclass(frozen=True, slots=True, kw_only=True)
class General(ConfigObject):
    """`General.General`; what happens when the disk is full is in ``overwrite``."""

    local_number: int | None = number("LocalNo", 0, 998)
    machine_name: str | None = text("MachineName")
    auto_logout_minutes: int | None = number("AutoLogout", 0)
    overwrite: str | None = choice("OverWrite", "OverWrite", "StopRecord")
    video_output: str | None = choice("VideoOutPut", "TV", "VGA", "AUTO")
    screen_off: int | None = number("ScreenAutoShutdown", 0)
    screen_saver: int | None = number("ScreenSaveTime", 0)
    snapshot_interval: int | None = number("SnapInterval", 0)
    font_size: int | None = number("FontSize", 0)
    iran_calendar: bool | None = flag("IranCalendarEnable")


@dataclass(frozen=True, slots=True, kw_only=True)
class DaylightChange(ConfigObject):
    """When daylight saving begins or ends: by weekday of a week (1-4, -1 the last) or, with week 0, by date."""

    year: int | None = number("Year", 2000, 2038)
    month: int | None = number("Month", 1, 12)
    week: int | None = number("Week", -1, 4)
    day: int | None = number("Day", 0, 31)
    hour: int | None = number("Hour", 0, 23)
    minute: int | None = number("Minute", 0, 59)


@dataclass(frozen=True, slots=True, kw_only=True)
class Location(ConfigObject):
    """`General.Location`; bits of ``work_days`` are weekdays, Sunday first."""

    date_format: str | None = choice("DateFormat", "YYMMDD", "MMDDYY", "DDMMYY")
    date_separator: str | None = choice("DateSeparator", ".", "-", "/")
    time_format: str | None = choice("TimeFormat", "12", "24")
    language: str | None = text("Language")
    video_format: str | None = choice("VideoFormat", "PAL", "NTSC", "SCEAM", "SECAM")  # the first is sic
    daylight_saving: str | None = choice("DSTRule", "Off", "On")
    daylight_begins: DaylightChange | None = inner("DSTStart", DaylightChange)
    daylight_ends: DaylightChange | None = inner("DSTEnd", DaylightChange)
    work_days: int | None = number("WorkDay", 0, 127)


@dataclass(frozen=True, slots=True, kw_only=True)
class AutoMaintain(ConfigObject):
    """`General.AutoMaintain`: restarts by itself (Never, EveryDay, Sunday …) and deletes old files."""

    reboot_day: str | None = text("AutoRebootDay")
    reboot_hour: int | None = number("AutoRebootHour", 0, 23)
    delete_after_days: int | None = number("AutoDeleteFilesDays", 0, 365)


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeZone(ConfigObject):
    """`System.TimeZone`: minutes to add to local time for UTC, -480 is UTC+8."""

    minutes_to_utc: int | None = number("timeMin", -14 * 60, 14 * 60)
    first_user_zone: int | None = number("FirstUserTimeZone")
