"""What makes a rule unable to do what it says, though every field of it is well-formed."""

from collections.abc import Iterator
from fnmatch import fnmatchcase

from pydantic import ValidationError

from cambus.alarm_router.webhook import address
from cambus.schemas.alarms import AlarmType
from cambus.schemas.catalog import DEVICE_COMMANDS, SERVICE_COMMANDS
from cambus.schemas.state.alarm_actions import CallAction
from cambus.schemas.state.alarm_rule import AlarmRule
from cambus.schemas.state.alarm_sinks import AlarmSink, BusSink, EmailSink, HttpSink, MqttSink, WebhookSink
from cambus.schemas.subjects import PREFIX
from cambus.schemas.template import SECRET, places

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
    return [
        *_match_problems(rule),
        *_sinks_problems(rule.sinks, "sinks"),
        *_action_problems(rule),
        *_escalation_problems(rule),
    ]


def sinks_of(rule: AlarmRule) -> Iterator[tuple[str, AlarmSink]]:
    """Every sink of a rule, with the field it stands in."""
    for index, sink in enumerate(rule.sinks):
        yield f"sinks[{index}]", sink
    for step, later in enumerate(rule.escalation):
        for index, sink in enumerate(later.sinks):
            yield f"escalation[{step}].sinks[{index}]", sink


def _match_problems(rule: AlarmRule) -> Iterator[str]:
    for index, pattern in enumerate(rule.match.types):
        if not any(fnmatchcase(known.value, pattern) for known in AlarmType):
            yield f"match.types[{index}]: no alarm type fits {pattern!r}"
    schedule = rule.match.schedule
    if schedule is not None and not schedule.spans:
        yield "match.schedule.spans: without a span the rule never applies; disable it instead"
    if not (rule.sinks or rule.actions or rule.escalation or rule.stop):
        yield "sinks: it does nothing; give it sinks, actions or an escalation, or `stop` to ignore alarms"


def _escalation_problems(rule: AlarmRule) -> Iterator[str]:
    times = [step.after_s for step in rule.escalation]
    for index, step in enumerate(rule.escalation):
        if index and step.after_s < times[index - 1]:
            yield f"escalation[{index}].after_s: is before the step before it"
        yield from _sinks_problems(step.sinks, f"escalation[{index}].sinks")
    if rule.escalation and "raised" not in rule.match.phases:
        yield "escalation: begins with the beginning of an alarm, which match.phases leaves out"


def _action_problems(rule: AlarmRule) -> Iterator[str]:
    if rule.actions and "raised" not in rule.match.phases:
        yield "actions: are for the beginning of an alarm, which match.phases leaves out"
    for index, action in enumerate(rule.actions):
        if isinstance(action, CallAction):
            yield from (f"actions[{index}].{problem}" for problem in _call_problems(action))


def _call_problems(action: CallAction) -> Iterator[str]:
    spec = DEVICE_COMMANDS.get(action.command) or SERVICE_COMMANDS.get(action.command)
    if spec is None:
        yield f"command: there is no command {action.command}"
        return
    if spec.broadcast:
        yield f"command: {action.command} goes to every replica; it cannot be an action"
    unknown = [name for name in action.args if name not in spec.request.model_fields]
    if unknown:
        yield f"args: {action.command} has no field {', '.join(unknown)}"
    try:
        spec.request.model_validate(action.args)
    except ValidationError as error:
        templated = {name for name, value in action.args.items() if "{" in str(value)}
        for problem in error.errors(include_url=False, include_context=False, include_input=False):
            if not problem["loc"] or problem["loc"][0] not in templated:
                where = ".".join(str(part) for part in problem["loc"])
                yield f"args.{where}: {problem['msg'].removeprefix('Value error, ')}"


def _sinks_problems(sinks: list[AlarmSink], field: str) -> Iterator[str]:
    for index, sink in enumerate(sinks):
        where = f"{field}[{index}]"
        if sink in sinks[:index]:
            yield f"{where}: the same sink stands before"
        yield from (f"{where}.{problem}" for problem in _sink_problems(sink))


def _sink_problems(sink: AlarmSink) -> Iterator[str]:
    match sink:
        case WebhookSink():
            yield from _address_problems(sink.url)
            yield from _header_problems(sink.headers, RESERVED_HEADERS)
        case BusSink():
            first = sink.subject.partition(".")[0]
            if first == OUR_SUBJECTS or first.startswith("_"):
                yield f"subject: subjects below {first!r} are not for alarms; choose another"
        case HttpSink():
            yield from _address_problems(sink.url.partition("{")[0])
            yield from _header_problems(sink.headers, CONNECTION_HEADERS | {"content-type"})
            used = {
                place
                for text in (sink.url, *sink.headers.values(), *sink.fields.values())
                for place in places(text)
            }
            if (SECRET in used) != (sink.secret is not None):
                yield "secret: is named if and only if {secret} stands somewhere"
            if sink.method == "GET" and sink.fields:
                yield "fields: GET has no body; put them into the url"
        case EmailSink():
            if sink.security == "none" and sink.secret is not None:
                yield "security: no password is sent in the clear"
            yield from _no_secret(sink.subject, sink.text or "")
            if not sink.subject.isprintable():
                yield "subject: wanted one line, without control characters"
        case MqttSink():
            if set("#+\0") & set(sink.topic) or sink.topic.startswith("$"):
                yield "topic: wanted one without wildcards"
            yield from _no_secret(sink.topic)


def _no_secret(*texts: str) -> Iterator[str]:
    if any(SECRET in places(text) for text in texts):
        yield "{secret}: is for `http` sinks only"


def _address_problems(text: str) -> Iterator[str]:
    try:
        url = address(text)
        usable = bool(url.host) and url.port is not None and 0 < url.port < 65536
    except ValueError:
        usable = False
    if not usable:
        yield "url: wanted http(s)://host[:port]/path"


def _header_problems(headers: dict[str, str], reserved: frozenset[str]) -> Iterator[str]:
    for name in headers:
        if name.lower() in reserved:
            yield f"headers.{name}: is set by the router"
