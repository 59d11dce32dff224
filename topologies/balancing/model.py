"""The nouns of load balancing: how a switch chooses among paths of equal cost."""

from enum import StrEnum

from msgspec import Struct

from topologies.errors import Mistake

LEAST_GAP, MOST_GAP = 1, 10_000_000  # microseconds
BALANCE_LABEL = "closlab-balance"  # of a node in a containerlab file; its text is that of a mode
GAP = 500  # microseconds; longer than paths of a rack differ, shorter than the pauses between bursts


class Mode(StrEnum):
    """What a switch's choice of path depends on."""

    KERNEL = "kernel"  # what Linux does by itself: as five-tuple, but for packets that bring a hash of their sender's
    FIVE_TUPLE = "five-tuple"  # addresses and ports, with a seed of the switch's own
    DESTINATION_QP = "destination-qp"  # the queue pair besides them (E-ECMP; Gangidi et al., SIGCOMM 2024)
    FLOWLET = "flowlet"  # chance, again after each pause of a flow (Vanini et al., NSDI 2017)
    SPRAY = "spray"  # chance, for every packet
    POLARISED = "polarised"  # as five-tuple, with one seed everywhere: a fault, made on purpose


class Balance(Struct, frozen=True, forbid_unknown_fields=True):
    """A mode; `gap_us` is the pause in microseconds after which a flow may move, 0 for modes that know none."""

    mode: Mode = Mode.KERNEL
    gap_us: int = 0

    def text(self) -> str:
        """Such as `flowlet 500` or `spray`; `balance_of` reads it back."""
        return f"{self.mode} {self.gap_us}" if self.gap_us else str(self.mode)


def balance(mode: str, gap_us: int | None = None) -> Balance:
    """A mode by its name, a flowlet's pause being 500 microseconds unless given. Raises Mistake for what cannot be."""
    if mode not in (names := [str(each) for each in Mode]):
        raise Mistake(f"no mode {mode!r}; there are {', '.join(names)}")
    if mode != Mode.FLOWLET:
        if gap_us is not None:
            raise Mistake(f"a gap is of mode flowlet only, not of {mode}")
        return Balance(Mode(mode))
    gap = GAP if gap_us is None else gap_us
    if not LEAST_GAP <= gap <= MOST_GAP:
        raise Mistake(f"a gap is from {LEAST_GAP} to {MOST_GAP} microseconds, not {gap}")
    return Balance(Mode.FLOWLET, gap)


def balance_of(text: str) -> Balance:
    """A mode in one line, such as `flowlet 500`. Raises Mistake."""
    mode, _, gap = text.partition(" ")
    if gap and not (gap.isascii() and gap.isdigit()):
        raise Mistake(f"a gap is a whole number of microseconds, not {gap!r}")
    return balance(mode, int(gap) if gap else None)


def labelled(wanted: Balance) -> str:
    """The text of a node's label; "" for what needs none."""
    return "" if wanted == Balance() else wanted.text()
