"""What stops a switch on its way, in two kinds: what may work another time, and what somebody has to cure first."""


class Trouble(Exception):
    """It did not work this time; the text says what, and what would cure it."""


class Refusal(Trouble):
    """It will not work before somebody has done something."""
