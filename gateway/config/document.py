"""Strict YAML with places: what is wrong is named by line and column, and a key given twice is refused.

The reader of fabric files knows more (merges, as-written scalars, what is allowed instead); the gateway stands alone.
"""

import re
from collections.abc import Hashable
from difflib import get_close_matches
from typing import Any, TypeAlias, TypeVar

import msgspec
import yaml
from msgspec import Struct

from gateway.errors import Mistake

T = TypeVar("T")
Path: TypeAlias = tuple[str | int, ...]
TIMESTAMP = "tag:yaml.org,2002:timestamp"  # its type decides what it is, and YAML's would lose its zone
STEP = re.compile(r"\.([^.\[\]]+)|\[(\d+|\.\.\.)\]")
UNKNOWN = re.compile(r"Object contains unknown field `(.+)`")


class Document(Struct, frozen=True):
    """A file as read: plain values, and where each stands."""

    place: str
    root: yaml.Node
    value: object

    def at(self, *path: str | int) -> str:
        """`place:line:column` of what stands at a path, or of the nearest around it that is in the file."""
        here = self.root
        for step in path:
            found = _child(here, step)
            if found is None:
                break
            here = found
        return _where(self.place, here)

    def decode(self, kind: type[T]) -> T:
        """The file as a value of a type; Mistake with the place where it is none."""
        try:
            return msgspec.convert(self.value, kind)
        except msgspec.ValidationError as error:
            what, _, pattern = str(error).partition(" - at `")
            path = _path(pattern.removesuffix("`"), str(error), self.value, kind)
            raise Mistake(f"{self.at(*path)}: {_said(what, path, kind)}") from None


def parse(text: str, place: str) -> Document:
    """Read YAML without deciding what it means; Mistake for what is none, and for keys given twice."""
    loader = yaml.CSafeLoader(text)
    try:
        root = loader.get_single_node()
        if root is None:
            raise Mistake(f"{place}: the file is empty")
        return Document(place, root, _value(root, loader, place))
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        spot = f"{place}:{mark.line + 1}:{mark.column + 1}" if mark else place
        raise Mistake(f"{spot}: not YAML: {error.problem or error.context}") from None
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        raise Mistake(f"{place}: not YAML: {error}") from None
    finally:
        loader.dispose()


def _value(node: yaml.Node, loader: yaml.CSafeLoader, place: str) -> object:
    if isinstance(node, yaml.SequenceNode):
        return [_value(each, loader, place) for each in node.value]
    if not isinstance(node, yaml.MappingNode):
        return node.value if node.tag == TIMESTAMP else loader.construct_object(node)
    value: dict[Hashable, object] = {}
    for key_node, value_node in node.value:
        key = _value(key_node, loader, place)
        if not isinstance(key, Hashable):
            raise Mistake(f"{_where(place, key_node)}: a key must be a single word or number")
        if key in value:
            raise Mistake(f"{_where(place, key_node)}: {key!r} is given twice here")
        value[key] = _value(value_node, loader, place)
    return value


def _child(node: yaml.Node, step: str | int) -> yaml.Node | None:
    if isinstance(node, yaml.SequenceNode) and isinstance(step, int):
        return node.value[step] if step < len(node.value) else None
    if isinstance(node, yaml.MappingNode):
        return next((value for key, value in node.value if key.value == str(step)), None)
    return None


def _where(place: str, node: yaml.Node) -> str:
    return f"{place}:{node.start_mark.line + 1}:{node.start_mark.column + 1}"


def _path(pattern: str, message: str, value: Any, kind: Any) -> Path:
    """The path that msgspec means by `$.models[...].url`: it does not name keys, so each is tried alone."""
    path: Path = ()
    for name, index in STEP.findall(pattern):
        here = value
        for step in path:
            here = here[step]
        if index != "...":
            path += (int(index) if index else name,)
        else:
            guilty = (each for each in here if message == _message(_only(value, path, each), kind))
            path += (next(guilty, next(iter(here))),)
    return path


def _only(value: Any, path: Path, key: Hashable) -> Any:
    """The value with nothing but one key in the mapping at a path."""
    if not path:
        return {key: value[key]}
    step, rest = path[0], path[1:]
    if isinstance(value, list):
        return [_only(each, rest, key) if number == step else each for number, each in enumerate(value)]
    return {**value, step: _only(value[step], rest, key)}


def _message(value: object, kind: Any) -> str:
    try:
        msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        return str(error)
    return ""


def _said(what: str, path: Path, kind: Any) -> str:
    """What is wrong, in words; a key that nobody knows with those that there are."""
    shown = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path).lstrip(".") or "the file"
    found = UNKNOWN.fullmatch(what)
    if found is None:
        return f"{shown}: {what[0].lower()}{what[1:]}"
    allowed = _keys(msgspec.inspect.type_info(kind), path)
    near = [f", did you mean {each!r}?" for each in get_close_matches(found[1], allowed, n=1)]
    return f"{shown}: unknown key {found[1]!r}{''.join(near)}; allowed: {', '.join(allowed)}"


def _keys(info: msgspec.inspect.Type, path: Path) -> list[str]:
    """The keys that the mapping at a path may have."""
    for step in path:
        info = _inside(info, step)
    return [each.encode_name for each in _struct(info).fields]


def _struct(info: msgspec.inspect.Type) -> msgspec.inspect.StructType:
    while isinstance(info, msgspec.inspect.Metadata):
        info = info.type
    assert isinstance(info, msgspec.inspect.StructType), "only a struct refuses keys"
    return info


def _inside(info: msgspec.inspect.Type, step: str | int) -> msgspec.inspect.Type:
    while isinstance(info, msgspec.inspect.Metadata):
        info = info.type
    if isinstance(info, msgspec.inspect.DictType):
        return info.value_type
    if isinstance(info, msgspec.inspect.VarTupleType):
        return info.item_type
    return next(each.type for each in _struct(info).fields if each.encode_name == step)
