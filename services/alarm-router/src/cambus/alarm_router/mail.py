"""One attempt to deliver an event by e-mail (RFC 5321, RFC 5322).

All mails about one alarm make one conversation: each refers to the beginning's. A mail that is sent again has the same
`Message-ID`, by which mail systems recognise it.
"""

import asyncio
import ssl
from collections.abc import Mapping
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime

import aiosmtplib

from cambus.alarm_router.notice import Notice
from cambus.alarm_router.pictures import Picture
from cambus.alarm_router.webhook import DeliveryFailedError
from cambus.schemas.state.alarm_sinks import EmailSink
from cambus.schemas.state.credentials import Credentials
from cambus.schemas.template import fill

MAX_SUBJECT = 200
TEXT = """\
{event}: {type}, {severity}
Device: {device_name} ({device})
Channel: {channel}
When: {at}
Text: {text}
Lasted: {duration_s} s
Kept back before: {suppressed}
Acknowledged by: {by} {note}
Rule: {rule_name}
Alarm: {raised}
"""
_EMPTY = {"Channel:", "Text:", "Lasted:  s", "Kept back before: 0", "Acknowledged by:", "Alarm:"}


async def send(
    sink: EmailSink,
    notice: Notice,
    pictures: list[Picture],
    login: Credentials | None,
    trusted: ssl.SSLContext,
) -> str:
    """Hand one mail to the mail server.

    Returns:
        For which recipients it was not taken, and why; empty if it was for all.

    Raises:
        DeliveryFailedError: it was not taken, for no recipient at all.
    """
    client = aiosmtplib.SMTP(
        hostname=sink.host,
        port=sink.port,
        timeout=sink.timeout_s,
        use_tls=sink.security == "tls",
        start_tls=sink.security == "starttls",
        tls_context=trusted if sink.security != "none" else None,
    )
    try:
        async with asyncio.timeout(sink.timeout_s):
            async with client:
                secret = (login.password or login.token) if login is not None else None
                if login is not None and secret is not None:
                    await client.login(login.username, secret.get_secret_value())
                refused, _ = await client.send_message(composed(sink, notice, pictures))
                return _left_out(sink, refused)
    except TimeoutError:
        raise DeliveryFailedError(f"no answer in {sink.timeout_s:g} s", away=True) from None
    except aiosmtplib.SMTPAuthenticationError as error:
        raise DeliveryFailedError(f"login refused: SMTP {error.code}", away=True) from None
    except aiosmtplib.SMTPRecipientsRefused as error:
        codes = sorted({refused.code for refused in error.recipients})
        raise DeliveryFailedError(f"recipients refused: SMTP {codes}") from None
    except aiosmtplib.SMTPResponseException as error:
        raise DeliveryFailedError(f"SMTP {error.code}", away=400 <= error.code < 500) from None
    except (aiosmtplib.SMTPException, OSError, ValueError) as error:  # their texts may quote what we sent
        raise DeliveryFailedError(type(error).__name__, away=True) from None


def _left_out(sink: EmailSink, refused: Mapping[str, tuple[int, str]]) -> str:
    """Who does not get a mail that others get, by their places in the list: no address is written down."""
    codes = {address: answer[0] for address, answer in refused.items()}
    found = (
        f"{number} (SMTP {codes[address]})" for number, address in enumerate(sink.to, 1) if address in codes
    )
    return f"not taken for recipient {', '.join(found)}" if codes else ""


def composed(sink: EmailSink, notice: Notice, pictures: list[Picture]) -> EmailMessage:
    """The mail."""
    message = EmailMessage(policy=SMTP)
    message["From"] = sink.sender
    message["To"] = ", ".join(sink.to)
    message["Subject"] = fill(sink.subject, notice.values)[:MAX_SUBJECT]
    message["Date"] = format_datetime(notice.alarm.at)
    message["Message-ID"] = _message_id(notice.alarm.id, notice.rule)
    if notice.began and notice.began != notice.alarm.id:
        message["In-Reply-To"] = message["References"] = _message_id(notice.began, notice.rule)
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(fill(sink.text, notice.values) if sink.text is not None else _all_there_is(notice))
    for number, picture in enumerate(pictures, start=1):
        message.add_attachment(
            picture.data,
            maintype="image",
            subtype=picture.subtype,
            filename=f"{notice.alarm.device}-{number}.{picture.subtype}",
        )
    return message


def _all_there_is(notice: Notice) -> str:
    lines = fill(TEXT, notice.values).splitlines()
    return "\n".join(line for line in lines if line.strip() not in _EMPTY) + "\n"


def _message_id(event: str, rule: str) -> str:
    return f"<{event}.{rule}@cambus.invalid>"
