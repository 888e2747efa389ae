"""Every switch of the simulated device (DVRIP §18): those of the device role, and those of its answers."""

from dataclasses import dataclass, field
from typing import Literal

from cambus.dvrip.device_quirks import DeviceQuirks
from cambus.simulators.switches import Switches, quirk


@dataclass
class Quirks(DeviceQuirks, Switches):
    """Deviations from `classic`; the defaults are none. See `Switches.update` for setting them by text."""

    audio: bool = quirk(True, "sound in live streams")
    info_frames: bool = quirk(False, "an information frame (vehicle data) every second")
    mid_gop_start: bool = quirk(False, "live streams begin in the middle of a GOP")
    no_i_frame_s: float = quirk(0.0, "live streams leave out key frames for so long")
    service_blocks: bool = quirk(False, "a 127-byte delta frame that is no video every 2 s")
    change_codec_at_s: float = quirk(0.0, "seconds after which a live stream changes its codec; 0: never")
    corrupt_length_at: int = quirk(0, "the so-manieth live frame announces 1,000 bytes too many; 0: none")
    garbage_at: int = quirk(0, "64 bytes of garbage before the so-manieth live frame; 0: none")
    offline_channels: set[int] = field(
        default_factory=set, metadata={"doc": "0-based channels that answer 121"}
    )

    recordings: int = quirk(0, "recordings per channel and stream; 0: as the archive was made")
    search_page: int = quirk(64, "recordings per answer")
    search_ceiling: int = quirk(0, "recordings after which a chain of searches ends early (511); 0: never")
    search_codes: Literal["100", "110_111"] = quirk("100", "codes of a search: 100, or 111 and finally 110")
    search_empty_code: int = quirk(119, "code when nothing is found: 119 or 109")
    search_repeats: bool = quirk(False, "every search answers its first page again")
    equal_begin: bool = quirk(False, "three recordings share each begin time")
    list_keys: Literal["wire", "seed"] = quirk(
        "wire", "seed: FileList and LogList instead of the operation's name"
    )
    by_time: Literal["json", "binary", "empty"] = quirk("json", "shape of a search by time")
    by_time_first_channel: bool = quirk(False, "playing by time always plays channel 0")

    config_607: set[str] = field(
        default_factory=set, metadata={"doc": "configurations answered 607 alone but present in their root"}
    )
    config_silent: set[str] = field(
        default_factory=set, metadata={"doc": "configurations that are never answered"}
    )
    config_set_code: int = quirk(100, "code of a configuration set: 100, 150, 602, 603 or a failure")
    config_merge: bool = quirk(True, "sparse objects are merged; off: they replace")
    defaults_code: int = quirk(100, "answer to restoring defaults: 100, 522 (restart needed), 521 or 523")
    absent_abilities: set[str] = field(default_factory=set, metadata={"doc": "abilities answered 607"})

    ptz_code: int = quirk(100, "answer to PTZ commands; 118: no protocol set, and nothing moves")
    ptz_ignored: bool = quirk(False, "PTZ commands are answered 100 and do nothing")

    snapshot: Literal["one", "many", "frame", "json_error", "silence"] = quirk(
        "one", "pictures come in one packet, in several, as an FE frame, as an error, or not"
    )
    export: Literal["packet", "end_flag", "fragments", "json_error"] = quirk(
        "packet", "how configuration and log exports come"
    )
    import_code: int = quirk(100, "answer to a configuration import that could be read")

    alarms_without_guard: bool = quirk(False, "alarms are pushed to sessions that did not ask")
    alarm_no_stop: bool = quirk(False, "alarms never stop")
    alarm_misspelled: bool = quirk(False, "alarm names with the misspellings of real devices")
    centre_style: Literal["oneshot", "persistent", "split", "joined"] = quirk(
        "oneshot",
        "alarm centre: a connection per message, one for all, one byte at a time, pairs in one write",
    )
    centre_shape: Literal["flat", "named"] = quirk("flat", "body of alarm centre messages")

    upgrade_start_code: int = quirk(100, "answer to the start of an upgrade: 100, 511, 107")
    upgrade_bad_packet: int = quirk(0, "the so-manieth data packet is answered 513; 0: none")
    upgrade_silent_packet: int = quirk(0, "the so-manieth data packet is not answered; 0: none")
    upgrade_reboot_packet: int = quirk(0, "reboot at the so-manieth data packet; 0: no")
    upgrade_close_after_end: bool = quirk(False, "the connection closes right after the end packet")
    upgrade_stall_at: int = quirk(-1, "per cent at which progress stops for ever; -1: never")
    upgrade_reboot_at: int = quirk(-1, "per cent at which the device reboots without a result; -1: never")
    upgrade_result: int = quirk(515, "final code: 515, 514, 512 or 513")
    upgrade_result_1527: bool = quirk(False, "a message 1527 with the result too")
    upgrade_version: Literal["new", "old"] = quirk("new", "version after a successful upgrade")
    never_returns: bool = quirk(False, "a reboot does not end")
    reboot_s: float = quirk(0.5, "seconds a reboot takes")
    reboot_reply: bool = quirk(True, "a reboot is answered before the connections go")

    das_login_id: Literal["1000", "999", "1008"] = quirk("1000", "registration: id of the login")
    das_secret: Literal["md5", "none_plain", "none_hash"] = quirk(
        "md5", "registration: EncryptType and secret"
    )
    das_id_form: Literal["number", "string", "devicid"] = quirk("string", "registration: shape of DeviceID")
    das_claim: Literal["normal", "early", "late", "wrong_sid", "wrong_channel", "never"] = quirk(
        "normal",
        "registration: the claim on the second connection; early: before the request for it is answered",
    )
    das_keepalive: bool = quirk(True, "registration: keepalives of our own")
