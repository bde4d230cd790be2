"""Let a job that waits be done before others: keep when it was put first."""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("jobs", sa.Column("put_first_at", sa.Float()))


def downgrade() -> None:
    op.drop_column("jobs", "put_first_at")
