"""Strict YAML: text becomes a typed value, or a Mistake that says where, what is wrong and what there is instead.

A `Document` keeps the marks of the file, so that whoever finds something wrong later can still name line and column.
Keys may not be given twice. Scalars are typed as YAML 1.1 does, or kept as written (`as_written`) for formats whose own
reader lets the wanted type decide, so that `env: {PORT: 080}` stays the text 080.
"""

from collections.abc import Hashable, Iterator
from typing import TypeAlias, TypeVar

import msgspec
import yaml
from msgspec import Struct

from topologies.errors import Mistake
from topologies.files import complaint

T = TypeVar("T")
Path: TypeAlias = tuple[str | int, ...]
NULL, MERGE = "tag:yaml.org,2002:null", "tag:yaml.org,2002:merge"


class Document(Struct, frozen=True):
    """A YAML file as read: its value in plain dicts, lists and scalars, and where each part stands."""

    place: str
    root: yaml.Node
    value: object
    as_written: bool

    def at(self, *path: str | int) -> str:
        """`place:line:column` of the value at a path, or of its nearest parent that is in the file."""
        return where(self.place, find(self.root, path, key=False))

    def at_key(self, *path: str | int) -> str:
        """`place:line:column` of the key that ends a path."""
        return where(self.place, find(self.root, path, key=True))

    def decode(self, type: type[T]) -> T:
        """The document as a msgspec type; Mistake with place, path and what is allowed there."""
        try:
            return msgspec.convert(self.value, type, strict=not self.as_written)
        except msgspec.ValidationError as error:
            wrong = complaint.read(str(error), self.value, type, strict=not self.as_written)
            place = self.at_key(*wrong.path) if wrong.is_key else self.at(*wrong.path)
            raise Mistake(f"{place}: {wrong}") from None


def load(text: str, place: str, type: type[T]) -> T:
    """Decode strict YAML into a msgspec type; `place` is the file's name for messages."""
    return parse(text, place).decode(type)


def parse(text: str, place: str, *, as_written: bool = False) -> Document:
    """Read YAML without deciding what it means. Raises Mistake for bad YAML and for keys given twice."""
    loader = yaml.CSafeLoader(text)
    try:
        root = loader.get_single_node()
        if root is None:
            raise Mistake(f"{place}: the file is empty")
        return Document(place, root, _Builder(place, loader, as_written).build(root), as_written)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        spot = f"{place}:{mark.line + 1}:{mark.column + 1}" if mark else place
        raise Mistake(f"{spot}: not YAML: {error.problem or error.context}") from None
    except RecursionError:
        raise Mistake(f"{place}: nested too deep to be read") from None
    except yaml.YAMLError as error:
        raise Mistake(f"{place}: not YAML: {error}") from None
    finally:
        loader.dispose()


class _Builder:
    """Makes plain values from YAML nodes; a node named by several aliases is built once."""

    def __init__(self, place: str, loader: yaml.CSafeLoader, as_written: bool) -> None:
        self.place = place
        self.loader = loader
        self.as_written = as_written
        self.built: dict[int, object] = {}
        self.open: set[int] = set()

    def build(self, node: yaml.Node) -> object:
        if isinstance(node, yaml.ScalarNode):
            return self.scalar(node)
        if id(node) in self.built:
            return self.built[id(node)]
        if id(node) in self.open:
            raise Mistake(f"{where(self.place, node)}: this alias names a part that contains it")
        self.open.add(id(node))
        value = self.mapping(node) if isinstance(node, yaml.MappingNode) else [self.build(item) for item in node.value]
        self.open.discard(id(node))
        self.built[id(node)] = value
        return value

    def scalar(self, node: yaml.ScalarNode) -> object:
        if self.as_written:
            return None if node.tag == NULL else node.value
        value: object = self.loader.construct_object(node)
        return value

    def mapping(self, node: yaml.MappingNode) -> dict[Hashable, object]:
        value: dict[Hashable, object] = {}
        merged: dict[Hashable, object] = {}
        for key_node, value_node in node.value:
            if key_node.tag == MERGE:
                for part in self.merges(value_node):
                    merged = {**part, **merged}
                continue
            key = self.build(key_node)
            if not isinstance(key, Hashable):
                raise Mistake(f"{where(self.place, key_node)}: a key must be a single word or number")
            if key in value:
                raise Mistake(f"{where(self.place, key_node)}: {key!r} is given twice here")
            value[key] = self.build(value_node)
        return {**merged, **value}

    def merges(self, node: yaml.Node) -> Iterator[dict[Hashable, object]]:
        for part in node.value if isinstance(node, yaml.SequenceNode) else [node]:
            value = self.build(part)
            if not isinstance(value, dict):
                raise Mistake(f"{where(self.place, part)}: only a mapping can be merged by <<")
            yield value


def find(root: yaml.Node, path: Path, *, key: bool) -> yaml.Node:
    """The node at a path (or, with `key`, the key that ends it); its last part in the file where it leaves it."""
    here = root
    for depth, step in enumerate(path):
        pair = child(here, step)
        if pair is None:
            return here
        last = depth == len(path) - 1
        here = pair[0] if key and last else pair[1]
    return here


def child(node: yaml.Node, step: str | int) -> tuple[yaml.Node, yaml.Node] | None:
    """The key and value nodes one step down, looking through merges; a list's item is its own key."""
    if isinstance(node, yaml.SequenceNode):
        fits = isinstance(step, int) and step < len(node.value)
        return (node.value[step], node.value[step]) if fits else None
    if not isinstance(node, yaml.MappingNode):
        return None
    for key, value in node.value:
        if key.tag != MERGE and key.value == str(step):
            return key, value
    merged = [value for key, value in node.value if key.tag == MERGE]
    sources = [part for value in merged for part in (value.value if isinstance(value, yaml.SequenceNode) else [value])]
    return next((pair for source in sources if (pair := child(source, step))), None)


def where(place: str, node: yaml.Node) -> str:
    """`place:line:column`, counted from 1."""
    return f"{place}:{node.start_mark.line + 1}:{node.start_mark.column + 1}"
