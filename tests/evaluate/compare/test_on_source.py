"""Two runs on a source that both have scored, without labels: what their best have in common."""

from pathlib import Path

import numpy as np
import pytest

from lensapp.core.errors import InvalidInput
from lensapp.core.score.score_table_spec import MODEL
from lensapp.services.evaluate.compare.on_source import (
    FIRST,
    SECOND,
    OnSource,
    best_of_set,
    on_source,
    scored_together,
)
from lensapp.storage import datasets, reviews, runs, sources
from lensapp.storage.scores import stored_scores
from lensapp.storage.workspace import Workspace
from support.pages_workspace import (
    add_dataset,
    add_run,
    add_scores,
    add_survey,
    full_workspace,
    open_page,
)

SIX = OnSource(
    "sky",
    ("a", "b"),
    (6, 6),
    np.arange(10, 16),
    np.array([[0.9, 0.8, 0.7, 0.2, 0.2, 0.1], [0.3, 0.9, 0.1, 0.8, 0.8, 0.2]]),
)


def test_of_the_three_best_of_each_one_is_of_both_and_ties_go_to_the_first_cutout():
    assert SIX.ranks.tolist() == [[1, 2, 3, 4, 5, 6], [4, 1, 6, 2, 3, 5]]
    overlap = SIX.overlap(3)  # the cutouts 10, 11, 12 and 11, 13, 14
    assert np.flatnonzero(overlap.by_all).tolist() == [1]
    assert np.flatnonzero(overlap.by_only(FIRST)).tolist() == [0, 2]
    assert np.flatnonzero(overlap.by_only(SECOND)).tolist() == [3, 4]
    assert overlap.jaccard[0, 1] == pytest.approx(1 / 5)
    assert overlap.by_chance[0, 1] == pytest.approx(1.5)  # 3 · 3 of 6
    assert SIX.overlap(2).number.tolist() == [2, 2], "the tie at 0.8 is one cutout, the first"


def test_a_set_is_ordered_by_the_ranks_of_the_runs_that_hold_it():
    rows = np.array([0, 1, 3, 4])
    assert best_of_set(SIX, rows, [SECOND]).tolist() == [1, 3, 4, 0]
    assert best_of_set(SIX, rows, [FIRST, SECOND]).tolist() == [1, 0, 3, 4]  # mean ranks 1.5, 2.5, 3, 4


def test_the_best_are_drawn_one_by_one_and_of_very_many_the_others_as_density():
    drawn = SIX.drawn(3)
    assert (drawn.lenses.tolist(), drawn.nonlenses.tolist(), drawn.density) == ([0, 1, 2, 3, 4], [5], None)
    rng = np.random.default_rng(2)
    many = OnSource("sky", ("a", "b"), (9000, 9000), np.arange(9000), rng.random((2, 9000)))
    drawn = many.drawn(100)
    best = int((~many.overlap(100).by_none).sum())
    assert (len(drawn.lenses), len(drawn.nonlenses)) == (best, 0)
    assert drawn.density is not None
    assert drawn.density.sum() == 9000 - best


@pytest.fixture
def ws(folder: Path) -> Workspace:
    """A survey without labels of 40, scored by a network in falling order and half by a table in rising."""
    workspace = Workspace.open(folder)
    sky, wide = add_survey(workspace), add_survey(workspace, "wide", labelled=False)
    run = add_run(workspace, add_dataset(workspace, sky), "own")
    add_scores(workspace, run, wide)
    elsewhere = datasets.create_elsewhere(workspace.database, name="finder", bands=wide.bands)
    table = runs.create_run(
        workspace.database, name="finder", dataset_id=elsewhere.id, model=MODEL, spec={"sha256": "0" * 64}
    )
    runs.update_run(workspace.database, table.id, state="finished")
    ids = sources.cutout_columns(workspace.database, [wide.id], columns=("id",))["id"][:20]
    stored_scores.add_scores(workspace, table.id, wide.id, ids.tolist(), np.linspace(0.01, 0.99, 20).tolist())
    return workspace


def test_only_cutouts_that_both_scored_are_laid_beside_each_other(ws):
    assert scored_together(ws) == {"wide": ["own", "finder"]}, "the own network before the table"
    compared = on_source(ws, "wide", "own", "finder")
    assert (compared.scored, len(compared.cutout_ids)) == ((40, 20), 20)
    np.testing.assert_allclose(compared.scores[FIRST], np.linspace(0.99, 0.01, 40)[:20], atol=1e-6)
    np.testing.assert_allclose(compared.scores[SECOND], np.linspace(0.01, 0.99, 20), atol=1e-6)
    with pytest.raises(InvalidInput, match="Name two runs"):
        on_source(ws, "wide", "own", "own")


def test_what_only_the_other_finds_is_shown_and_reviewed_where_nothing_is_evaluated(ws):
    page = open_page("compare", source="wide", top="8")
    assert not page.exception
    said = " ".join(one.value for one in page.markdown)
    assert "Of the 8 best of each, **0 (0 %)** are among those of both runs" in said
    assert "would share 3.2." in said  # 8 · 8 of 20
    assert any(
        "20 cutouts that both runs scored (40 by own, 20 by finder)" in one.value for one in page.caption
    )
    button = page.button(key="review-compare-source-set-sheet")
    assert button.label == "Review these 8"
    button.click().run()
    [review] = reviews.list_reviews(ws.database)
    queue = reviews.queue_of(ws.database, review.id).tolist()
    ids = sources.cutout_columns(ws.database, [review.source_id], columns=("id",))["id"]
    assert queue == ids[:20][::-1][:8].tolist(), "the table's best, highest first"


def test_a_source_that_two_runs_scored_is_a_choice_beside_the_evaluated_part(folder):
    full_workspace(folder)
    page = open_page("compare", view="scores", on="source", source="sky", top="10")
    assert any("**10 (100 %)**" in one.value for one in page.markdown), "both scored alike"
    assert page.button_group(key="compare-source-set").value == "both"
