"""Texts of devices, made fit to be shown."""


def text(value: str | None, limit: int = 200) -> str:
    """Return a text of the device without control characters and cut to `limit` characters (GB-274)."""
    shown = "".join(character for character in (value or "")[: 4 * limit] if character.isprintable())
    return shown[:limit]
