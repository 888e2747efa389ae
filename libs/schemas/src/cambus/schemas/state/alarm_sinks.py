"""Where alarms go."""

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from cambus.schemas.ids import Token
from cambus.schemas.model import Message, example
from cambus.schemas.template import Template

HeaderName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}$")]
HeaderValue = Annotated[str, StringConstraints(pattern=r"^[\t -~]{0,1000}$")]
HostName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9.:_-]{1,255}$")]
MailAddress = Annotated[str, StringConstraints(pattern=r"^[^\s@<>(),;:\\\"\[\]]{1,64}@[A-Za-z0-9.-]{1,255}$")]
Port = Annotated[int, Field(ge=1, le=65535)]

_KIND = "Tells the sinks apart."
_TIMEOUT = "Seconds one attempt may take."


class WebhookSink(Message):
    """Post the alarm to a web server as JSON."""

    model_config = example(
        kind="webhook",
        url="https://ops.example.org/hooks/alarms",
        secret="ops-webhook",  # noqa: S106  # the name of a secret
        headers={"X-Site": "north"},
        timeout_s=10.0,
    )

    kind: Literal["webhook"] = Field(default="webhook", description=_KIND)
    url: Annotated[str, StringConstraints(pattern=r"^https?://[^\s#@]{1,2000}$")] = Field(
        description="Where to; no credentials in it.", repr=False
    )
    secret: Token | None = Field(
        default=None,
        description="Names the key in `cambus-credentials` the body is signed with (HMAC-SHA-256); None for "
        "unsigned.",
    )
    headers: dict[HeaderName, HeaderValue] = Field(
        default_factory=dict, max_length=50, description="Further headers; no secrets.", repr=False
    )
    format: Literal["plain", "cloudevents"] = Field(
        default="plain",
        description="`plain`: the JSON as the other sinks get it; `cloudevents`: the same as the `data` of a "
        "CloudEvent 1.0 in structured mode.",
    )
    timeout_s: float = Field(default=10.0, gt=0, le=60, description="Seconds to wait for the answer.")


class BusSink(Message):
    """Publish the alarm on another subject."""

    model_config = example(kind="bus", subject="ops.alarms.north")

    kind: Literal["bus"] = Field(default="bus", description=_KIND)
    subject: Annotated[
        str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,64}(\.[A-Za-z0-9_-]{1,64}){0,15}$", max_length=256)
    ] = Field(description="The subject, without wildcards.")


class EmailSink(Message):
    """Send the alarm by e-mail."""

    model_config = example(
        kind="email",
        host="mail.example.org",
        port=587,
        security="starttls",
        secret="ops-mail",  # noqa: S106  # the name of a secret
        sender="cambus@example.org",
        to=["guard@example.org"],
        subject="{severity}: {type} at {device_name}",
        pictures=True,
    )

    kind: Literal["email"] = Field(default="email", description=_KIND)
    host: HostName = Field(description="The mail server.")
    port: Port = Field(default=587, description="Its port.")
    security: Literal["starttls", "tls", "none"] = Field(
        default="starttls",
        description="`tls` from the first byte (465 as a rule); `none` only for a server on the same machine: it sends "
        "no password.",
    )
    secret: Token | None = Field(
        default=None,
        description="Names user and password in `cambus-credentials`; None to send without logging in.",
    )
    sender: MailAddress = Field(description="From whom.")
    to: list[MailAddress] = Field(min_length=1, max_length=50, description="To whom.")
    subject: Template = Field(
        default="[{severity}] {type} {event}: {device_name}",
        description="The subject, with places to fill in.",
    )
    text: Template | None = Field(
        default=None, description="The text, with places to fill in; None for all there is to know."
    )
    pictures: bool = Field(
        default=True, description="Attach the alarm's pictures, and what the rule's `snapshot` actions take."
    )
    timeout_s: float = Field(default=20.0, gt=0, le=60, description=_TIMEOUT)


class MqttSink(Message):
    """Publish the alarm at an MQTT broker, with QoS 1."""

    model_config = example(
        kind="mqtt",
        host="broker.example.org",
        port=8883,
        tls=True,
        secret="ops-mqtt",  # noqa: S106  # the name of a secret
        topic="site/north/alarms/{device}/{type}",
    )

    kind: Literal["mqtt"] = Field(default="mqtt", description=_KIND)
    host: HostName = Field(description="The broker.")
    port: Port = Field(default=8883, description="Its port.")
    tls: bool = Field(default=True, description="False only for a broker on the same machine or network.")
    secret: Token | None = Field(
        default=None, description="Names user and password in `cambus-credentials`; None for none."
    )
    topic: Annotated[Template, StringConstraints(min_length=1, max_length=512)] = Field(
        description="The topic, with places to fill in."
    )
    retain: bool = Field(default=False, description="Whether the broker keeps the last one of a topic.")
    timeout_s: float = Field(default=10.0, gt=0, le=60, description=_TIMEOUT)


class HttpSink(Message):
    """Have a gateway send a text message, or do anything else an HTTP request can: the request is a template."""

    model_config = example(
        kind="http",
        method="POST",
        url="https://sms.example.org/v2/send",
        secret="sms",  # noqa: S106  # the name of a secret
        headers={"Authorization": "Bearer {secret}"},
        fields={"to": "+4915112345678", "text": "{severity}: {type} at {device_name}, {at}"},
    )

    kind: Literal["http"] = Field(default="http", description=_KIND)
    method: Literal["POST", "PUT", "GET"] = Field(default="POST", description="The method.")
    url: Annotated[Template, StringConstraints(pattern=r"^https?://[^\s#@{}]{1,255}(/[^\s#]{0,2000})?$")] = (
        Field(description="Where to; places after the host are filled in percent-encoded.", repr=False)
    )
    secret: Token | None = Field(
        default=None,
        description="Names a token or password in `cambus-credentials`; it goes where `{secret}` stands.",
    )
    headers: dict[HeaderName, Annotated[Template, StringConstraints(pattern=r"^[\t -~]{0,1000}$")]] = Field(
        default_factory=dict, max_length=50, description="Headers, with places to fill in.", repr=False
    )
    fields: dict[Annotated[str, StringConstraints(max_length=100)], Template] = Field(
        default_factory=dict,
        max_length=50,
        description="The body by names, with places to fill in.",
        repr=False,
    )
    encoding: Literal["form", "json"] = Field(
        default="form", description="How the fields are sent: as a form, or as one JSON object of texts."
    )
    accepted: Annotated[str, StringConstraints(min_length=1, max_length=200)] | None = Field(
        default=None,
        description="What the answer's body holds if it was taken, for gateways that answer 200 whatever happened; "
        "None: any 2xx will do.",
    )
    timeout_s: float = Field(default=10.0, gt=0, le=60, description="Seconds to wait for the answer.")


class CascadeSink(Message):
    """Tell the alarm to an upper GB/T 28181 platform, whatever its link does with alarms by itself."""

    model_config = example(kind="gb28181", link="city")

    kind: Literal["gb28181"] = Field(default="gb28181", description=_KIND)
    link: Token = Field(description="The link; the platform must see the device. Only beginnings are told.")


AlarmSink = Annotated[
    WebhookSink | BusSink | EmailSink | MqttSink | HttpSink | CascadeSink, Field(discriminator="kind")
]
"""Where an alarm goes; `kind` says which it is."""

SINK_KINDS = ("webhook", "bus", "email", "mqtt", "http", "gb28181")
"""Every kind there is."""
