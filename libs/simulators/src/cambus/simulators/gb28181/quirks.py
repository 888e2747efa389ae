"""Every switch of a simulated GB/T 28181 device (§18): what its messages, answers and media do wrong.

A message is named by its CmdType (`Catalog`, `Keepalive`), else by its method (`REGISTER`, `BYE`), and a response by
its status and the method it answers (`200 INVITE`).
"""

from dataclasses import dataclass, field
from typing import Literal

from cambus.simulators.switches import Switches, quirk


@dataclass
class Quirks(Switches):
    """Deviations from a device that does everything right; the defaults are none. Mutable while it runs."""

    drop: set[str] = field(default_factory=set, metadata={"doc": "messages by name that are never sent"})
    ignore: set[str] = field(default_factory=set, metadata={"doc": "requests by name that are never heard"})
    duplicate: set[str] = field(default_factory=set, metadata={"doc": "messages by name that are sent twice"})
    reorder: set[str] = field(
        default_factory=set, metadata={"doc": "messages by name that are sent after the next message"}
    )
    corrupt: set[str] = field(
        default_factory=set, metadata={"doc": "messages by name with a few bytes of the body overwritten"}
    )
    delay_s: dict[str, float] = field(
        default_factory=dict, metadata={"doc": "seconds by which messages are late, by name"}
    )
    silent_after_s: float = quirk(0.0, "nothing is sent any more so long after the start; 0: never")

    line_ends: Literal["crlf", "lf"] = quirk("crlf", "ends of header lines")
    content_length: Literal["right", "missing", "short", "long"] = quirk("right", "Content-Length of bodies")
    growing_via: bool = quirk(False, "every request has one Via more than the one before")
    tags: Literal["one", "double", "none"] = quirk("one", "tags in From")
    empty_host: bool = quirk(False, "From, To and Contact have no host: sip:ID@:5060")

    credentials: Literal["right", "foreign_nonce", "replay", "wrong"] = quirk(
        "right", "how a registration is proven: as asked, by a nonce of our own, by an old proof, wrongly"
    )
    keepalive_from: Literal["here", "port", "host"] = quirk(
        "here", "keepalives come from another port, or from another address"
    )

    lose_parts: set[int] = field(
        default_factory=set, metadata={"doc": "parts of catalogs and lists, from 1, that are never sent"}
    )
    sum_num: Literal["right", "too_high", "per_message"] = quirk("right", "SumNum of catalogs and lists")
    shuffle_parts: bool = quirk(False, "parts of catalogs and lists come out of order and one of them twice")
    part_items: int = quirk(0, "items in a message; 0: as the profile has it")
    sn: Literal["echo", "own"] = quirk("echo", "SN of answers")
    charset: Literal["right", "utf8_under_gb", "gb_under_utf8", "bom"] = quirk(
        "right", "bytes of XML against what it declares"
    )
    xml: Literal["right", "ampersand", "nul", "doctype", "bracket"] = quirk(
        "right", "what is wrong with the XML of answers"
    )
    result: Literal["ok", "error"] = quirk("ok", "Result of controls and settings")
    config_misnamed: bool = quirk(False, "blocks of settings have another name than was asked for")
    config_missing: set[str] = field(
        default_factory=set, metadata={"doc": "blocks of settings that are never sent"}
    )

    invite_status: int = quirk(0, "an INVITE gets this status; 0: what `invite` says")
    invite: Literal["accept", "busy", "unacceptable", "no_tcp", "never", "late"] = quirk(
        "accept", "an INVITE gets 200, 486, 488, 488 if over TCP, no final response, or 200 after its CANCEL"
    )
    y: Literal["echo", "absent", "long", "other", "too_large"] = quirk("echo", "y= of answers")
    ssrc: Literal["agreed", "other"] = quirk("agreed", "SSRC of packets")
    answer: Literal[
        "full",
        "port_0",
        "recvonly",
        "empty",
        "udp_for_tcp",
        "tcp_for_udp",
        "same_setup",
        "both_passive",
        "no_setup",
        "any_host",
        "foreign_host",
        "private_rtpmap",
        "strange_lines",
    ] = quirk("full", "what is odd about the SDP of answers, and what the device does then")
    never_bye: bool = quirk(False, "a session that breaks off or ends is never ended by BYE")
    route_path: str = quirk("", "X-RoutePath of answers to INVITE, as lower platforms of 2022 tell it")
    info: Literal["ok", "empty", "rtsp_error", "sip_error", "never"] = quirk("ok", "answers to INFO")
    scale_limit: float = quirk(0.0, "fastest speed of a playback, which the answer says; 0: none")

    media: Literal["flows", "never", "stops"] = quirk("flows", "media, which may stop in mid-way")
    stop_at_s: float = quirk(1.0, "seconds into a session at which media stops or a device hangs up")
    hang_up: bool = quirk(False, "the device sends BYE in mid-way")
    pace: float = quirk(1.0, "speed of media: 1 real time, n times as fast, 0 as fast as possible")
    audio: Literal["profile", "none", "pcma", "pcmu", "aac"] = quirk("profile", "sound of streams")
    audio_beside: Literal["profile", "yes", "no"] = quirk("profile", "sound is raw beside PS, not in it")
    payload: Literal["ps", "ts", "ts_33", "raw", "dhav"] = quirk(
        "ps", "PS, TS in type 96 or 33, H.264 or H.265 without a container, or a private format"
    )
    psm: Literal["right", "none", "bad"] = quirk("right", "the map of PS")
    pts: Literal["right", "none", "constant", "jumps"] = quirk(
        "right", "times of pictures in PS: missing, always the same, or off by 20 s in every other second"
    )
    pes_zero: bool = quirk(False, "PES of pictures with length 0")
    private_pes: Literal["profile", "yes", "no"] = quirk("profile", "private PES (0xBD) before pictures")
    large_frames: bool = quirk(False, "every key frame is larger than 64 KiB")
    loss_percent: float = quirk(0.0, "per cent of packets that are lost")
    disorder_packets: bool = quirk(False, "every tenth packet comes after the next, every fifteenth twice")
    framing: Literal["length", "interleaved", "private"] = quirk(
        "length",
        "what stands before packets on TCP: their length, `$`, or once a private header and then `$`",
    )
    garbage_every: int = quirk(0, "64 bytes of garbage inside the TCP stream every so many frames; 0: never")
    move_at_s: float = quirk(0.0, "seconds into a session at which packets come from another port; 0: never")
    rtcp: bool = quirk(False, "an RTCP report every second")
    end: Literal["121", "outside", "foreign", "never"] = quirk(
        "121", "end of a recording: told in its dialog, outside of it, by a foreign From, or not"
    )
    stall_at: float = quirk(0.0, "part of a download (0.97) at which it stops for ever; 0: never")

    subscribe: Literal["accept", "refuse", "forget"] = quirk(
        "accept", "a subscription is taken, refused (489), or unknown (481) when refreshed"
    )
    notify_first: bool = quirk(False, "the first NOTIFY leaves before the 200")
    notify_bare: bool = quirk(False, "NOTIFY without Event and Subscription-State")
    broadcast: Literal["accept", "error", "silent", "no_invite"] = quirk(
        "accept", "a broadcast is fetched, refused, not answered, or never fetched"
    )
    broadcast_transport: Literal["udp", "tcp_active", "tcp_passive"] = quirk(
        "udp", "how the sound of a broadcast is fetched"
    )
    broadcast_ps: bool = quirk(False, "the sound of a broadcast is wanted in PS")
    broadcast_y: bool = quirk(True, "the offer for a broadcast has a y=")
    loudspeakers: int = quirk(1, "so many INVITEs fetch one broadcast")
    alarm_copies: int = quirk(1, "how often an alarm is told")
    alarm_type_at_root: bool = quirk(False, "AlarmType stands at the root")
    alarm_needs_guard: bool = quirk(False, "no alarm is told before SetGuard")

    upgrade: Literal["ok", "01", "02", "03", "99", "silent"] = quirk(
        "ok", "an upgrade works, fails for a reason, or its result is never told"
    )
    upgrade_result_first: bool = quirk(False, "the result of an upgrade is told before it registers again")
    reboot_s: float = quirk(0.2, "seconds a reboot takes")
    snapshot_form: Literal["put", "post", "multipart"] = quirk("put", "how pictures are uploaded")
    snapshot_lost: int = quirk(0, "so many pictures of an order are never uploaded")
    format_s: float = quirk(0.2, "seconds the formatting of a card takes")
