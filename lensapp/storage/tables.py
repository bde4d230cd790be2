"""The tables of the workspace database.

Times are UTC seconds since 1970 (float). Structured values that are only read whole are JSON.
Votes and dataset members are never updated: a change is a new vote or a new dataset version.
Caches, gallery tokens and journals of browsers go by numbers of tables with `sqlite_autoincrement`: one that
was given is given to nothing else, also when its row is gone. PostgreSQL does so by itself.
"""

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    TypeDecorator,
    UniqueConstraint,
)
from sqlalchemy.engine import Dialect
from sqlalchemy.exc import DontWrapMixin

from lensapp.core.data.candidate_ids import storable
from lensapp.core.errors import InvalidInput

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)

# SQLite gives automatic keys only to INTEGER; PostgreSQL wants 64 bits for hundreds of millions of rows.
Key = BigInteger().with_variant(Integer, "sqlite")


class TooLong(InvalidInput, DontWrapMixin):
    """A text that has more characters than its column holds; SQLite alone would store it."""


class Words(TypeDecorator[str]):
    """Text, the same in every database: without NUL and halves of characters, and never too long."""

    impl = String
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        """Return what is stored; raise InvalidInput for a text that is too long."""
        del dialect
        most = getattr(self.impl, "length", None)
        if value is not None and most is not None and len(value) > most:
            raise TooLong(
                f"{value[:40]!r}… has {len(value)} characters, where the database keeps {most}. Shorten it."
            )
        return None if value is None else storable(value)


class LongWords(Words):
    """Text of any length, the same in every database."""

    impl = Text
    cache_ok = True


sources = Table(
    "sources",
    metadata,
    Column("id", Key, primary_key=True),
    Column("name", Words(200), nullable=False, unique=True),
    Column("kind", Words(20), nullable=False),  # "import", "demo" or "calibrators", which is hidden
    Column("state", Words(20), nullable=False),  # "importing" or "ready"
    Column("bands", JSON, nullable=False),
    Column("height", Integer, nullable=False),
    Column("width", Integer, nullable=False),
    Column("pixel_scale_arcsec", Float),
    Column("slots", Key, nullable=False),  # rows reserved in the shards; rejected files leave holes
    Column("spec", JSON, nullable=False),
    Column("quality", JSON, nullable=False),  # per band: histogram, quantiles, masked pixels; warnings
    Column("created_at", Float, nullable=False),
    Column("first_name", Words(200)),  # of a renamed one: as checksums of dataset versions know it
    sqlite_autoincrement=True,
)

rejections = Table(
    "rejections",
    metadata,
    Column("id", Key, primary_key=True),
    Column("source_id", ForeignKey("sources.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("file", LongWords(), nullable=False),
    Column("code", Words(40), nullable=False),
    Column("reason", LongWords(), nullable=False),
)

cutouts = Table(
    "cutouts",
    metadata,
    Column("id", Key, primary_key=True),
    Column("source_id", ForeignKey("sources.id", ondelete="CASCADE"), nullable=False),
    Column("row", Key, nullable=False),  # row in the packed pixels
    Column("candidate_id", Words(300), nullable=False),
    Column("ra_deg", Float),
    Column("dec_deg", Float),
    Column("position_from", Words(20)),  # "catalogue", "wcs", "keyword" or none
    Column("label", Words(100)),  # training truth known on import: "lens", "nonlens" or a class name
    Column("object_class", Words(100)),
    Column("parent", Words(300)),  # the sky object of which this cutout is one view
    Column("masked_fraction", Float, nullable=False, default=0.0),
    Column("pixels_digest", Words(64)),
    Column("perceptual_hash", Words(16)),  # 64 bits in hexadecimal
    Column("properties", JSON, nullable=False),  # catalogue columns, simulation truth, file names
    UniqueConstraint("source_id", "candidate_id"),
    UniqueConstraint("source_id", "row"),
)

datasets = Table(
    "datasets",
    metadata,
    Column("id", Key, primary_key=True),
    Column("name", Words(200), nullable=False, unique=True),
    Column("parent_id", ForeignKey("datasets.id")),
    Column("spec", JSON, nullable=False),
    Column("source_ids", JSON, nullable=False),
    Column("bands", JSON, nullable=False),
    Column("counts", JSON, nullable=False),  # part -> label -> number
    Column("checksum", Words(64), nullable=False),
    Column("note", LongWords(), nullable=False, default=""),
    Column("created_at", Float, nullable=False),
    sqlite_autoincrement=True,
)

dataset_members = Table(
    "dataset_members",
    metadata,
    Column("dataset_id", ForeignKey("datasets.id", ondelete="CASCADE"), primary_key=True),
    Column("cutout_id", ForeignKey("cutouts.id"), primary_key=True),
    Column("part", Words(20), nullable=False),  # "train", "validation", "test" or "second-test"
    Column("label", Words(100), nullable=False),
    Column("group_id", Key, nullable=False),
    Column("fold", Integer),
    Column("label_from", LongWords(), nullable=False),  # "import", "demo" or "votes:<review>:<inspectors>"
)

runs = Table(
    "runs",
    metadata,
    Column("id", Key, primary_key=True),
    Column("name", Words(200), nullable=False, unique=True),
    Column("dataset_id", ForeignKey("datasets.id"), nullable=False),
    Column("initial_run_id", ForeignKey("runs.id")),
    Column("model", Words(100), nullable=False),
    Column("state", Words(20), nullable=False),  # queued running paused stopped finished failed
    Column("spec", JSON, nullable=False),
    Column("summary", JSON, nullable=False),  # parameters, device, best epoch and figures, seconds
    Column("evaluation", JSON),
    Column("created_at", Float, nullable=False),
    Column("finished_at", Float),
    Column("note", LongWords(), nullable=False, server_default=""),
    Column("tags", JSON, nullable=False, server_default="[]"),  # words by which runs are found
    sqlite_autoincrement=True,
)

metrics = Table(
    "metrics",
    metadata,
    Column("run_id", ForeignKey("runs.id", ondelete="CASCADE"), primary_key=True),
    Column("epoch", Integer, primary_key=True),
    Column("figures", JSON, nullable=False),
)

scores = Table(
    "scores",
    metadata,
    Column("run_id", ForeignKey("runs.id", ondelete="CASCADE"), primary_key=True),
    Column("cutout_id", ForeignKey("cutouts.id", ondelete="CASCADE"), primary_key=True),
    Column("source_id", ForeignKey("sources.id", ondelete="CASCADE"), nullable=False),
    Column("score", Float, nullable=False),
    Index("ix_scores_run_source_score", "run_id", "source_id", "score"),
)

# What of a source a run is scoring; the list goes when all of it is scored.
score_shards = Table(
    "score_shards",
    metadata,
    Column("run_id", ForeignKey("runs.id", ondelete="CASCADE"), primary_key=True),
    Column("source_id", ForeignKey("sources.id", ondelete="CASCADE"), primary_key=True),
    Column("number", Integer, primary_key=True),  # of a tile or a block of cutouts; -1 joins them all
    Column("state", Words(20), nullable=False),  # open claimed done
    Column("owner", Words(200)),
    Column("heartbeat_at", Float),
    Column("only", LongWords()),  # the filter that its cutouts fulfil
)

studies = Table(
    "studies",
    metadata,
    Column("id", Key, primary_key=True),
    Column("name", Words(200), nullable=False, unique=True),
    Column("kind", Words(20), nullable=False),  # "kfold", "search" or "comparison"
    Column("dataset_id", ForeignKey("datasets.id"), nullable=False),
    Column("state", Words(20), nullable=False),  # queued running paused stopped finished failed
    Column("spec", JSON, nullable=False),
    Column("summary", JSON, nullable=False),
    Column("created_at", Float, nullable=False),
    Column("finished_at", Float),
    sqlite_autoincrement=True,
)

study_runs = Table(
    "study_runs",
    metadata,
    Column("study_id", ForeignKey("studies.id", ondelete="CASCADE"), primary_key=True),
    Column("run_id", ForeignKey("runs.id", ondelete="CASCADE"), primary_key=True, index=True),
    Column("place", Integer, nullable=False),  # the fold, the trial or the row within the study
    Column("info", JSON, nullable=False),  # what the study found for this run
)

reviews = Table(
    "reviews",
    metadata,
    Column("id", Key, primary_key=True),
    Column("name", Words(200), nullable=False, unique=True),
    Column("source_id", ForeignKey("sources.id"), nullable=False),
    Column("run_id", ForeignKey("runs.id")),
    Column("spec", JSON, nullable=False),
    Column("queue", LargeBinary, nullable=False),  # little-endian int64 cutout ids, in the order shown
    Column("size", Key, nullable=False),
    Column("created_at", Float, nullable=False),
    Column("closed_at", Float),  # from then on its blind tests may be told
    sqlite_autoincrement=True,
)

votes = Table(
    "votes",
    metadata,
    Column("id", Key, primary_key=True),
    Column("client", Words(80), nullable=False),  # one browser tab or one command
    Column("seq", Key, nullable=False),  # counts up within a client: a retry is recognised
    Column("review_id", ForeignKey("reviews.id"), nullable=False),
    Column("cutout_id", ForeignKey("cutouts.id"), nullable=False),
    Column("inspector", Words(200), nullable=False),
    Column("grade", Words(20)),  # none: the vote withdraws the one before
    Column("contaminant", Words(100)),
    Column("comment", LongWords()),
    Column("voted_at", Float, nullable=False),  # the inspector's clock
    Column("received_at", Float, nullable=False),  # the server's clock
    Column("seconds_spent", Float),
    Column("stretch", LongWords()),
    Column("score_seen", Boolean, nullable=False, default=False),
    Column("value", Float),  # of the grade in its review's scheme; none: by its letter
    Column("starred", Boolean),  # marked by the inspector to be found again
    UniqueConstraint("client", "seq", "inspector", "review_id"),
    Index("ix_votes_review_cutout", "review_id", "cutout_id"),
)

# One row per inspector, whatever the spelling: how the name was first written is how votes carry it.
inspectors = Table(
    "inspectors",
    metadata,
    Column("person", Words(200), primary_key=True),  # what all spellings share
    Column("name", Words(200), nullable=False),
)

# Images with a known truth in a review's queue. Their cutouts belong to a hidden source.
blind_tests = Table(
    "calibrators",
    metadata,
    Column("cutout_id", ForeignKey("cutouts.id", ondelete="CASCADE"), primary_key=True),
    Column("review_id", ForeignKey("reviews.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("kind", Words(20), nullable=False),  # "lens", "dud" or "repeat"
    Column("pixels_of", ForeignKey("cutouts.id")),  # whose pixels are shown; none: its own
    Column("score", Float),  # told to inspectors who ask for scores
    Column("truth", JSON, nullable=False),
)

# How an inspector looks at a review and where in it: the next machine goes on from here.
view_settings = Table(
    "view_settings",
    metadata,
    Column("review_id", ForeignKey("reviews.id", ondelete="CASCADE"), primary_key=True),
    Column("inspector", Words(200), primary_key=True),
    Column("settings", JSON, nullable=False),
    Column("updated_at", Float, nullable=False),
)

# Which candidates of a review an inspector is asked to grade; none: all. Votes on others count as well.
shares = Table(
    "shares",
    metadata,
    Column("review_id", ForeignKey("reviews.id", ondelete="CASCADE"), primary_key=True),
    Column("person", Words(200), primary_key=True),  # as inspector_key writes the name
    Column("inspector", Words(200), nullable=False),
    Column("cutouts", LargeBinary, nullable=False),  # their ids in order, little-endian int64
)

jobs = Table(
    "jobs",
    metadata,
    Column("id", Key, primary_key=True),
    Column("kind", Words(40), nullable=False),
    Column("title", LongWords(), nullable=False),
    Column("payload", JSON, nullable=False),
    Column("state", Words(20), nullable=False, index=True),  # queued running paused done failed cancelled
    Column("command", Words(20)),  # "pause" or "stop", polled by the job
    Column("progress", JSON, nullable=False),
    Column("result", JSON),
    Column("error", LongWords()),
    Column("traceback", LongWords()),
    Column("worker", Words(200)),
    Column("attempt", Integer, nullable=False, default=0),  # fences off a job that was thought dead
    Column("heartbeat_at", Float),
    Column("created_at", Float, nullable=False),
    Column("started_at", Float),
    Column("finished_at", Float),
    Column("enqueued_by", Words(200)),  # who queued it; jobs of older versions do not know
    Column("put_first_at", Float),  # when it was put before the others that wait
    sqlite_autoincrement=True,
)

workers = Table(
    "workers",
    metadata,
    Column("name", Words(200), primary_key=True),
    Column("host", Words(200), nullable=False),
    Column("started_at", Float, nullable=False),
    Column("heartbeat_at", Float, nullable=False),
)

# What was deleted stays where it is until the trash is emptied; lists and names leave it out.
trash = Table(
    "trash",
    metadata,
    Column("kind", Words(20), primary_key=True),  # name of its table
    Column("item_id", Key, primary_key=True),
    Column("name", Words(200), nullable=False),
    Column("deletion", Words(200), nullable=False),  # "source sky": what took it along
    Column("deleted_by", Words(200), nullable=False),
    Column("deleted_at", Float, nullable=False),
    Column("reviews", JSON, nullable=False, default=list),  # that had the scores of a deleted run
    Column("emptied_at", Float),  # its content is gone, its row is still needed
)

# Who changed what, in order; rows are only added.
trail = Table(
    "trail",
    metadata,
    Column("id", Key, primary_key=True),
    Column("at", Float, nullable=False),
    Column("who", Words(200), nullable=False),
    Column("did", Words(40), nullable=False),
    Column("kind", Words(20), nullable=False),
    Column("name", LongWords(), nullable=False),
    Column("detail", LongWords(), nullable=False),
)

# Who may do what, in the modes for a team. Votes and the trail keep names, not accounts.
accounts = Table(
    "accounts",
    metadata,
    Column("id", Key, primary_key=True),
    Column("name", Words(100), nullable=False),  # signs votes
    Column("name_key", Words(200), nullable=False, unique=True),  # the same in every spelling
    Column("email", Words(320), unique=True),  # in small letters; by it an OIDC provider's word is taken
    Column("role", Words(20), nullable=False),
    Column("password_hash", Words(200)),  # Argon2id; none: it cannot log in with a password
    Column("created_at", Float, nullable=False),
    Column("seen_at", Float),  # when it was used last; none: never
    sqlite_autoincrement=True,
)

sessions = Table(
    "sessions",
    metadata,
    Column("key", Words(64), primary_key=True),  # SHA-256 of what the cookie holds
    Column("account_id", Key, ForeignKey("accounts.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("begun_at", Float, nullable=False),
    Column("seen_at", Float, nullable=False),
)

# Wrong passwords of late, by account and by address: "account ada", "address 10.0.0.7".
log_in_failures = Table(
    "log_in_failures",
    metadata,
    Column("subject", Words(300), primary_key=True),
    Column("count", Integer, nullable=False),
    Column("last_at", Float, nullable=False),
)

invitations = Table(
    "invitations",
    metadata,
    Column("review_id", Key, ForeignKey("reviews.id", ondelete="CASCADE"), primary_key=True),
    Column("account_id", Key, ForeignKey("accounts.id", ondelete="CASCADE"), primary_key=True),
)
