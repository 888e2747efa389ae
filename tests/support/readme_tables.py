"""The tables of a README that say what can be set: what each has to show."""

import json
import re


def rows(readme, heading):
    """The first column of the table under a heading."""
    section = readme.partition(f"## {heading}\n")[2].partition("\n## ")[0]
    return re.findall(r"^\| `([^`]+)` \|", section, re.MULTILINE)


def row(name, field):
    """The line of an option or a setting: its name, its default and its meaning."""
    default = field.get_default(call_default_factory=True)
    shown = "—" if default in (None, "") else f"`{json.dumps(default)}`".replace('"', "")
    return f"| `{name}` | {shown} | {field.description} |"
