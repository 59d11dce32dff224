"""The database: PostgreSQL by asyncpg, or SQLite by aiosqlite, both through SQLAlchemy Core.

Every question has a bound of time, after which its connection is given up: a server that hangs is as good as none.
Whatever goes wrong is a Fault in words. What was changed is told to all gateways that have the same PostgreSQL by
NOTIFY; the number in `version` tells it to those that only look.
"""

import asyncio
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from datetime import UTC
from pathlib import Path
from typing import Any

import msgspec
from alembic import command
from alembic.config import Config
from alembic.util import CommandError
from sqlalchemy import Connection, Executable, Row, Table, delete, event, func, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import make_url
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine

from gateway.config.added import Added
from gateway.config.model import KeyPart, ModelPart, TenantPart
from gateway.data.tables import KEY, MODEL, SPENT, TENANT, VERSION
from gateway.errors import Fault

MIGRATIONS = Path(__file__).parent / "migrations"
CHANNEL = "gateway"
OWN = 0o600  # hashes of keys, and what tenants spend, are nobody else's business
MIGRATING = 0x67617465  # of the advisory lock that one gateway has while it migrates
LONGER = 10  # times a question's bound that migrating may take
NOBODY = ""  # the gateway whose tenants' spending no running one speaks for
POOL = 3  # connections, with that which listens


class Store:
    """One database. `within` is the bound of a question, in seconds."""

    def __init__(self, url: str, within: float, password: str = "") -> None:
        parsed = make_url(url)
        self.postgres = parsed.get_backend_name() == "postgresql"
        driver = "postgresql+asyncpg" if self.postgres else "sqlite+aiosqlite"
        parsed = parsed.set(drivername=driver, password=password or parsed.password)
        more = {"connect_args": {"timeout": within}, "pool_size": POOL, "max_overflow": 0, "pool_timeout": within}
        self._shown = parsed.render_as_string(hide_password=True).replace(driver, parsed.get_backend_name())
        self._engine = create_async_engine(parsed, **more)
        self._within = within
        self._listening: AsyncConnection | None = None
        self._ear: Any = None  # asyncpg's own connection below it
        if not self.postgres:
            event.listen(self._engine.sync_engine, "connect", _as_safe_as_can_be)

    async def open(self) -> None:
        """Lead its tables to what they are now, once, whoever else does so."""
        if not self.postgres and (path := self._engine.url.database):
            with suppress(OSError):  # which SQLite is going to say too
                Path(path).touch(mode=OWN, exist_ok=True)
        async with self._asked(self._within * LONGER) as connection:
            if self.postgres:
                await connection.execute(select(func.pg_advisory_xact_lock(MIGRATING)))
            try:
                await connection.run_sync(_migrate)
            except CommandError as error:
                raise Fault(
                    f"database {self._shown}: its tables are of another version of the gateway: {error}"
                ) from None

    async def close(self) -> None:
        """Give up all connections."""
        try:
            async with asyncio.timeout(self._within):
                if self._listening is not None:
                    await self._listening.invalidate()
                await self._engine.dispose()
        except (SQLAlchemyError, OSError) as error:
            raise self._fault(error) from None

    async def version(self) -> int:
        """What grows with each change."""
        async with self._asked(self._within) as connection:
            return int((await connection.execute(select(VERSION.c.number))).scalar_one())

    async def read(self) -> tuple[int, Added]:
        """All that was added, and at which version."""
        async with self._asked(self._within) as connection:
            number = (await connection.execute(select(VERSION.c.number))).scalar_one()
            tenants = {row.name: _tenant(row) for row in await connection.execute(select(TENANT))}
            keys = tuple(_key(row) for row in await connection.execute(select(KEY).order_by(KEY.c.sha256)))
            models = {row.name: msgspec.convert(row.part, ModelPart) for row in await connection.execute(select(MODEL))}
        return int(number), Added(tenants, keys, models)

    async def change(self, *statements: Executable) -> int:
        """Do them all or none; returns how many rows the last one met."""
        async with self._asked(self._within) as connection:
            for each in statements:
                met = await connection.execute(each)
            await connection.execute(update(VERSION).values(number=VERSION.c.number + 1))
            if self.postgres:
                await connection.execute(select(func.pg_notify(CHANNEL, "")))
        return int(met.rowcount)

    async def spent(self, gateway: str, amounts: Mapping[str, float]) -> dict[str, float]:
        """Say what a gateway's tenants have spent with it, those of whom that has changed; returns what each has spent
        with all others."""
        async with self._asked(self._within) as connection:
            rows = [{"tenant": name, "gateway": gateway, "amount": amount} for name, amount in amounts.items()]
            if rows:
                await connection.execute(self._upsert(SPENT, "amount"), rows)
            others = select(SPENT.c.tenant, func.sum(SPENT.c.amount)).where(SPENT.c.gateway != gateway)
            return {name: float(amount) for name, amount in await connection.execute(others.group_by(SPENT.c.tenant))}

    async def forgive(self, tenant: str) -> None:
        """From now on a tenant has spent nothing, with whichever gateway."""
        async with self._asked(self._within) as connection:
            mine = SPENT.c.tenant == tenant
            all_ = (await connection.execute(select(func.sum(SPENT.c.amount)).where(mine))).scalar_one()
            await self._add(connection, {tenant: -float(all_ or 0.0)})

    async def fold(self, gateway: str, amounts: Mapping[str, float]) -> None:
        """A gateway ends, and its tenants have spent so much with it: that belongs to nobody from now on."""
        async with self._asked(self._within) as connection:
            await connection.execute(delete(SPENT).where(SPENT.c.gateway == gateway))
            await self._add(connection, {name: amount for name, amount in amounts.items() if amount})

    async def _add(self, connection: AsyncConnection, amounts: Mapping[str, float]) -> None:
        rows = [{"tenant": name, "gateway": NOBODY, "amount": amount} for name, amount in amounts.items()]
        if rows:
            made: Any = self._insert(SPENT)
            more = {"amount": SPENT.c.amount + made.excluded.amount}
            await connection.execute(
                made.on_conflict_do_update(index_elements=[each.name for each in SPENT.primary_key], set_=more), rows
            )

    def put(self, table: Table, **values: object) -> Executable:
        """A statement that puts a row there, in place of the one that was."""
        keys = {each.name for each in table.primary_key}
        made: Executable = self._upsert(table, *(values.keys() - keys)).values(**values)
        return made

    def _upsert(self, table: Table, *changed: str) -> Any:
        made: Any = self._insert(table)
        keys = [each.name for each in table.primary_key]
        return made.on_conflict_do_update(index_elements=keys, set_={each: made.excluded[each] for each in changed})

    def _insert(self, table: Table) -> Any:
        return postgresql.insert(table) if self.postgres else sqlite.insert(table)

    async def listen(self, told: Callable[[], None]) -> bool:
        """Have `told` called whenever another gateway may have changed something; whether that works, and goes on
        working from before."""
        if not self.postgres:
            return False
        if self._ear is not None and not self._ear.is_closed():
            return True
        try:
            async with asyncio.timeout(self._within), AsyncExitStack() as stack:
                if self._listening is not None:
                    await self._listening.invalidate()  # it is deaf, and another takes its place
                    await self._listening.close()
                    self._listening = None
                connection = await stack.enter_async_context(self._engine.connect())
                ear: Any = (await connection.get_raw_connection()).driver_connection
                await ear.add_listener(CHANNEL, lambda *_: told())
                stack.pop_all()  # it is kept
        except (SQLAlchemyError, OSError) as error:
            raise self._fault(error) from None
        self._listening, self._ear = connection, ear
        told()  # whatever was said meanwhile
        return True

    @asynccontextmanager
    async def _asked(self, within: float) -> AsyncGenerator[AsyncConnection]:
        """A transaction. Raises Fault where it cannot be had, takes too long, or fails."""
        try:
            async with asyncio.timeout(within), self._engine.begin() as connection:
                yield connection
        except (SQLAlchemyError, OSError) as error:  # timeouts, and what asyncpg says of connections, are OSErrors
            raise self._fault(error) from None

    def _fault(self, error: Exception) -> Fault:
        why = f"no answer within {self._within:g} s" if isinstance(error, TimeoutError) else str(error).splitlines()[0]
        return Fault(f"database {self._shown}: {why or type(error).__name__}")


def _as_safe_as_can_be(connection: Any, _: object) -> None:
    """What SQLite is told of each connection: nothing that was acknowledged is lost with the machine's power."""
    for pragma in ("journal_mode = WAL", "synchronous = FULL"):
        connection.execute(f"PRAGMA {pragma}")


def _migrate(connection: Connection) -> None:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


def _tenant(row: Row[Any]) -> TenantPart:
    return msgspec.convert({name: getattr(row, name) for name in TenantPart.__struct_fields__}, TenantPart)


def _key(row: Row[Any]) -> KeyPart:
    expires = row.expires if row.expires is None or row.expires.tzinfo else row.expires.replace(tzinfo=UTC)
    return KeyPart(sha256=row.sha256, tenant=row.tenant, name=row.name, models=tuple(row.models), expires=expires)
