"""What msgspec says of a wrong value, made exact: the real key instead of `[...]`, and what is allowed in its place."""

import re
from collections.abc import Iterable
from difflib import get_close_matches
from typing import Any

import msgspec
from msgspec import Struct, inspect

PATTERNS = (
    (re.compile(r"Object contains unknown field `(.+)`"), "unknown key"),
    (re.compile(r"Object missing required field `(.+)`"), "missing key"),
)
VALUE = re.compile(r"Invalid (?:enum )?value '(.+)'")
STEP = re.compile(r"\.([^.\[\]]+)|\[(\d+|\.\.\.)\]")


class Complaint(Struct, frozen=True):
    """One thing that is wrong: where (`is_key`: it is the key that is wrong, not its value), and what is allowed."""

    path: tuple[str | int, ...]
    what: str
    allowed: tuple[str, ...]
    is_key: bool
    wrong: str = ""

    def __str__(self) -> str:
        shown = self.path[:-1] if self.is_key else self.path
        near = nearest(self.wrong, self.allowed)
        allowed = f"; allowed: {', '.join(self.allowed)}" if self.allowed else ""
        return f"{written(shown)}: {self.what}{near}{allowed}"


def nearest(name: str, known: Iterable[str]) -> str:
    """ ", did you mean X?" where something known is spelt much like it, else nothing."""
    close = get_close_matches(name, list(known), n=1, cutoff=0.6) if name else []
    return f", did you mean {close[0]!r}?" if close else ""


def written(path: Iterable[str | int]) -> str:
    """A path as text: $.topology.nodes.leaf1.binds[0]."""
    return "$" + "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path)


def read(message: str, value: object, type: Any, *, strict: bool) -> Complaint:
    """Make a Complaint of a msgspec message about `value`, which was to be a `type`."""
    what, _, place = message.partition(" - at `")
    in_key = place.startswith("key` in `")
    pattern = place.removeprefix("key` in `").removesuffix("`")
    path = resolve(message, pattern, value, type, strict=strict)
    found = parent = inspect.type_info(type)
    for depth, step in enumerate(path):
        parent, found = found, inside(tagged(found, at(value, path[:depth])), step)
    found = tagged(found, at(value, path))
    if match := PATTERNS[0][0].fullmatch(what):
        key = match[1]
        return Complaint((*path, key), f"unknown key {key!r}", keys(found), is_key=True, wrong=key)
    if match := PATTERNS[1][0].fullmatch(what):
        return Complaint(path, f"the key {match[1]!r} is missing", (), is_key=False)
    if in_key:
        return Complaint(path, f"a key here is wrong: {what[0].lower()}{what[1:]}", (), is_key=False)
    wrong = match[1] if (match := VALUE.fullmatch(what)) else ""
    text = f"unknown value {wrong!r}" if wrong else f"{what[0].lower()}{what[1:]}"
    return Complaint(path, text, choices(found) or tags(parent, path), is_key=False, wrong=wrong)


def resolve(message: str, pattern: str, value: object, type: Any, *, strict: bool) -> tuple[str | int, ...]:
    """The path that a pattern such as `$.nodes[...].image` means. msgspec does not name keys of mappings, so each is
    tried alone: the first that gives the same message is meant."""
    path: tuple[str | int, ...] = ()
    for name, index in STEP.findall(pattern):
        if index != "...":
            path += (int(index) if index else name,)
            continue
        here = at(value, path)
        guilty = (
            key for key in here if message == failure(replaced(value, path, {key: here[key]}), type, strict=strict)
        )
        path += (next(guilty, next(iter(here))),)
    return path


def failure(value: object, type: Any, *, strict: bool) -> str:
    """What msgspec says of a value, "" when it is fine."""
    try:
        msgspec.convert(value, type, strict=strict)
    except msgspec.ValidationError as error:
        return str(error)
    return ""


def at(value: Any, path: tuple[str | int, ...]) -> Any:
    """The part of a plain value at a path."""
    for step in path:
        value = value[step]
    return value


def replaced(value: Any, path: tuple[str | int, ...], new: object) -> Any:
    """The value with the part at a path replaced; nothing is changed in place."""
    if not path:
        return new
    step, rest = path[0], path[1:]
    if isinstance(value, list):
        return [replaced(item, rest, new) if index == step else item for index, item in enumerate(value)]
    return {**value, step: replaced(value[step], rest, new)}


def inside(found: inspect.Type, step: str | int) -> inspect.Type:
    """The type one step down; a union when several are possible."""
    down: list[inspect.Type] = []
    for kind in alternatives(found):
        if isinstance(kind, inspect.StructType):
            down += [field.type for field in kind.fields if field.encode_name == step]
        elif isinstance(kind, inspect.DictType):
            down.append(kind.value_type)
        elif isinstance(kind, inspect.ListType | inspect.VarTupleType):
            down.append(kind.item_type)
        elif isinstance(kind, inspect.TupleType):
            down += kind.item_types
    return down[0] if len(down) == 1 else inspect.UnionType(tuple(down))


def tagged(found: inspect.Type, value: object) -> inspect.Type:
    """Of a union of structs, the one that the value's tag names; any other type as it is."""
    if isinstance(value, dict):
        for kind in alternatives(found):
            if isinstance(kind, inspect.StructType) and kind.tag_field and value.get(kind.tag_field) == kind.tag:
                return kind
    return found


def tags(parent: inspect.Type, path: tuple[str | int, ...]) -> tuple[str, ...]:
    """The tags that a union of structs goes by, where the path ends in the key that holds the tag."""
    structs = [kind for kind in alternatives(parent) if isinstance(kind, inspect.StructType)]
    return tuple(str(kind.tag) for kind in structs if path and kind.tag_field == path[-1])


def alternatives(found: inspect.Type) -> tuple[inspect.Type, ...]:
    """The types that a union allows, or the one type itself."""
    return tuple(found.types) if isinstance(found, inspect.UnionType) else (found,)


def keys(found: inspect.Type) -> tuple[str, ...]:
    """The keys that a mapping of this type may have."""
    structs = [kind for kind in alternatives(found) if isinstance(kind, inspect.StructType)]
    names = [field.encode_name for struct in structs for field in struct.fields]
    tag_fields = [struct.tag_field for struct in structs if struct.tag_field]
    return tuple(dict.fromkeys([*tag_fields, *names]))


def choices(found: inspect.Type) -> tuple[str, ...]:
    """The values that an enumeration of this type may have."""
    values: list[object] = []
    for kind in alternatives(found):
        if isinstance(kind, inspect.LiteralType):
            values += kind.values
        elif isinstance(kind, inspect.EnumType):
            values += [member.value for member in kind.cls]
    return tuple(str(value) for value in values)
