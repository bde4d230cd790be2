"""Preview a split: parts, folds, groups and what the user should look at before freezing it."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from lensapp.core.brightness import Brightness, compared
from lensapp.core.data.column_names import column_label
from lensapp.core.errors import BandMismatch, InvalidInput
from lensapp.core.plurals import counted
from lensapp.core.split.splits import IGNORED, LABELS, CutoutTable, Grouping, Split, SplitSpec, split_cutouts
from lensapp.services.data.sources import count_cutouts, label_counts, ready_sources
from lensapp.services.split.contradictions import (
    LABELLED_BOTH_WAYS,
    Contradiction,
    contradictions_of,
    listing,
    objects_with_both_labels,
)
from lensapp.services.split.known_lens_cut import KnownCut
from lensapp.services.split.second_test import (
    joined,
    reserved_cutouts,
    second_members,
    second_sources,
    without_reserved,
)
from lensapp.services.split.shared_sky import shared_sky_notes
from lensapp.services.split.split_tables import (
    LabelledTable,
    fitting_sources,
    grouping_of,
    labelled_table,
    sky_of,
)
from lensapp.services.split.versions import Counts, count_parts
from lensapp.storage import sources
from lensapp.storage.columns.filtering import kept_by
from lensapp.storage.queries import Columns
from lensapp.storage.workspace import Workspace

LARGE_GROUP_SHARE = 0.1
FEWEST_REPEATED, REPEATED_SHARE = 2, 0.01  # images of a label in several sources, from which on they are told
OUTSIDE_FILTER = "outside the filter"


@dataclass(frozen=True, eq=False)
class SplitPreview:
    """What a split would be.

    Attributes
    ----------
    columns
        Arrays with one entry per labelled cutout: cutout_id, source, candidate_id, part ("" when left
        out), fold (-1 for none), label, group, ra_deg, dec_deg, magnitude.
    magnitude_name
        The property shown as magnitude, or None.
    counts, fold_counts
        Part (or fold) -> label -> number.
    groups, largest_group
        Number of groups in the parts, and of their cutouts in the largest.
    duplicate_groups
        Cutout ids of images that look alike, largest group first.
    conflicts
        Cutout ids of groups that hold lenses and non-lenses.
    left_out
        Reason -> number of cutouts in no part.
    warnings
        What the user should look at, one sentence each.
    notes
        What looks odd and is as it should be, one sentence each.
    contradictions
        Objects that are a lens in one source and a non-lens in another.
    brightness
        Magnitudes of lenses and non-lenses in the parts, None where they have none.
    second
        Cutouts of the second test part, as `split_tables.TABLE_COLUMNS`; None without one.
    """

    columns: Columns
    magnitude_name: str | None
    counts: Counts
    fold_counts: dict[int, dict[str, int]]
    groups: int
    largest_group: int
    duplicate_groups: tuple[tuple[int, ...], ...]
    conflicts: tuple[tuple[int, ...], ...]
    left_out: dict[str, int]
    warnings: tuple[str, ...]
    contradictions: tuple[Contradiction, ...]
    second: Columns | None = None
    notes: tuple[str, ...] = ()
    brightness: Brightness | None = None


def preview_split(
    ws: Workspace,
    *,
    source_names: Sequence[str],
    spec: SplitSpec,
    without: KnownCut | None = None,
    second_test: Sequence[str] = (),
) -> SplitPreview:
    """Divide the labelled cutouts of sources without storing anything.

    Repeated previews of the same sources read the database once; only changed grouping rules group again.
    `without` leaves known lenses out of the non-lenses. The labelled cutouts of the sources in `second_test`
    are kept for a second test part; what shows one of their objects, or one of a second test part that the
    workspace has already, is in no part.

    Raises
    ------
    NotFound, InvalidInput, BandMismatch
        When a source does not exist, is not ready, has no labels, or does not fit the others.
    """
    used = fitting_sources(ws, source_names, crop=spec.crop, bands=spec.bands)
    labelled = labelled_table(ws, used)
    if spec.where is not None:
        kept = kept_by(ws, used, spec.where, ids=labelled.cutout_id)
        labelled = labelled.relabelled(~kept, OUTSIDE_FILTER)
    labelled = labelled if without is None else without.applied(labelled)
    reserved, second = reserved_cutouts(ws), None
    if second_test:
        apart = second_sources(ws, source_names, second_test, crop=spec.crop, bands=spec.bands)
        second = second_members(ws, apart)
        reserved = joined(second, reserved)
    labelled = without_reserved(ws, used, labelled, reserved, spec)
    if not any(labelled.kinds[kind] for kind in LABELS):
        held = ", ".join(f"{count} {kind}" for kind, count in sorted(labelled.kinds.items())) or "no labels"
        raise InvalidInput(
            f"No cutout of {', '.join(source.name for source in used)} is labelled lens or non-lens "
            f"({held}). Import with a label column, or grade cutouts and feed the votes back."
        )
    grouping = grouping_of(ws, used, spec)
    contradictions = contradictions_of(labelled.table, grouping.group)
    if contradictions and spec.contradictions == "leave_out":
        rows = np.zeros(len(labelled.table), bool)
        rows[[row for one in contradictions for row in one.rows]] = True
        labelled = labelled.relabelled(rows, LABELLED_BOTH_WAYS)
    split = split_cutouts(labelled.table, spec, grouping=grouping)
    total = sum(count_cutouts(ws, source) for source in used)
    painted = frozenset(source.name for source in used if source.kind == sources.PAINTED)
    preview = summarise(
        labelled, split, grouping, total=total, contradictions=contradictions, painted=painted
    )
    shared = shared_sky_notes(used, sky_of(ws, used), split.part, spec)
    return replace(preview, second=second, notes=(*preview.notes, *shared))


def complements_of(
    ws: Workspace, source_names: Sequence[str], *, label: str
) -> list[tuple[str, dict[str, int]]]:
    """Return the sources that fit others and have cutouts of a label, which these lack.

    Each comes with the number of its cutouts of each label.
    """
    fitting = []
    for source in ready_sources(ws):
        if source.name not in source_names and label in (counts := label_counts(ws, source)):
            with suppress(BandMismatch):
                fitting_sources(ws, [*source_names, source.name], crop=True)
                fitting.append((source.name, counts))
    return fitting


def summarise(
    labelled: LabelledTable,
    split: Split,
    grouping: Grouping,
    *,
    total: int,
    contradictions: tuple[Contradiction, ...] = (),
    painted: Collection[str] = (),
) -> SplitPreview:
    """Return the preview of a split; in sources that are `painted` every lens has a host without arcs."""
    table, ids = labelled.table, labelled.cutout_id
    inside = split.part != IGNORED
    numbers, sizes = np.unique(split.group[inside], return_counts=True)
    largest = int(sizes.max(initial=0))
    conflicts, objects = objects_with_both_labels(table, split.group)
    drawn = np.isin(table.source, list(painted)) & (table.label == LABELS[0])
    lenses = table.label == LABELS[0]
    brightness = compared(labelled.magnitude[inside & lenses], labelled.magnitude[inside & ~lenses])
    warnings, notes = remarks_on(
        labelled.kinds,
        total=int(inside.sum()),
        largest=largest,
        largest_drawn=int(np.count_nonzero(drawn & inside & np.isin(split.group, numbers[sizes == largest]))),
        conflicts=~_of_drawn(objects, drawn[conflicts], table.label[conflicts]),
    )
    return SplitPreview(
        columns=_columns(labelled, split),
        magnitude_name=labelled.magnitude_name,
        counts=count_parts(split.part, table.label),
        fold_counts=_fold_counts(split, table.label),
        groups=len(sizes),
        largest_group=largest,
        duplicate_groups=_members_by_group(ids, grouping.near_duplicate),
        conflicts=_members_by_group(ids[conflicts], objects),
        left_out=_left_out(labelled, split, total=total),
        warnings=warnings
        + apart_by_brightness(brightness, labelled.magnitude_name)
        + _remarks_on_sources(table, grouping.near_duplicate, inside=inside, drawn=drawn)
        + ((f"{listing(contradictions)}. Correct their labels.",) if contradictions else ()),
        notes=notes,
        contradictions=contradictions,
        brightness=brightness,
    )


def _columns(labelled: LabelledTable, split: Split) -> Columns:
    table = labelled.table
    return {
        "cutout_id": labelled.cutout_id,
        "source": table.source,
        "candidate_id": table.candidate_id,
        "part": split.part,
        "fold": split.fold,
        "label": table.label,
        "group": split.group,
        "ra_deg": table.ra_deg,
        "dec_deg": table.dec_deg,
        "magnitude": labelled.magnitude,
    }


def apart_by_brightness(brightness: Brightness | None, name: str | None) -> tuple[str, ...]:
    """Return that lenses and non-lenses differ in brightness, if so: a network may learn it."""
    if brightness is None or name is None or not brightness.differs:
        return ()
    label = column_label(name)
    label = label if label[:2].isupper() else label[:1].lower() + label[1:]
    return (
        f"The median {label} of the lenses is {brightness.lenses.in_words()}, that of the "
        f"non-lenses {brightness.others.in_words()}: a network may learn brightness in place of arcs.",
    )


def _fold_counts(split: Split, label: NDArray[Any]) -> dict[int, dict[str, int]]:
    """Return how many cutouts of each class each fold holds."""
    counts = {
        kind: np.bincount(split.fold[(label == kind) & (split.fold >= 0)], minlength=1).tolist()
        for kind in LABELS
    }
    folds = int(split.fold.max(initial=-1)) + 1
    return {
        fold: {kind: one[fold] if fold < len(one) else 0 for kind, one in counts.items()}
        for fold in range(folds)
    }


def _left_out(labelled: LabelledTable, split: Split, *, total: int) -> dict[str, int]:
    """Return how many cutouts are in no part, by reason."""
    other = {kind: count for kind, count in labelled.kinds.items() if kind not in LABELS}
    dropped = int(np.count_nonzero(split.part == IGNORED)) - sum(other.values())
    left_out = {"without a label": total - len(labelled.table), "left out for balance": dropped}
    left_out |= {
        kind if kind == OUTSIDE_FILTER else f"labelled {kind!r}": count
        for kind, count in sorted(other.items())
    }
    return {reason: count for reason, count in left_out.items() if count}


def _members_by_group(ids: NDArray[np.int64], group: NDArray[np.int64]) -> tuple[tuple[int, ...], ...]:
    """Return the members of each group of two or more, the largest group first."""
    order = np.argsort(group, kind="stable")
    _, start, count = np.unique(group[order], return_index=True, return_counts=True)
    several = count > 1
    groups = [
        tuple(ids[order[first : first + n]].tolist())
        for first, n in zip(start[several].tolist(), count[several].tolist(), strict=True)
    ]
    return tuple(sorted(groups, key=lambda members: (-len(members), members)))


def _of_drawn(objects: NDArray[np.int64], drawn: NDArray[np.bool_], label: NDArray[Any]) -> NDArray[np.bool_]:
    """Return which rows show an object whose lenses are all painted ones."""
    real = np.unique(objects[(label == LABELS[0]) & ~drawn])
    return np.asarray(~np.isin(objects, real))


def _remarks_on_sources(
    table: CutoutTable, looks: NDArray[np.int64], *, inside: NDArray[np.bool_], drawn: NDArray[np.bool_]
) -> tuple[str, ...]:
    """Return what is odd about the sources of the cutouts that are `inside` a part."""
    real = inside & ~drawn
    painted = Counter(table.source[inside & drawn].tolist())
    return apart_by_source(table.source[real], table.label[real], painted=painted) + in_several_sources(
        table.source[inside], table.label[inside], looks[inside]
    )


def apart_by_source(
    source: NDArray[Any], label: NDArray[Any], *, painted: Mapping[str, int] | None = None
) -> tuple[str, ...]:
    """Return that no source has both real lenses and non-lenses, if so: what a network may learn from it.

    Arrays have one entry per cutout that is no painted lens; of these, whose hosts may be of another source,
    `painted` tells how many each source has.
    """
    lenses, others = (sorted({*source[label == kind].tolist()}) for kind in LABELS)
    if not lenses or not others or {*lenses} & {*others}:
        return ()
    painted = painted or {}
    count = sum(painted.values())
    which, drawn = "All lenses", ""
    if count:
        which, are = "All real lenses", "is" if count == 1 else "are"
        drawn = f"; the {counted(count, 'painted lens')} {are} from {', '.join(sorted(painted))}"
    return (
        f"{which} are from {', '.join(lenses)}, all non-lenses from {', '.join(others)}{drawn}: a network "
        "may learn to tell the sources apart. Add non-lenses from the lenses' survey, similar in size and "
        "depth, and run the Audits of its first network.",
    )


def in_several_sources(
    source: NDArray[Any], label: NDArray[Any], looks: NDArray[np.int64]
) -> tuple[str, ...]:
    """Return that images of one label are in several sources, if so, each label a sentence.

    Arrays have one entry per cutout; those that look alike are one number in `looks`.
    """
    of_source, names = pd.factorize(source)
    if len(names) < 2:
        return ()
    sentences = []
    for kind, words in zip(LABELS, ("lens", "non-lens"), strict=True):
        own = label == kind
        images = np.unique(looks[own] * len(names) + of_source[own])  # each once per source
        shown, sources_of_each = np.unique(images // len(names), return_counts=True)
        repeated = shown[sources_of_each > 1]
        if len(repeated) < max(FEWEST_REPEATED, REPEATED_SHARE * len(shown)):
            continue
        told = sorted({*source[own & np.isin(looks, repeated)].tolist()})
        sentences.append(
            f"{counted(len(repeated), f'{words} image')} are in more than one of {', '.join(told)}: each "
            "counts several times in training and in every figure. Choose one of these sources, or leave its "
            "copies out by the filter."
        )
    return tuple(sentences)


def remarks_on(
    kinds: Counter[str], *, total: int, largest: int, largest_drawn: int, conflicts: NDArray[np.bool_]
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return what the user should look at, and what only looks odd, one sentence each.

    `largest_drawn` of the cutouts in the largest group are painted lenses. Of the cutouts that show objects
    with both labels `conflicts` says whether that is for another reason than paint.
    """
    warnings, notes = [], []
    absent = [kind for kind in LABELS if not kinds[kind]]
    if absent:
        warnings.append(
            f"No cutout is labelled {absent[0].replace('nonlens', 'non-lens')}: networks can learn values or "
            "classes from this version, but not to tell lenses from others. For that add a source of "
            f"{'non-lenses' if absent[0] == 'nonlens' else 'lenses'} with the same bands."
        )
    if largest > max(10, LARGE_GROUP_SHARE * total):
        if largest_drawn:
            notes.append(
                f"The largest group, {largest} of {total} cutouts, is of hosts that were painted on several "
                "times, with their neighbours: it stays in one part, as it should. More hosts make smaller "
                "groups."
            )
        else:
            warnings.append(
                f"One group holds {largest} of {total} cutouts: lower the group radius or the near-duplicate "
                "tolerance if they are not one object."
            )
    odd, of_paint = int(np.count_nonzero(conflicts)), int(np.count_nonzero(~conflicts))
    if odd:
        warnings.append(f"{odd} cutouts show objects labelled lens and non-lens: check their labels.")
    if of_paint:
        notes.append(
            f"{of_paint} cutouts show hosts both with and without painted arcs: both labels are right, and "
            "all cutouts of a host are in one part."
        )
    return tuple(warnings), tuple(notes)
