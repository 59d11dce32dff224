"""Variables of a topology file: ${VAR} and its forms in the text, and containerlab's own __names__ in some values.

A variable that is not set stays as it is written, as containerlab leaves it, unless a default is given: ${VAR:=default}
or ${VAR:-default} (also without the colon: then an empty variable counts as set). `$$` is one dollar sign.
"""

import re
from collections.abc import Mapping

from msgspec import Struct

VARIABLE = re.compile(
    r"\$(?:(?P<dollar>\$)|(?P<plain>[A-Za-z_]\w*)|\{(?P<name>[A-Za-z_]\w*)(?:(?P<how>:?[=\-+])(?P<word>[^}]*))?\})"
)


class Git(Struct, frozen=True):
    """The checkout that a topology file stands in; the texts that containerlab uses where there is none."""

    branch: str = "none"
    hash: str = "none"


def substitute(text: str, env: Mapping[str, str]) -> str:
    """The text with its variables replaced from `env`."""
    return VARIABLE.sub(lambda match: _value(match, env), text)


def _value(match: re.Match[str], env: Mapping[str, str]) -> str:
    if match["dollar"]:
        return "$"
    name, how, word = match["plain"] or match["name"], match["how"] or "", match["word"] or ""
    value = env.get(name)
    is_set = bool(value) if how.startswith(":") else value is not None
    if how.endswith("+"):
        return word if is_set else ""
    if is_set:
        return value or ""
    return word if how else match[0]


def magic(text: str, *, node: str, lab_dir: str) -> str:
    """The text with containerlab's own names replaced for one node; its "lab name" is the name of the lab's folder."""
    names = {
        "__clabLabName__": lab_dir.rpartition("/")[2],
        "__clabNodeName__": node,
        "__clabNodeDir__": f"{lab_dir}/{node}",
        "__clabDir__": lab_dir,
    }
    for name, value in names.items():
        text = text.replace(name, value)
    return text


def magic_name(name: str, git: Git) -> str:
    """A lab's name with the branch and the commit of the checkout in it, where it asks for them."""
    return name.replace("__gitBranch__", git.branch.replace("/", "-")).replace("__gitHash__", git.hash)
