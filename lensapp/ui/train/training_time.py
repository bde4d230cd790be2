"""How long trainings will take, in words: the same on cards of recipes, forms and previews of all pages.

All go by `lensapp.services.train.durations`, and say what they are the time of, so that two can be compared.
"""

from collections.abc import Sequence

from lensapp.services.train.durations import Duration
from lensapp.ui.shared.widgets import counted, duration, duration_span

TOLD_BEGIN = 0.2  # of the time of a training, from which on what goes beside its epochs is told
SLOWER = 1.4  # times the time expected, from which on the slowest training of late is told too
NO_EPOCHS = "Set “Epochs” to 1 or more: then the time is told."


def time_words(time: Duration | None) -> str:
    """Return a time that a training will take."""
    if time is None:
        return "time unknown"
    if time.guessed:
        return duration_span(time.seconds, time.slowest or time.seconds)
    return f"≈ {duration(time.seconds)}"


def start_words(time: Duration | None, *, epochs: int) -> str:
    """Return how long a training of so many epochs will take, and how that is known."""
    if epochs < 1:
        return NO_EPOCHS
    if time is None:
        return "Time unknown: this network has not been trained here yet."
    told = f"{counted(epochs, 'epoch')}: {time_words(time)}"
    if time.by_epochs_of is not None:
        return f"{told} here, going by the latest epochs of {time.by_epochs_of}."
    if time.measured:
        slower = time.slowest or 0.0
        at_worst = (
            f"; up to {duration(slower)} while others use the machine"
            if slower > SLOWER * time.seconds
            else ""
        )
        begin = (
            f", {duration(time.begin)} of it loading and saving"
            if time.begin > TOLD_BEGIN * time.seconds
            else ""
        )
        return f"{told} here{begin}, going by its last training{at_worst}."
    if time.others:
        return (
            f"{told}, going by the demo survey and what other networks took here; longer while other work "
            "runs."
        )
    return f"{told}, depending on this machine: nothing was trained on it yet. The first epochs will tell."


def time_in_all(times: Sequence[Duration | None], *, epochs: int, at_most: float | None = None) -> str:
    """Return how long trainings of so many epochs take one after the other in one job, as far as it is known.

    `at_most` are seconds after which no further one begins.
    """
    if epochs < 1:
        return NO_EPOCHS
    known = [time for time in times if time is not None]
    if not known:
        which = "none of these was" if len(times) > 1 else "this network has not been"
        return f"Time unknown: {which} trained here yet."
    unknown = len(times) - len(known)
    more = f", and {counted(unknown, 'network')} not trained here yet" if unknown else ""
    shortest = known[0].begin + sum(time.seconds - time.begin for time in known)
    longest = shortest + sum((time.slowest or 0.0) - time.seconds for time in known if time.guessed)
    whole = f"{counted(len(known), 'training')} of {counted(epochs, 'epoch')}: "
    if at_most is not None and at_most < longest:
        whole = ""  # fewer are begun
        shortest, longest = min(shortest, at_most), at_most
    once = ""
    if len(known) > 1 and known[0].begin > TOLD_BEGIN * known[0].seconds:
        once = f", with loading and saving, {duration(known[0].begin)}, only once"
    if longest > shortest:
        span = duration_span(shortest, longest)
        return f"{whole}{span} in all{more}: none was trained on this machine yet."
    return f"{whole}≈ {duration(shortest)} in all{once}{more}."
