"""Note how the name of each inspector was first written; write all votes of a person under that name."""

import sqlalchemy as sa
from alembic import op

from lensapp.core.inspect.inspector_names import inspector_key

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

votes = sa.table("votes", *map(sa.column, ("id", "client", "seq", "inspector", "review_id")))
views = sa.table("view_settings", *map(sa.column, ("review_id", "inspector", "updated_at")))


def upgrade() -> None:
    inspectors = op.create_table(
        "inspectors",
        sa.Column("person", sa.String(200), primary_key=True),
        sa.Column("name", sa.String(200), nullable=False),
    )
    connection = op.get_bind()
    first = sa.select(votes.c.inspector).group_by(votes.c.inspector).order_by(sa.func.min(votes.c.id))
    names: dict[str, str] = {}
    for spelling in connection.scalars(first).all():
        name = names.setdefault(inspector_key(spelling), spelling)
        if name != spelling:
            respell_votes(connection, spelling, name)
    for spelling in connection.scalars(sa.select(views.c.inspector).distinct()).all():
        name = names.setdefault(inspector_key(spelling), spelling)
        if name != spelling:
            respell_views(connection, spelling, name)
    if names:
        connection.execute(
            sa.insert(inspectors), [{"person": person, "name": name} for person, name in names.items()]
        )


def respell_votes(connection: sa.Connection, spelling: str, name: str) -> None:
    other = votes.alias()
    taken = sa.exists().where(
        other.c.inspector == name,
        other.c.client == votes.c.client,
        other.c.seq == votes.c.seq,
        other.c.review_id == votes.c.review_id,
    )
    theirs = votes.c.inspector == spelling
    # Two votes of one tab under one number: both are kept, the later one as if from a tab of its own.
    own_tab = sa.literal("respelt-").concat(sa.cast(votes.c.id, sa.String))
    connection.execute(sa.update(votes).where(theirs, taken).values(inspector=name, client=own_tab))
    connection.execute(sa.update(votes).where(theirs).values(inspector=name))


def respell_views(connection: sa.Connection, spelling: str, name: str) -> None:
    theirs = sa.select(views).where(views.c.inspector == spelling)
    for view in connection.execute(theirs).all():
        kept = sa.select(views.c.updated_at).where(
            views.c.inspector == name, views.c.review_id == view.review_id
        )
        updated = connection.scalar(kept)
        here = views.c.review_id == view.review_id
        if updated is not None:
            older = name if updated < view.updated_at else spelling
            connection.execute(sa.delete(views).where(here, views.c.inspector == older))
        connection.execute(sa.update(views).where(here, views.c.inspector == spelling).values(inspector=name))


def downgrade() -> None:
    op.drop_table("inspectors")
