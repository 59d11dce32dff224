"""What operators act on: the crew, the settings of now, and the databases, where there are any."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from msgspec.structs import replace

from gateway.admin.merging import merged
from gateway.admin.model import State
from gateway.config.settings import Settings
from gateway.counts import Counts
from gateway.crew import Crew, Look, Question, Report
from gateway.errors import Mistake

if TYPE_CHECKING:
    from gateway.analytics.writing import Writer
    from gateway.data.keeping import Keeper


class Desk:
    """It. `settings` tells those of now."""

    def __init__(
        self,
        crew: Crew,
        settings: Callable[[], Settings],
        keeper: "Keeper | None" = None,
        writer: "Writer | None" = None,
    ) -> None:
        self.crew, self._settings, self._keeper, self._writer = crew, settings, keeper, writer

    @property
    def settings(self) -> Settings:
        """As they are now."""
        return self._settings()

    @property
    def keeper(self) -> "Keeper":
        """The database's; Mistake where there is none."""
        if self._keeper is None:
            raise Mistake(
                "this gateway has no database, so all is in its file; `database: {url: sqlite:///FILE}` is one"
            )
        return self._keeper

    @property
    def writer(self) -> "Writer":
        """That of analytics; Mistake where there are none."""
        if self._writer is None:
            raise Mistake(
                "this gateway writes no analytics; `analytics: {url: sqlite:///FILE}` in its file has it do so"
            )
        return self._writer

    @property
    def counts(self) -> Counts:
        """What was counted beside the crew."""
        return Counts() if self._writer is None else self._writer.counts

    @property
    def away(self) -> float | None:
        """Seconds for which the database has not answered; None without one."""
        return None if self._keeper is None else self._keeper.away

    async def state(self, *, tenants: bool = False) -> State:
        """How everything stands."""
        return replace(merged(states(await self.crew.ask(Look(tenants)))), database_away=self.away)

    async def ask(self, question: Question) -> None:
        """Have the crew do something."""
        await self.crew.ask(question)


def states(reports: list[Report]) -> list[State]:
    """Of those that answered."""
    return [each.state for each in reports if each.state is not None]
