"""Add calibrators, the images with a known truth in a review, and the value of each vote's grade."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "calibrators",
        sa.Column("cutout_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("review_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("pixels_of", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("score", sa.Float(), nullable=True),
        sa.Column("truth", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(
            ["cutout_id"], ["cutouts.id"], name=op.f("fk_calibrators_cutout_id_cutouts"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["review_id"], ["reviews.id"], name=op.f("fk_calibrators_review_id_reviews"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["pixels_of"], ["cutouts.id"], name=op.f("fk_calibrators_pixels_of_cutouts")),
        sa.PrimaryKeyConstraint("cutout_id", name=op.f("pk_calibrators")),
    )
    with op.batch_alter_table("calibrators", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_calibrators_review_id"), ["review_id"], unique=False)
    op.add_column("votes", sa.Column("value", sa.Float(), nullable=True))


def downgrade() -> None:
    with op.batch_alter_table("votes", schema=None) as batch_op:
        batch_op.drop_column("value")
    with op.batch_alter_table("calibrators", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_calibrators_review_id"))
    op.drop_table("calibrators")
