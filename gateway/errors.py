"""The two kinds of error of a gateway that starts or is told something, and the exit code of each."""

EXIT_FINE = 0
EXIT_MISTAKE = 2
EXIT_FAULT = 3


class GatewayError(Exception):
    """What the gateway raises on purpose."""

    exit_code = EXIT_FAULT


class Mistake(GatewayError):
    """What it was given must change; the text gives the place, what is wrong, and what is allowed."""

    exit_code = EXIT_MISTAKE


class Fault(GatewayError):
    """The machine did not do as told."""
