"""How two configurations differ, for people to read. Pure."""

from napalm_frr.tree import Config, Path, blockwise


def changes(before: Config, after: Config) -> str:
    """The lines that go (-) and come (+), below the lines of the blocks that they are in; "" where nothing differs."""
    old, new = set(before), set(after)
    touched = {path[:depth] for path in old ^ new for depth in range(1, len(path) + 1)}
    lines = []
    for path in blockwise(_interleaved(before, after)):
        line = " " * (len(path) - 1) + path[-1]
        if path in touched:
            lines.append(line if path in old and path in new else f"{'-' if path in old else '+'} {line}")
    return "\n".join(lines)


def _interleaved(before: Config, after: Config) -> list[Path]:
    """Both, with what comes where it will stand, behind what goes there."""
    old, new, whole = set(before), set(after), list(before)
    at = 0
    for path in after:
        if path in old:
            at = whole.index(path) + 1
            continue
        while at < len(whole) and whole[at] not in new:
            at += 1
        whole.insert(at, path)
        at += 1
    return whole
