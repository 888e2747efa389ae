"""What a simulated device was told, as the bodies say it."""

import re

from cambus.gb28181.manscdp.envelope import Envelope
from cambus.gb28181.ptz import PtzCommand


def controls(simulator, command="DeviceControl"):
    """The bodies of controls, opened, oldest first."""
    return [Envelope.parse(message.body) for message in simulator.heard(command)]


def ptz_hex(simulator):
    """The sixteen digits of every PTZ command, oldest first."""
    found = [envelope.element.get("PTZCmd") for envelope in controls(simulator)]
    return [text for text in found if text is not None]


def ptz_codes(simulator):
    """Byte 4 of every PTZ command, oldest first."""
    return [PtzCommand.parse(text).command for text in ptz_hex(simulator)]


def text_of(message):
    """A body as text."""
    return message.body.decode("gb18030")


def elements(text):
    """The names of the elements of a body, in the order they open."""
    return re.findall(r"<([A-Za-z][A-Za-z0-9]*)[ >]", text)
