"""The two kinds of error, and the exit code of each.

`Mistake`: the user's input must change; the text gives the place, what is wrong, and what there is instead.
`Fault`: the lab did not do as told; the text quotes the command, its exit code and its own words.
"""

EXIT_FINE = 0
EXIT_CHECK_FAILED = 1
EXIT_MISTAKE = 2
EXIT_FAULT = 3


class ClosError(Exception):
    """What closlab raises on purpose; anything else that escapes is a bug."""

    exit_code = EXIT_FAULT


class Mistake(ClosError):
    """The input must change."""

    exit_code = EXIT_MISTAKE


class Fault(ClosError):
    """The lab did not do as told."""

    exit_code = EXIT_FAULT
