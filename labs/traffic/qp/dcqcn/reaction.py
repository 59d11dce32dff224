"""The end that sends, and slows down when it is told: the reaction point of DCQCN. Pure.

Zhu et al., SIGCOMM 2015, 3.1 and figure 7. `rate` is what it sends with, `target` where it is going back to, `alpha`
how congested it takes the path to be:

    a notification            target = rate (see clamp_target), rate *= 1 - alpha / 2, all counters from zero
    every alpha_interval      alpha = (1 - g) alpha + g, where a notification came within it; (1 - g) alpha, where none
    every increase_interval   one step by time
    every increase_bytes      one step by bytes sent

A step looks at how many there were of either kind since the last decrease, and adds to the target what its stage
says; then the rate goes half-way to the target. A flow that was never told, or is back at the line rate, has no steps
to go. Time passes when the machine is asked; what was due in between happens then, and so as though on time.
"""

from enum import StrEnum

from labs.traffic.qp.dcqcn.parameters import Dcqcn

NS_PER_S = 1e9


class Stage(StrEnum):
    """How a rate grows."""

    FAST = "fast recovery"
    ADDITIVE = "additive increase"
    HYPER = "hyper increase"


def stage(by_time: int, by_bytes: int, fast_steps: int) -> Stage:
    """The stage after so many steps of either kind."""
    if max(by_time, by_bytes) <= fast_steps:
        return Stage.FAST
    return Stage.HYPER if min(by_time, by_bytes) > fast_steps else Stage.ADDITIVE


class ReactionPoint:
    """Of one flow, which begins at the line rate, now."""

    __slots__ = (
        "_alpha_from", "_by_bytes", "_by_time", "_bytes", "_decreased_at", "_due", "_free_at", "_of", "_rest",
        "_step_from", "_told", "alpha", "decreases", "rate", "target",
    )  # fmt: skip

    def __init__(self, parameters: Dcqcn, now: int) -> None:
        self._of = parameters
        self.rate = self.target = float(parameters.line_rate)  # bit/s, as of when time last passed here
        self.alpha = float(parameters.initial_alpha)  # likewise
        self.decreases = 0
        self._decreased_at: int | None = None
        self._told = False  # since the last update of alpha
        self._by_time = self._by_bytes = 0  # steps since the last decrease
        self._bytes = 0  # since the last step by bytes
        self._alpha_from = self._step_from = 0  # when either was last due
        self._due: int | None = None  # the next of both; None before the first notification
        self._free_at, self._rest = now, 0.0  # when the next packet may leave: ns, and a part of one

    @property
    def free_at(self) -> int:
        """When the next packet may leave."""
        return self._free_at

    def allowance(self, now: int) -> int:
        """Bytes within which a packet may begin now; 0 where none may. What `QueuePair.poll` calls payload."""
        if now < self._free_at:
            return 0
        self.pass_time(now)
        late = min(now - self._free_at, self._of.catch_up)
        return max(1, int(late * self.rate / (8 * NS_PER_S)))

    def sent(self, size: int, now: int) -> None:
        """A packet of so many bytes left; headers count, if the rate is to be that of the wire."""
        self.pass_time(now)
        since = now - self._of.catch_up
        if since > self._free_at:
            self._free_at, self._rest = since, 0.0
        gap = size * 8 * NS_PER_S / self.rate + self._rest
        self._free_at += int(gap)
        self._rest = gap % 1
        if self._due is not None and not self._resting:
            self._count(size)

    def notified(self, now: int) -> None:
        """A notification came."""
        self.pass_time(now)
        self._told = True
        if self._decreased_at is None:
            self._alpha_from = now
        elif now - self._decreased_at < self._of.decrease_interval:
            return
        if self._of.clamp_target or self._by_time or self._by_bytes:
            self.target = self.rate
        self.rate = max(self._of.min_rate, self.rate * (1 - self.alpha / 2))
        self._by_time = self._by_bytes = self._bytes = 0
        self._step_from = self._decreased_at = now
        self.decreases += 1
        self._schedule()

    def pass_time(self, now: int) -> None:
        """Let all happen that is due by now."""
        if self._due is None or now < self._due:
            return
        self._update_alpha(now)
        while not self._resting and now - self._step_from >= self._of.increase_interval:
            self._step_from += self._of.increase_interval
            self._by_time += 1
            self._step()
        self._schedule()

    @property
    def _resting(self) -> bool:
        """Whether it is back at the line rate."""
        return self.rate >= self._of.line_rate

    def _update_alpha(self, now: int) -> None:
        """All updates due by now at once: the first has news, those behind it have none."""
        times = (now - self._alpha_from) // self._of.alpha_interval
        if times:
            keep = 1 - self._of.g
            self.alpha = (keep * self.alpha + self._of.g * self._told) * keep ** (times - 1)
            self._alpha_from += times * self._of.alpha_interval
            self._told = False

    def _count(self, size: int) -> None:
        self._bytes += size
        while self._bytes >= self._of.increase_bytes:
            self._bytes -= self._of.increase_bytes
            self._by_bytes += 1
            self._step()

    def _step(self) -> None:
        """Grow once, to the line rate at most; a millionth below is there."""
        line = self._of.line_rate
        now_in = stage(self._by_time, self._by_bytes, self._of.fast_steps)
        added = {Stage.FAST: 0.0, Stage.ADDITIVE: self._of.additive_rate, Stage.HYPER: self._of.hyper_rate}[now_in]
        self.target = min(line, self.target + added)
        self.rate = (self.rate + self.target) / 2
        if self.rate > line * (1 - 1e-6):
            self.rate = self.target = line

    def _schedule(self) -> None:
        due = self._alpha_from + self._of.alpha_interval
        self._due = due if self._resting else min(due, self._step_from + self._of.increase_interval)
