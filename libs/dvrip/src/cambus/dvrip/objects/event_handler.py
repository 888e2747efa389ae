"""What a device does when something happens: the part all detections and alarms share (DVRIP §8)."""

from dataclasses import dataclass

from cambus.dvrip.objects.fields import Link, PtzLink
from cambus.dvrip.objects.model import ConfigObject, bits, flag, items, number, text, week
from cambus.dvrip.values import Mask, TimeSection


@dataclass(frozen=True, slots=True, kw_only=True)
class EventHandler(ConfigObject):
    """What follows an event.

    Attributes:
        latch_s: the event holds at least this long.
        schedule: when it counts; absent: always.
        record, record_channels, record_latch_s: recording, on which channels, and how long after the end.
        outputs_enable, outputs, output_latch_s: alarm outputs.
        ptz, ptz_links: a camera goes somewhere; one link per channel.
        tour, tour_channels: channels shown in turn.
        snapshot, snapshot_channels: pictures.
        tip: a note on the device's screen.
        mail: an e-mail.
        to_centre: it is sent to the alarm centre (1508).
        to_sessions: it is pushed to sessions that are guarded (1504).
        beep, voice, voice_type, voice_interval_s: sounds.
        matrix, matrix_channels: the video matrix.
        log: an entry in the log.
        ftp: pictures and recordings by FTP.
        show_info, show_info_channels: a note in the picture.
        short_message, multimedia_message: to telephones.
        info: free text.
        dejitter_s: how long it must last to count.
    """

    latch_s: int | None = number("EventLatch", 0)
    schedule: tuple[tuple[TimeSection, ...], ...] | None = week("TimeSection")
    record: bool | None = flag("RecordEnable")
    record_channels: Mask | None = bits("RecordMask")
    record_latch_s: int | None = number("RecordLatch", 10, 300)
    outputs_enable: bool | None = flag("AlarmOutEnable")
    outputs: Mask | None = bits("AlarmOutMask")
    output_latch_s: int | None = number("AlarmOutLatch", 10, 300)
    ptz: bool | None = flag("PtzEnable")
    ptz_links: tuple[PtzLink, ...] | None = items("PtzLink", Link())
    tour: bool | None = flag("TourEnable")
    tour_channels: Mask | None = bits("TourMask")
    snapshot: bool | None = flag("SnapEnable")
    snapshot_channels: Mask | None = bits("SnapShotMask")
    tip: bool | None = flag("TipEnable")
    mail: bool | None = flag("MailEnable")
    to_centre: bool | None = flag("MessageEnable")
    to_sessions: bool | None = flag("MsgtoNetEnable")
    beep: bool | None = flag("BeepEnable")
    voice: bool | None = flag("VoiceEnable")
    voice_type: int | None = number("VoiceType")
    voice_interval_s: int | None = number("VoiceTipInterval", 0)
    matrix: bool | None = flag("MatrixEnable")
    matrix_channels: Mask | None = bits("MatrixMask")
    log: bool | None = flag("LogEnable")
    ftp: bool | None = flag("FTPEnable", "FtpEnable")
    show_info: bool | None = flag("ShowInfo")
    show_info_channels: Mask | None = bits("ShowInfoMask")
    short_message: bool | None = flag("ShortMsgEnable")
    multimedia_message: bool | None = flag("MultimediaMsgEnable")
    info: str | None = text("AlarmInfo")
    dejitter_s: int | None = number("Dejitter", 0)
