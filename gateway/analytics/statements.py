"""SQL, which is in files, by name."""

import re
from functools import cache
from pathlib import Path

NAMED = re.compile(r"^-- name: (\w+)\n", re.MULTILINE)


@cache
def statements(kind: str) -> dict[str, str]:
    """Those of one kind of database."""
    text = (Path(__file__).parent / f"{kind}.sql").read_text()
    _, *parts = NAMED.split(text)
    return dict(zip(parts[::2], (each.strip() for each in parts[1::2]), strict=True))


def by(statement: str, columns: tuple[str, ...]) -> str:
    """A statement for sums by these columns, which are names of ours."""
    return statement.replace("{by}", ", ".join(columns))
