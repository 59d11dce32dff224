"""The first tables."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Make them."""
    op.create_table(
        "tenant",
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("requests_per_minute", sa.Double),
        sa.Column("tokens_per_minute", sa.Double),
        sa.Column("concurrency", sa.BigInteger),
        sa.Column("budget", sa.Double),
        sa.Column("weight", sa.Double, nullable=False),
        sa.Column("priority", sa.Text, nullable=False),
        sa.Column("models", sa.JSON, nullable=False),
    )
    op.create_table(
        "key",
        sa.Column("sha256", sa.String(64), primary_key=True),
        sa.Column("tenant", sa.Text, nullable=False, index=True),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("models", sa.JSON, nullable=False),
        sa.Column("expires", sa.DateTime(timezone=True)),
    )
    op.create_table("model", sa.Column("name", sa.Text, primary_key=True), sa.Column("part", sa.JSON, nullable=False))
    op.create_table(
        "spent",
        sa.Column("tenant", sa.Text, primary_key=True),
        sa.Column("gateway", sa.Text, primary_key=True),
        sa.Column("amount", sa.Double, nullable=False),
    )
    version = op.create_table(
        "version",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("number", sa.BigInteger, nullable=False),
    )
    op.bulk_insert(version, [{"id": 1, "number": 1}])


def downgrade() -> None:
    """Drop them."""
    for name in ("version", "spent", "model", "key", "tenant"):
        op.drop_table(name)
