"""Keep when an account was last used: its sessions, which tell it too, go when they end."""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("accounts", sa.Column("seen_at", sa.Float()))


def downgrade() -> None:
    op.drop_column("accounts", "seen_at")
