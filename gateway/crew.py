"""Who does the work of a gateway: one worker in its own process, or several in theirs. They are asked the same."""

from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from typing import Protocol, TypeAlias

from msgspec import Struct

from gateway.admin.model import State, Which
from gateway.analytics.model import Row
from gateway.config.added import NOTHING, Added
from gateway.core.page import Pages
from gateway.counts import Counts


class Look(Struct, frozen=True, tag=True):
    """How do you stand, with your tenants or without, and what have you counted? The one question that has an answer,
    which is a Report; with the rows of what is over since they were asked for last, or without."""

    tenants: bool = False
    rows: bool = False


class Change(Struct, frozen=True, tag=True):
    """Other settings from now on: the text of a file, where it is, the row of each tenant's account, where they are
    shared, and what was added to the file."""

    text: str
    place: str
    rows: Mapping[str, int] = {}
    added: Added = NOTHING


class Drain(Struct, frozen=True, tag=True):
    """Take a server out of service; it finishes what it has."""

    which: Which


class Return(Struct, frozen=True, tag=True):
    """Take it back."""

    which: Which


class Leave(Struct, frozen=True, tag=True):
    """Be not ready from now on; serve all the same."""


class Stop(Struct, frozen=True, tag=True):
    """Take nothing new, and end once all is over."""


class Cut(Struct, frozen=True, tag=True):
    """Cut off what is not over."""


Question: TypeAlias = Look | Change | Drain | Return | Leave | Stop | Cut


class Report(Struct, frozen=True):
    """What a worker counted, and how it stands; of one that is no more, or does not answer now, only the former."""

    counts: Counts
    state: State | None
    rows: tuple[Row, ...] = ()


class Crew(Protocol):
    """The workers. `restarts` is how many of them ended too early and were started anew; `pages` are the accounts of
    their tenants."""

    @property
    def pages(self) -> Pages:
        """Each tenant's that has one."""

    @property
    def restarts(self) -> int:
        """Workers that ended too early."""

    def running(self) -> AbstractAsyncContextManager[None]:
        """All of them, from when they can be asked until what came by them is over. Raises Mistake or Fault where they
        cannot begin."""

    async def ask(self, question: Question) -> list[Report]:
        """Ask each; the reports of those that have one. Raises Mistake for what is not there, or means nothing; then
        all goes on as it was."""
