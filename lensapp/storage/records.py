"""What the repositories return: frozen rows of the tables."""

from dataclasses import dataclass, field
from typing import Any

from lensapp.core.acting import Role
from lensapp.core.score.score_table_spec import MODEL as EXTERNAL


@dataclass(frozen=True)
class Source:
    """A registered survey of packed cutouts."""

    id: int
    name: str
    kind: str
    state: str
    bands: tuple[str, ...]
    height: int
    width: int
    pixel_scale_arcsec: float | None
    slots: int
    spec: dict[str, Any]
    quality: dict[str, Any]
    created_at: float
    first_name: str | None = None

    @property
    def frozen_name(self) -> str:
        """The name under which checksums of dataset versions know it, whatever it is called now."""
        return self.first_name or self.name


@dataclass(frozen=True)
class Rejection:
    """A file or candidate that was not imported, and why."""

    file: str
    code: str
    reason: str


@dataclass(frozen=True)
class Cutout:
    """One cutout of a source; positions are ICRS degrees."""

    id: int
    source_id: int
    row: int
    candidate_id: str
    ra_deg: float | None
    dec_deg: float | None
    position_from: str | None
    label: str | None
    object_class: str | None
    parent: str | None
    masked_fraction: float
    pixels_digest: str | None
    perceptual_hash: str | None
    properties: dict[str, Any]


@dataclass(frozen=True)
class Dataset:
    """A frozen dataset version."""

    id: int
    name: str
    parent_id: int | None
    spec: dict[str, Any]
    source_ids: tuple[int, ...]
    bands: tuple[str, ...]
    counts: dict[str, dict[str, int]]
    checksum: str
    note: str
    created_at: float


@dataclass(frozen=True)
class Run:
    """One training of one network."""

    id: int
    name: str
    dataset_id: int
    initial_run_id: int | None
    model: str
    state: str
    spec: dict[str, Any]
    summary: dict[str, Any]
    evaluation: dict[str, Any] | None
    created_at: float
    finished_at: float | None
    note: str = ""
    tags: list[str] = field(default_factory=list)

    @property
    def is_external(self) -> bool:
        """Whether it holds the scores of another program, from a table, and no network."""
        return self.model == EXTERNAL


@dataclass(frozen=True)
class Study:
    """Several runs made or compared for one question: folds, trials of a search, or networks."""

    id: int
    name: str
    kind: str
    dataset_id: int
    state: str
    spec: dict[str, Any]
    summary: dict[str, Any]
    created_at: float
    finished_at: float | None


@dataclass(frozen=True)
class StudyRun:
    """A run of a study, its place (fold, trial or row) and what the study found for it."""

    run: Run
    place: int
    info: dict[str, Any]


@dataclass(frozen=True)
class Review:
    """A saved queue of candidates to inspect."""

    id: int
    name: str
    source_id: int
    run_id: int | None
    spec: dict[str, Any]
    size: int
    created_at: float
    closed_at: float | None


@dataclass(frozen=True)
class Vote:
    """One inspector's grade of one candidate; a grade of None withdraws the vote before."""

    id: int
    client: str
    seq: int
    review_id: int
    cutout_id: int
    inspector: str
    grade: str | None
    contaminant: str | None
    comment: str | None
    voted_at: float
    received_at: float
    seconds_spent: float | None
    stretch: str | None
    score_seen: bool
    value: float | None
    starred: bool | None


@dataclass(frozen=True)
class BlindTest:
    """An image with a known truth in a review: a simulated lens, a dud, or a candidate shown again."""

    cutout_id: int
    review_id: int
    kind: str
    pixels_of: int | None
    score: float | None
    truth: dict[str, Any]


REFUSED = "refused"  # in the result of a job that failed


@dataclass(frozen=True)
class Job:
    """A long task, its progress and its end."""

    id: int
    kind: str
    title: str
    payload: dict[str, Any]
    state: str
    command: str | None
    progress: dict[str, Any]
    result: dict[str, Any] | None
    error: str | None
    traceback: str | None
    worker: str | None
    attempt: int
    heartbeat_at: float | None
    created_at: float
    started_at: float | None
    finished_at: float | None
    enqueued_by: str | None = None
    put_first_at: float | None = None
    silent_seconds: float | None = None  # since it was last heard of, by the database's clock

    @property
    def refused(self) -> bool:
        """Whether it failed because what it was asked for cannot be done: tried again, it fails again."""
        return self.state == "failed" and bool(self.result) and REFUSED in (self.result or {})


@dataclass(frozen=True)
class Account:
    """Somebody who may log in.

    Attributes
    ----------
    name
        Signs votes and stands in the trail.
    email
        In small letters; how an OIDC provider knows it.
    password_hash
        Argon2id; None where it cannot log in with a password.
    seen_at
        When it was used last; None: never.
    """

    id: int
    name: str
    email: str | None
    role: Role
    password_hash: str | None
    created_at: float
    seen_at: float | None = None
