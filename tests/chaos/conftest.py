"""The program in a folder of the test's own; whatever a test leaves up is taken down."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from program import LARGE, SMALL, Closlab


@pytest.fixture
def closlab(tmp_path: Path) -> Iterator[Closlab]:
    """The program, with a small fabric file, and one big enough to be caught while it comes up."""
    program = Closlab(tmp_path)
    program.file("small.yml", f"name: {SMALL}\ndesign: leaf-spine\nspines: 1\nleaves: 2\n")
    program.file("large.yml", f"name: {LARGE}\ndesign: leaf-spine\nspines: 4\nleaves: 8\n")
    try:
        yield program
    finally:
        program("down", "--all")
