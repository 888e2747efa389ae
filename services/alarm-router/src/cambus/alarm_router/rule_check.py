"""What makes a rule unable to do what it says, though every field of it is well-formed."""

from collections.abc import Iterator
from fnmatch import fnmatchcase

from cambus.alarm_router.webhook import address
from cambus.schemas.alarms import AlarmType
from cambus.schemas.state.alarm_rule import AlarmRule, BusSink, WebhookSink
from cambus.schemas.subjects import PREFIX

OWN_HEADERS = frozenset(
    {"content-type", "user-agent", "webhook-id", "webhook-timestamp", "webhook-signature"}
)
CONNECTION_HEADERS = frozenset(
    {
        "connection",
        "content-length",
        "content-encoding",
        "expect",
        "host",
        "te",
        "transfer-encoding",
        "upgrade",
    }
)
RESERVED_HEADERS = OWN_HEADERS | CONNECTION_HEADERS
OUR_SUBJECTS = PREFIX.partition(".")[0]


def problems(rule: AlarmRule) -> list[str]:
    """What is wrong with a rule, each as `<field>: <what>`; empty for one that can work."""
    return [*_match_problems(rule), *_sink_problems(rule)]


def _match_problems(rule: AlarmRule) -> Iterator[str]:
    for index, pattern in enumerate(rule.match.types):
        if not any(fnmatchcase(known.value, pattern) for known in AlarmType):
            yield f"match.types[{index}]: no alarm type fits {pattern!r}"
    schedule = rule.match.schedule
    if schedule is not None and not schedule.spans:
        yield "match.schedule.spans: without a span the rule never applies; disable it instead"


def _sink_problems(rule: AlarmRule) -> Iterator[str]:
    for index, sink in enumerate(rule.sinks):
        where = f"sinks[{index}]"
        if sink in rule.sinks[:index]:
            yield f"{where}: the same sink stands before"
        match sink:
            case WebhookSink():
                yield from (f"{where}.{problem}" for problem in _webhook_problems(sink))
            case BusSink():
                first = sink.subject.partition(".")[0]
                if first == OUR_SUBJECTS or first.startswith("_"):
                    yield f"{where}.subject: subjects below {first!r} are not for alarms; choose another"


def _webhook_problems(sink: WebhookSink) -> Iterator[str]:
    try:
        url = address(sink.url)
        usable = bool(url.host) and url.port is not None and 0 < url.port < 65536
    except ValueError:
        usable = False
    if not usable:
        yield "url: wanted http(s)://host[:port]/path"
    for name in sink.headers:
        if name.lower() in RESERVED_HEADERS:
            yield f"headers.{name}: is set by the router"
