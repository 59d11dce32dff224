"""What a number given from outside must be. Pure."""

from topologies.errors import Mistake


def whole(place: str, value: object, least: int, most: int) -> None:
    """Raise Mistake for what is no whole number from `least` to `most`."""
    if type(value) is not int or not least <= value <= most:
        raise Mistake(f"{place}: {value!r} is no whole number from {least} to {most}")


def share(place: str, value: object) -> None:
    """Raise Mistake for what is no number from 0 to 1."""
    if type(value) not in (int, float) or not 0 <= value <= 1:  # type: ignore[operator]  # a number, by its type
        raise Mistake(f"{place}: {value!r} is no number from 0 to 1")


def positive(place: str, value: object) -> None:
    """Raise Mistake for what is no finite number above 0."""
    if type(value) not in (int, float) or not 0 < value < float("inf"):  # type: ignore[operator]  # likewise
        raise Mistake(f"{place}: {value!r} is no number above 0")
