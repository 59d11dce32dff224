"""What goes wrong with a change of a router's configuration, in words of this package's own.

The driver says it in NAPALM's; whoever uses `commits` without NAPALM, as a switch that provisions itself does, need not
have that installed.
"""


class ChangeError(Exception):
    """A change that was not made, or not ended as asked."""


class NotCommitted(ChangeError):
    """Another change is under way, or the router could not end this one as it was to be."""


class NothingWaits(ChangeError):
    """There is no change that could be confirmed or taken back."""


class NotTaken(ChangeError):
    """FRR does not take the candidate; the former configuration runs. `replaces`: it was a whole configuration."""

    def __init__(self, text: str, *, replaces: bool) -> None:
        super().__init__(text)
        self.replaces = replaces


class StepFailed(ChangeError):
    """The router could not carry out a step at all."""
