"""How rendered data is spelt: YAML without anchors, long texts as blocks, and JSON with one item a line."""

import json
from collections.abc import Mapping
from typing import Any


def yaml(value: Any, *, head: str = "") -> str:
    """A value as YAML in its own order; `head` becomes comment lines on top."""
    import yaml as library

    class Dumper(library.CSafeDumper):
        """YAML as people write it."""

        def ignore_aliases(self, data: Any) -> bool:
            """Equal lists are spelt out, never referred to."""
            return True

    def block(dumper: library.CSafeDumper, words: str) -> library.ScalarNode:
        return dumper.represent_scalar("tag:yaml.org,2002:str", words, style="|" if "\n" in words else None)

    Dumper.add_representer(str, block)
    comment = "".join(f"# {line}\n" for line in head.splitlines())
    return comment + library.dump(value, Dumper=Dumper, sort_keys=False, width=120, allow_unicode=True)


def json_lines(value: Any, *, depth: int) -> str:
    """A value as JSON, indented down to `depth` levels, one line each below, so that a diff shows one change a line."""
    return _json(value, depth, "") + "\n"


def _json(value: Any, depth: int, indent: str) -> str:
    if depth == 0 or not value or not isinstance(value, Mapping | list):
        return json.dumps(value)
    inner = indent + "  "
    if isinstance(value, Mapping):
        lines = [f"{inner}{json.dumps(key)}: {_json(item, depth - 1, inner)}" for key, item in value.items()]
        return "{\n" + ",\n".join(lines) + f"\n{indent}}}"
    return "[\n" + ",\n".join(f"{inner}{_json(item, depth - 1, inner)}" for item in value) + f"\n{indent}]"
