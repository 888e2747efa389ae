"""What is counted of links to upper platforms."""

from __future__ import annotations

from typing import Final

from cambus.bus.metrics import Metrics
from cambus.gb28181.manscdp.control import COMMANDS
from cambus.gb28181.signing import OBJECTIONS

OUTCOMES: Final = ("done", "denied", "refused", "failed")
QUESTIONS: Final = (
    "catalog",
    "deviceinfo",
    "devicestatus",
    "recordinfo",
    "presetquery",
    "configdownload",
    "homepositionquery",
    "cruisetracklistquery",
    "cruisetrackquery",
    "ptzposition",
    "sdcardstatus",
)


class CascadeMetrics:
    """The metrics of all links of one process."""

    def __init__(self, metrics: Metrics) -> None:
        self.links = metrics.gauge(
            "cascade_links", "Links to upper platforms held here", {"state": ("registered", "away")}
        )
        self.questions = metrics.counter(
            "cascade_questions_total",
            "Questions of upper platforms",
            {"command": QUESTIONS, "outcome": OUTCOMES},
        )
        self.controls = metrics.counter(
            "cascade_controls_total",
            "Controls by upper platforms",
            {"command": (*COMMANDS, "config"), "outcome": OUTCOMES},
        )
        self.sessions = metrics.counter(
            "cascade_sessions_total",
            "Media sessions of upper platforms",
            {
                "purpose": ("play", "playback", "download", "broadcast"),
                "outcome": ("begun", "refused", "failed"),
            },
        )
        self.refusals = metrics.counter(
            "cascade_refusals_total",
            "Requests at a link refused for who sent them",
            {"reason": ("foreign", *OBJECTIONS.values())},
        )
        self.frames = metrics.counter(
            "cascade_frames_total", "Frames for upper platforms", {"outcome": ("sent", "dropped")}
        )
        self.alarms = metrics.counter(
            "cascade_alarms_total",
            "Alarms for upper platforms",
            {"outcome": ("answered", "unanswered", "notified", "stale", "dropped")},
        )
