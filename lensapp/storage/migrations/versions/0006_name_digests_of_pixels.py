"""Name the digests of pixels for what they are: newer ones are XXH3, older ones SHA-256."""

from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("ALTER TABLE cutouts RENAME COLUMN pixels_sha256 TO pixels_digest")


def downgrade() -> None:
    op.execute("ALTER TABLE cutouts RENAME COLUMN pixels_digest TO pixels_sha256")
