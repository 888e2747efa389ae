"""Under which name a copy is stored: a template with fields from a closed list, filled with checked values alone.

`{device}_{channel}_{start}.{ext}` is one. A field stands for a token, a number or an instant, so it can neither
begin another part of the path nor end the one it is in, whatever a device calls itself.
"""

import re
from pathlib import PurePosixPath
from typing import Final

from cambus.recorder.index import Segment
from cambus.recorder.layout import from_us
from cambus.schemas.ids import is_token

MAX_NAME_BYTES: Final = 512
FIELDS: Final = frozenset(
    {
        *("device", "channel", "stream", "start", "end", "id", "trigger", "replica", "ext"),
        *("date", "year", "month", "day", "hour"),
    }
)
_PIECE: Final = re.compile(r"\{([a-z]*)\}|([A-Za-z0-9._/=-]+)", re.ASCII)
_VALUE: Final = re.compile(r"[A-Za-z0-9._-]+", re.ASCII)
_INSTANT: Final = "%Y%m%dT%H%M%S.%fZ"
_UNIQUE: Final = ({"id"}, {"device", "channel", "start"})


class CopyNames:
    """Makes names of one template.

    Raises:
        ValueError: it has a field nobody knows, a character that is not allowed, a part that is empty or only dots,
            no `.{ext}` at its end, or would give several recordings one name.
    """

    def __init__(self, template: str) -> None:
        self._pieces: list[tuple[str, str]] = []
        at = 0
        while at < len(template):
            match = _PIECE.match(template, at)
            if match is None:
                raise ValueError(
                    f"{template!r}: {template[at]!r} at {at} is no field and must not be in a name"
                )
            field, text = match[1], match[2]
            if text is None and field not in FIELDS:
                raise ValueError(f"{template!r}: no field {field!r}; there are {', '.join(sorted(FIELDS))}")
            self._pieces.append(("", text) if text is not None else (field, ""))
            at = match.end()
        fields = {field for field, _ in self._pieces if field}
        if not any(needed <= fields for needed in _UNIQUE):
            raise ValueError(f"{template!r}: needs {{id}}, or {{device}}, {{channel}} and {{start}}")
        if not template.endswith(".{ext}") or len(template) > MAX_NAME_BYTES:
            raise ValueError(
                f"{template!r}: must end with .{{ext}}, and have {MAX_NAME_BYTES} characters at most"
            )
        _check(self._filled(dict.fromkeys(FIELDS, "x")))

    def name(self, segment: Segment, replica: str, ext: str) -> str:
        """The name of a segment's copy, with `/` between its parts.

        Raises:
            ValueError: a value is no token; it must not become part of a path.
        """
        key, start = segment.key, from_us(segment.start_us)
        for value in (key.device, key.stream, segment.id, replica):
            if not is_token(value):
                raise ValueError(f"{value!r} cannot be part of a name")
        name = self._filled(
            {
                "device": key.device,
                "channel": str(key.channel),
                "stream": key.stream,
                "start": f"{start:{_INSTANT}}",
                "end": f"{from_us(segment.end_us):{_INSTANT}}",
                "id": segment.id,
                "trigger": segment.name.trigger.value,
                "replica": replica,
                "ext": ext,
                "date": f"{start:%Y%m%d}",
                "year": f"{start:%Y}",
                "month": f"{start:%m}",
                "day": f"{start:%d}",
                "hour": f"{start:%H}",
            }
        )
        _check(name)
        return name

    def _filled(self, values: dict[str, str]) -> str:
        for field, value in values.items():
            if not _VALUE.fullmatch(value):
                raise ValueError(f"{field}: {value!r} cannot be part of a name")
        return "".join(values[field] if field else text for field, text in self._pieces)


def beside(name: str, segment: Segment) -> str:
    """Another name for a copy, where something else has the one it should have."""
    path = PurePosixPath(name)
    return str(path.with_name(f"{path.stem}-{segment.id}{path.suffix}"))


def _check(name: str) -> None:
    if len(name.encode()) > MAX_NAME_BYTES:
        raise ValueError(f"a name of more than {MAX_NAME_BYTES} bytes")
    for part in name.split("/"):
        if not part.strip("."):
            raise ValueError(f"{name!r}: a part of the path is empty or only dots")
