"""Let SQLite, as PostgreSQL, give no number again whose row is gone, also in workspaces of before."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

TABLES = ("sources", "datasets", "runs", "studies", "reviews", "jobs", "accounts")


def upgrade() -> None:
    """Make tables anew, as SQLite needs it; foreign keys are off meanwhile, and checked afterwards."""
    connection = op.get_bind()
    if connection.dialect.name != "sqlite":
        return
    made = sa.text("SELECT name FROM sqlite_master WHERE sql LIKE '%AUTOINCREMENT%'")
    done = set(connection.scalars(made))
    for table in TABLES:
        if table not in done:
            with op.batch_alter_table(table, recreate="always", table_kwargs={"sqlite_autoincrement": True}):
                pass


def downgrade() -> None:
    """Leave the tables: an older program works with them as well."""
