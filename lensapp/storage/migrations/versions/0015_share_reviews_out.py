"""Keep who grades which candidates of a review that inspectors share."""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

KEY = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    op.create_table(
        "shares",
        sa.Column("review_id", KEY, nullable=False),
        sa.Column("person", sa.String(200), nullable=False),
        sa.Column("inspector", sa.String(200), nullable=False),
        sa.Column("cutouts", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("review_id", "person", name="pk_shares"),
        sa.ForeignKeyConstraint(
            ["review_id"], ["reviews.id"], name="fk_shares_review_id_reviews", ondelete="CASCADE"
        ),
    )


def downgrade() -> None:
    op.drop_table("shares")
