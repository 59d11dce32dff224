"""The tables, as they are now; `migrations` leads there. Money is in millionths, as tenants' accounts have it."""

from sqlalchemy import JSON, BigInteger, Column, DateTime, Double, Integer, MetaData, String, Table, Text

META = MetaData()

TENANT = Table(
    "tenant",
    META,
    Column("name", Text, primary_key=True),
    Column("requests_per_minute", Double),
    Column("tokens_per_minute", Double),
    Column("concurrency", BigInteger),
    Column("budget", Double),
    Column("weight", Double, nullable=False),
    Column("priority", Text, nullable=False),
    Column("models", JSON, nullable=False),
)
KEY = Table(
    "key",
    META,
    Column("sha256", String(64), primary_key=True),
    Column("tenant", Text, nullable=False, index=True),
    Column("name", Text, nullable=False),
    Column("models", JSON, nullable=False),
    Column("expires", DateTime(timezone=True)),
)
MODEL = Table("model", META, Column("name", Text, primary_key=True), Column("part", JSON, nullable=False))
SPENT = Table(  # with each gateway since it began, all of it each time: to say it twice does no harm
    "spent",
    META,
    Column("tenant", Text, primary_key=True),
    Column("gateway", Text, primary_key=True),
    Column("amount", Double, nullable=False),
)
VERSION = Table(  # one row, whose number grows with each change of the first three
    "version",
    META,
    Column("id", Integer, primary_key=True),
    Column("number", BigInteger, nullable=False),
)
