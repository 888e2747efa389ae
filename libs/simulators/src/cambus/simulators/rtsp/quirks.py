"""What a simulated RTSP camera does wrong; by default nothing."""

from dataclasses import dataclass
from typing import Literal

from cambus.simulators.switches import Switches, quirk


@dataclass
class Quirks(Switches):
    """Deviations from a good camera. A change holds from the next request or stream on."""

    login: Literal["md5", "sha256", "both", "basic", "none"] = quirk(
        "md5", "how it wants to be logged in at; both: by SHA-256 or MD5"
    )
    lowercase: bool = quirk(False, "its challenges say digest, and its answers are compared letter by letter")
    stale_every: int = quirk(0, "a nonce is stale after so many requests (401, stale=true); 0: never")
    new_nonce_every: int = quirk(0, "the same, and nothing says that it was stale; 0: never")
    refuse: int = quirk(0, "DESCRIBE is answered so: 404, 453, 503 …; 0: as it should be")
    redirect: str = quirk("", "DESCRIBE is answered 302 with this address")
    options: int = quirk(200, "OPTIONS is answered so; some know it not: 501")
    silent: bool = quirk(False, "nothing is answered")
    no_cseq: bool = quirk(False, "answers have no CSeq")
    sdp: Literal["usual", "bare", "odd", "absolute", "garbage"] = quirk(
        "usual",
        "its description; bare: no parameter sets; odd: line ends of LF, blanks, tracks nobody knows; absolute: "
        "tracks by whole URLs; garbage: none",
    )
    sets_in_stream: bool = quirk(
        True, "parameter sets stand before each keyframe, not in the description only"
    )
    transport: Literal["any", "tcp", "udp"] = quirk("any", "by what it sends; anything else is answered 461")
    channels_from: int = quirk(-1, "interleaved channels are counted from here, whatever was asked for")
    marker: Literal["usual", "never", "each"] = quirk(
        "usual",
        "the last packet of a picture has the marker; never: none has; each: parameter sets have it too",
    )
    lose_every: int = quirk(0, "each so-manieth packet of pictures is left out; 0: none")
    stray_frames: bool = quirk(False, "interleaved frames on a channel nobody has set up")
    timestamps: Literal["usual", "still"] = quirk("usual", "still: all timestamps are alike")
    reports: bool = quirk(True, "sender reports")
    clock_s: float = quirk(0.0, "seconds the clock in its reports is ahead")
    sound: Literal["pcma", "pcmu", "none"] = quirk("pcma", "its sound")
    sound_late_s: float = quirk(
        0.0, "sound is sent so much later than the picture; its reports tell the truth"
    )
    session_s: int = quirk(60, "a session without a sign of life is over after so many seconds")
    signs_of_life: Literal["any", "options", "unanswered"] = quirk(
        "any", "which it knows; unanswered: it takes all and answers none"
    )
    drop_after_s: float = quirk(0.0, "seconds of playing after which it closes the connection; 0: never")
    stall_after_s: float = quirk(0.0, "seconds of playing after which it sends nothing more; 0: never")
