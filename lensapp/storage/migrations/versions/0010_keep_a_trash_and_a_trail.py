"""Keep what was deleted for a while, who changed what, and the names that checksums were made with."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

KEY = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    op.create_table(
        "trash",
        sa.Column("kind", sa.String(20), nullable=False),
        sa.Column("item_id", KEY, nullable=False),
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("deletion", sa.String(200), nullable=False),
        sa.Column("deleted_by", sa.String(200), nullable=False),
        sa.Column("deleted_at", sa.Float(), nullable=False),
        sa.Column("reviews", sa.JSON(), nullable=False),
        sa.Column("emptied_at", sa.Float()),
        sa.PrimaryKeyConstraint("kind", "item_id", name="pk_trash"),
    )
    op.create_table(
        "trail",
        sa.Column("id", KEY, nullable=False),
        sa.Column("at", sa.Float(), nullable=False),
        sa.Column("who", sa.String(200), nullable=False),
        sa.Column("did", sa.String(40), nullable=False),
        sa.Column("kind", sa.String(20), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_trail"),
    )
    op.add_column("sources", sa.Column("first_name", sa.String(200)))


def downgrade() -> None:
    op.drop_column("sources", "first_name")  # in place: a rebuilt table would lose what refers to it
    op.drop_table("trail")
    op.drop_table("trash")
