"""What Alembic runs: the steps to the newest tables, over a connection that is there already."""

from alembic import context

from gateway.data.tables import META

context.configure(connection=context.config.attributes["connection"], target_metadata=META, render_as_batch=True)
with context.begin_transaction():
    context.run_migrations()
