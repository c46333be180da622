"""Alembic's door: uses the connection that `store.schema` hands it, or an URL on Alembic's own command line."""

from alembic import context

from models.tables import metadata

connection = context.config.attributes.get("connection")
if connection is None:
    raise SystemExit("run migrations with ./parley up, or through store.schema")
context.configure(connection=connection, target_metadata=metadata, compare_server_default=True)
with context.begin_transaction():
    context.run_migrations()
