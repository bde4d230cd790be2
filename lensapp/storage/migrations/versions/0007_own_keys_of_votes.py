"""Let the key of a vote belong to its inspector and review: nobody can take another's."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

OLD = ["client", "seq"]
NEW = ["client", "seq", "inspector", "review_id"]


def upgrade() -> None:
    replace_key(OLD, NEW)


def downgrade() -> None:
    replace_key(NEW, OLD)


def replace_key(before: list[str], after: list[str]) -> None:
    names = {key["name"] for key in sa.inspect(op.get_bind()).get_unique_constraints("votes")}
    with op.batch_alter_table("votes", schema=None) as batch_op:
        if name_of(before) in names:
            batch_op.drop_constraint(name_of(before), type_="unique")
        if name_of(after) not in names:
            batch_op.create_unique_constraint(name_of(after), after)


def name_of(columns: list[str]) -> str:
    return "uq_votes_" + "_".join(columns)
