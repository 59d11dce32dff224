"""How two configurations differ, for people to read. Pure."""

from napalm_frr.tree import Config, Path, blockwise, rank


def changes(before: Config, after: Config) -> str:
    """The lines that go (-) and come (+), below the lines of the blocks that they are in; "" where nothing differs."""
    old, new = set(before), set(after)
    touched = {path[:depth] for path in old ^ new for depth in range(1, len(path) + 1)}
    lines = []
    for path in blockwise(_interleaved(_ranked(before), _ranked(after))):
        line = " " * (len(path) - 1) + path[-1]
        if path in touched:
            lines.append(line if path in old and path in new else f"{'-' if path in old else '+'} {line}")
    return "\n".join(lines)


def _ranked(config: Config) -> Config:
    """In an order that does not depend on who wrote it: versions of FRR have their own."""
    return tuple(sorted(config, key=lambda path: rank(path[0])))


def _interleaved(before: Config, after: Config) -> list[Path]:
    """Both, with what comes where it will stand, behind what goes there."""
    old, new, whole = set(before), set(after), list(before)
    at = 0
    for path in after:
        if path in old:
            at = whole.index(path) + 1
            continue
        while at < len(whole) and whole[at] not in new and _alike(whole[at], path):
            at += 1
        whole.insert(at, path)
        at += 1
    return whole


def _alike(gone: Path, path: Path) -> bool:
    """Whether what goes is in the same block and begins with the same word, or stands below such a line."""
    depth = len(path) - 1
    return len(gone) > depth and gone[:depth] == path[:depth] and gone[depth].split()[0] == path[depth].split()[0]
