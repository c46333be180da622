"""The schema's history, newest last; `alembic upgrade head` is run by the service at its start."""
