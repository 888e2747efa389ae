"""YAML from files of others: aliases may spare writing, but not make a billion entries of a kilobyte."""

from typing import Any, Final

import yaml

MOST_REPEATED: Final = 100_000
"""Entries that aliases may add to those that are written."""


class RepeatsError(yaml.YAMLError):
    """The aliases of a text stand for more than is read."""


def parse(text: str) -> tuple[yaml.Node | None, Any]:
    """The nodes of a YAML text, with their places in it, and what it says; nothing of its own choice is made.

    Raises:
        yaml.YAMLError: it is no YAML, or its aliases stand for too much.
        RecursionError: it is nested too deeply.
    """
    root: yaml.Node | None = yaml.compose(text, Loader=yaml.SafeLoader)
    if root is None:
        return None, None
    sizes: dict[int, int] = {}
    if _size(root, sizes) > len(sizes) + MOST_REPEATED:
        raise RepeatsError(f"its aliases stand for more than {MOST_REPEATED} entries")
    return root, yaml.safe_load(text)


def _size(node: yaml.Node, sizes: dict[int, int]) -> int:
    """How many nodes it stands for, each as often as aliases have it; `sizes` has each node once."""
    known = sizes.get(id(node))
    if known is not None:
        return known
    sizes[id(node)] = MOST_REPEATED * MOST_REPEATED  # for one that contains itself
    if isinstance(node, yaml.SequenceNode):
        size = sum(_size(each, sizes) for each in node.value)
    elif isinstance(node, yaml.MappingNode):
        size = sum(_size(each, sizes) for pair in node.value for each in pair)
    else:
        size = 0
    sizes[id(node)] = size + 1
    return size + 1
