"""Labels of a run's dataset that are probably wrong, by scores from outside the training, and by votes."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lensapp.core.align import ABSENT, rows_of
from lensapp.core.errors import InvalidInput, NotFound
from lensapp.core.evaluate.audits.label_noise import crowd_labels, label_quality, suspicion_order
from lensapp.core.evaluate.curves import count_thresholds
from lensapp.core.evaluate.metrics import auroc
from lensapp.core.inspect.consensus import B_FROM, last_votes, vote_values
from lensapp.services.evaluate.evaluation import Evaluation, load_evaluation
from lensapp.storage import datasets, evaluations, reviews, sources, studies
from lensapp.storage.evaluations import StoredEvaluation
from lensapp.storage.queries import Columns
from lensapp.storage.records import Run, Source
from lensapp.storage.scores import stored_scores
from lensapp.storage.workspace import Workspace

LISTED = 500
SHARE_LISTED = 0.1
DOUBTFUL = 0.55  # probability of the label by votes and scores, below which it is listed
ABLE_AUROC = 0.9  # below, a network is wrong more often than labels usually are
LENS = "lens"
ALL_CERTAIN = "All labels are of painted lenses or simulated cutouts, and so certain: none is judged"
PLAIN_CLASSES = ("nonlens", "lens")


@dataclass(frozen=True, eq=False)
class OutOfSample:
    """Scores by networks that were not trained on these cutouts.

    Attributes
    ----------
    cutout_ids, labels : shape (n,)
        Labels as numbers of `classes`.
    probabilities : shape (n, classes)
    scores : shape (n,)
        Of being a lens.
    origin
        Where the scores come from, in words.
    """

    cutout_ids: NDArray[np.int64]
    labels: NDArray[np.int64]
    probabilities: NDArray[np.float64]
    scores: NDArray[np.float32]
    classes: tuple[str, ...]
    origin: str


def label_suspects(ws: Workspace, run: Run) -> dict[str, Any]:
    """Return the cutouts of a run's dataset whose labels are probably wrong, the most suspect first.

    Returns
    -------
    dict
        `origin`, `auroc` of the scores (None of several classes), `judged` and `suspects` (numbers of
        cutouts), `listed`: cutout, candidate, label, suggested
        label, the probability of the label and its quality, of those that confident learning holds for wrong,
        at most 500. Labels of `painted` lenses and of simulated cutouts are certain: as many are left out.
        `shares` are the numbers of suspects and judged of each class and, of several, source. `doubtful` are
        those that come next, up to a tenth of the cutouts judged. `crowd` is what `crowd_suspects` gives,
        `votes` how many there were.

    Raises
    ------
    InvalidInput
        When there are no such scores.
    """
    members = datasets.member_columns(ws.database, run.dataset_id)
    judged, votes = out_of_sample(ws, run), votes_that_count(ws, run)
    found = label_quality(judged.labels, judged.probabilities)
    sure = certain_cutouts(ws, members)
    certain = np.isin(judged.cutout_ids, sure)
    suspects, count = int((found.suspect & ~certain).sum()), int((~certain).sum())
    tenth = max(suspects, round(SHARE_LISTED * count))
    order = suspicion_order(found)
    order = order[~certain[order]][: min(LISTED, tenth)]
    cutouts = {
        cutout.id: cutout for cutout in sources.get_cutouts(ws.database, judged.cutout_ids[order].tolist())
    }
    listed = [
        {
            "cutout": int(judged.cutout_ids[row]),
            "candidate": cutouts[int(judged.cutout_ids[row])].candidate_id,
            "label": judged.classes[judged.labels[row]],
            "suggested": judged.classes[found.suggested[row]],
            "probability": float(judged.probabilities[row, judged.labels[row]]),
            "quality": float(found.quality[row]),
        }
        for row in order.tolist()
    ]
    return {
        "origin": judged.origin,
        "auroc": _auroc(judged),
        "judged": count,
        "painted": int(certain.sum()),
        "suspects": suspects,
        "shares": _shares(ws, members, judged, suspect=found.suspect, kept=~certain),
        "listed": listed[:suspects],
        "doubtful": listed[suspects:],
        "votes": votes,
        "crowd": crowd_suspects(ws, run, judged, members, sure),
    }


def _shares(
    ws: Workspace,
    members: Columns,
    judged: OutOfSample,
    *,
    suspect: NDArray[np.bool_],
    kept: NDArray[np.bool_],
) -> list[dict[str, Any]]:
    """Return of each class, and of each source where there are several, how many labels are suspect."""
    places = rows_of(judged.cutout_ids, members["cutout_id"])
    source_ids = np.where(places == ABSENT, 0, members["source_id"][places])
    names = {one.id: one.name for one in sources.list_sources(ws.database)}
    groups = [("label", name, judged.labels == row) for row, name in enumerate(judged.classes)]
    shown = [key for key in np.unique(source_ids[kept]).tolist() if key in names]
    of_sources = [("source", names[key], source_ids == key) for key in shown]
    groups += of_sources if len(of_sources) > 1 else []
    counted = [(kind, name, rows & kept) for kind, name, rows in groups]
    return [
        {"of": kind, "name": name, "suspects": int((suspect & rows).sum()), "judged": int(rows.sum())}
        for kind, name, rows in counted
        if rows.any()
    ]


def certain_cutouts(ws: Workspace, members: Columns) -> NDArray[np.int64]:
    """Return the members of a dataset whose label is certain: painted lenses, and whatever is simulated.

    That holds lenses and non-lenses of a simulated survey; what was not painted on is as the hosts are.
    """
    every = {source.name: source for source in sources.list_sources(ws.database)}

    def is_simulated(source: Source) -> bool:
        hosts = [every.get(name) for name in sources.hosts_of(source)]
        on_simulated = (host is not None and host.kind == sources.SIMULATED for host in hosts)
        return source.kind == sources.SIMULATED or (bool(hosts) and all(on_simulated))

    simulated = [source.id for source in every.values() if is_simulated(source)]
    painted = [source.id for source in every.values() if source.kind == sources.PAINTED]
    certain = np.isin(members["source_id"], simulated)
    certain |= np.isin(members["source_id"], painted) & (members["label"] == LENS)
    ids: NDArray[np.int64] = members["cutout_id"][certain]
    return ids


def _auroc(judged: OutOfSample) -> float | None:
    if judged.classes != PLAIN_CLASSES or len(np.unique(judged.labels)) < 2:
        return None
    return auroc(count_thresholds(judged.labels, judged.scores))


def suspicion_doubt(noise: dict[str, Any]) -> str:
    """Return in words why labels held for wrong may be mistakes of the network; empty where it is able."""
    area = noise.get("auroc")
    if area is None or area >= ABLE_AUROC or not noise["suspects"]:
        return ""
    return (
        f"These scores tell lenses with an AUROC of {area:.2f} only: most suspects will be mistakes of the "
        "network, not of the labels."
    )


def suspects_in_words(noise: dict[str, Any]) -> str:
    """Return how many labels confident learning suspects: wrong they are called only by an able network."""
    if not noise["judged"]:
        return ALL_CERTAIN
    held = "contradict the scores" if suspicion_doubt(noise) else "are probably wrong"
    return f"{noise['suspects']} of {noise['judged']} labels {held}"


def suspects_title(noise: dict[str, Any]) -> str:
    """Return the heading of the suspect labels."""
    return "Labels that the scores contradict" if suspicion_doubt(noise) else "Labels that are probably wrong"


def votes_that_count(ws: Workspace, run: Run) -> int:
    """Return how many votes there are on cutouts of the dataset of a run, or of sources that it scored."""
    dataset = datasets.dataset_by_id(ws.database, run.dataset_id)
    scored = stored_scores.scored_sources(ws, run.id)
    return reviews.count_votes_on(ws.database, sorted({*dataset.source_ids, *scored}))


def votes_on_members(ws: Workspace, run: Run, *, since: float) -> int:
    """Return how many votes on cutouts of the dataset of a run came after a moment (Unix time)."""
    return reviews.count_votes_on_members(ws.database, run.dataset_id, since=since)


def out_of_sample(ws: Workspace, run: Run) -> OutOfSample:
    """Return scores of the dataset by networks that did not learn from the cutouts that they score.

    Those of a finished cross-validation of the dataset where there is one, with the run itself or else the
    newest, and those of the run on its test part; else those of the run on its test and validation parts.

    Raises
    ------
    InvalidInput
        When there are none.
    """
    parts: list[tuple[StoredEvaluation, str]] = []
    folds = _folds(ws, run)
    if folds is not None:
        parts += [(stored, f"cross-validation {folds[0]}") for stored in folds[1]]
    for part in ("test",) if folds else ("test", "validation"):
        try:
            evaluation = load_evaluation(ws, run.name, part=part)
        except NotFound:
            continue
        if isinstance(evaluation, Evaluation):
            parts.append((evaluation.stored, f"the {part} part"))
    classes = _classes(parts[0][0]) if parts else PLAIN_CLASSES
    parts = [(stored, origin) for stored, origin in parts if _classes(stored) == classes]
    if not parts:
        raise InvalidInput(
            f"There are no scores of cutouts that {run.name} was not trained on. Evaluate it on its test "
            "part, or cross-validate (Experiments, kfold)."
        )
    ids = np.concatenate([stored.cutout_ids for stored, _ in parts])
    scores = np.concatenate([stored.rotated_scores[:, 0] for stored, _ in parts])
    numbers, chances = [], []  # labels as numbers of the classes, and the probability of each class
    for stored, _ in parts:
        plain = stored.probabilities is None or stored.class_labels is None
        numbers.append(np.asarray(stored.labels if plain else stored.class_labels, np.int64))
        chances.append(
            _of_lens(stored.rotated_scores[:, 0]) if plain else np.asarray(stored.probabilities, np.float64)
        )
    labels, probabilities = np.concatenate(numbers), np.concatenate(chances)
    _, first = np.unique(ids, return_index=True)
    origins = dict.fromkeys(origin for _, origin in parts)
    words = " and ".join(origins) + ("" if folds else "; the training part is not judged")
    return OutOfSample(ids[first], labels[first], probabilities[first], scores[first], classes, words)


def _folds(ws: Workspace, run: Run) -> tuple[str, list[StoredEvaluation]] | None:
    """Return the name and the held-out scores of a cross-validation of the run's dataset that is whole."""
    candidates = []
    for study in studies.list_studies(ws.database, kind="kfold"):
        if study.dataset_id == run.dataset_id and study.state == "finished":
            members = [entry.run for entry in studies.runs_of(ws.database, study.id)]
            folders = [ws.run_folder(member.name) for member in members]
            if all(evaluations.evaluation_path(folder, "validation").exists() for folder in folders):
                own = any(member.id == run.id for member in members)
                alike = any(member.model == run.model for member in members)
                candidates.append((own, alike, study.name, folders))
    if not candidates:
        return None
    *_, name, folders = max(candidates, key=lambda one: one[:2])  # the newest of equal ones
    return name, [evaluations.load_evaluation(folder, "validation") for folder in folders]


def _classes(stored: StoredEvaluation) -> tuple[str, ...]:
    if stored.probabilities is None or stored.class_labels is None:
        return PLAIN_CLASSES
    return tuple(one["name"] for one in stored.figures["classes"]["classes"])


def _of_lens(scores: NDArray[Any]) -> NDArray[np.float64]:
    clipped = np.clip(scores.astype(np.float64), 0.0, 1.0)
    return np.stack([1.0 - clipped, clipped], axis=1)


def crowd_suspects(
    ws: Workspace, run: Run, judged: OutOfSample, members: Columns, certain: NDArray[np.int64]
) -> dict[str, Any] | None:
    """Return what the votes of several inspectors and the scores say together, by CROWDLAB.

    Cutouts that a run scored outside its training part count, too; those whose label is `certain` tell of the
    inspectors, and are not listed. A vote of B or better says lens, any
    other one that it is none.

    Returns
    -------
    dict or None
        `judged`, `inspectors` (name, quality) and `listed`: cutout, candidate, label (None where unlabelled),
        suggested label, quality, agreement and votes, where inspectors and scores contradict the label or
        leave it in doubt. None where no two inspectors judged one of the cutouts.
    """
    labels = dict(zip(members["cutout_id"].tolist(), members["label"].tolist(), strict=True))
    trained = set(members["cutout_id"][members["part"] == "train"].tolist())
    votes = reviews.votes_of(ws.database)
    votes = [votes[row] for row in last_votes(votes).tolist()]
    scores = dict(zip(judged.cutout_ids.tolist(), judged.scores.tolist(), strict=True))
    unscored = {vote.cutout_id for vote in votes} - scores.keys() - trained
    scores |= stored_scores.scores_of_cutouts(ws, run.id, sorted(unscored))
    votes = [vote for vote in votes if vote.cutout_id in scores]
    names = sorted({vote.inspector for vote in votes})
    ids = np.unique([vote.cutout_id for vote in votes]).astype(np.int64)
    # 1 for lens, 0 for none, NaN for no vote: (cutouts, inspectors).
    table = np.full((len(ids), len(names)), np.nan)
    if votes:
        rows = rows_of(np.array([vote.cutout_id for vote in votes]), ids)
        columns = [names.index(vote.inspector) for vote in votes]
        table[rows, columns] = vote_values(votes) >= B_FROM
    if len(names) < 2 or np.isfinite(table).sum(axis=1).max() < 2:
        return None
    found = crowd_labels(table, _of_lens(np.array([scores[key] for key in ids.tolist()])))
    cutouts = {cutout.id: cutout for cutout in sources.get_cutouts(ws.database, ids.tolist())}
    given = [labels.get(key) for key in ids.tolist()]
    suggested = [PLAIN_CLASSES[label] for label in found.label.tolist()]
    contradicts = np.array([mine not in (None, other) for mine, other in zip(given, suggested, strict=True)])
    doubtful, sure = found.quality < DOUBTFUL, np.isin(ids, certain)
    order = np.lexsort((np.where(contradicts, -found.quality, found.quality), ~contradicts))
    return {
        "judged": len(ids),
        "inspectors": dict(zip(names, found.inspectors.tolist(), strict=True)),
        "listed": [
            {
                "cutout": int(ids[row]),
                "candidate": cutouts[int(ids[row])].candidate_id,
                "label": given[row],
                "suggested": suggested[row],
                "quality": float(found.quality[row]),
                "agreement": float(found.agreement[row]),
                "votes": int(found.votes[row]),
            }
            for row in order.tolist()
            if (contradicts[row] or doubtful[row]) and not sure[row]
        ][:LISTED],
    }
