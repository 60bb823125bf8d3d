"""What alembic runs: the steps, in the transaction that it is given, all or none.

SQLite undoes changed tables with their transaction too, which alembic doesn't count on by itself.
"""

from alembic import context

context.configure(connection=context.config.attributes["connection"], transactional_ddl=True)
context.run_migrations()
