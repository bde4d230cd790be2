"""What can go wrong in a way the user can mend.

Every message says what is wrong and what to do about it.
"""


class LensAppError(Exception):
    """Base of all errors that a user can understand and mend (exit status 2)."""


class InvalidInput(LensAppError):
    """A file, a value or a combination of options cannot be used as given."""


class VoteConflict(InvalidInput):
    """Votes came under running numbers that their tab has used for others; `taken` lists these numbers."""

    def __init__(self, taken: list[int]) -> None:
        self.taken = taken
        numbers = ", ".join(map(str, taken[:5])) + (", …" if len(taken) > 5 else "")
        super().__init__(
            f"Other votes are stored under the running numbers {numbers} of this tab. Reload the page to "
            "send these under new ones."
        )


class NotFound(LensAppError):
    """A named source, dataset, run, review or candidate does not exist."""


class FeaturesMissing(NotFound):
    """No run has stored features of `source`; `run` can compute them, or is None where no network can.

    `brief` says so for a page that leads there with a button.
    """

    def __init__(self, message: str, *, source: str, run: str | None, brief: str) -> None:
        self.source, self.run, self.brief = source, run, brief
        super().__init__(message)


class NotAllowed(LensAppError):
    """Who acts lacks the right to do so, or nobody is logged in."""


class BandMismatch(LensAppError):
    """Bands, their order, the cutout size or the pixel scale differ from what a network expects.

    `brief` says in two or three words what differs, for a list.
    """

    def __init__(self, message: str, *, brief: str = "does not fit") -> None:
        self.brief = brief
        super().__init__(message)


class SizeMismatch(BandMismatch):
    """Cutouts are larger than those a network was trained on: it can look at their middle if asked to."""


class UnitMismatch(BandMismatch):
    """The unit of flux differs from the network's, or it or the pixel scale cannot be compared."""


class StorageError(LensAppError):
    """The workspace folder or the database cannot be read or written."""


class DatabaseAway(StorageError):
    """The database is locked or does not answer; what was asked of it can be asked again."""


class JobCancelled(LensAppError):
    """A job stopped because its user asked for it."""
