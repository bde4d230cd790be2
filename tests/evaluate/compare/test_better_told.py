"""That another run of the version does better on the test part is said with its test against chance."""

from pathlib import Path

import numpy as np
import pytest

from lensapp.core.catalogue.feedback_spec import FeedbackRules
from lensapp.core.evaluate.metrics import auroc
from lensapp.core.once import asking_once
from lensapp.services.catalogue.feedback import feed_back
from lensapp.services.evaluate import differences
from lensapp.services.evaluate.compare import better_told as told
from lensapp.services.evaluate.compare.better_told import better_told
from lensapp.services.evaluate.differences import compare_aurocs, compare_pair
from lensapp.services.evaluate.evaluation import Evaluation, load_evaluation
from lensapp.services.next_step import round_of
from lensapp.storage import datasets, runs
from lensapp.storage.evaluations import StoredEvaluation, save_evaluation
from lensapp.storage.records import Dataset
from lensapp.storage.workspace import Workspace
from support import pages_workspace as rooms

TESTED = 400


def add_measured(
    ws: Workspace,
    dataset: Dataset,
    name: str,
    *,
    noise: float,
    first_id: int = 1,
    groups: np.ndarray | None = None,
) -> Evaluation:
    """Add a run that sees 100 lenses and 300 non-lenses of a test part through noise of its own."""
    run = rooms.add_run(ws, dataset, name)
    rng, labels = np.random.default_rng(4), np.arange(TESTED) % 4 == 0
    seen = rng.normal(0, 1, TESTED) + 2.0 * labels
    own = np.random.default_rng(sum(name.encode())).normal(0, noise, TESTED)
    scores = (1 / (1 + np.exp(-(seen + own)))).astype(np.float32)
    stored = StoredEvaluation(first_id + np.arange(TESTED), labels, scores[:, None], {}, group_ids=groups)
    save_evaluation(ws.run_folder(name), "test", stored)
    evaluation = load_evaluation(ws, name)
    assert isinstance(evaluation, Evaluation)
    runs.update_run(ws.database, run.id, evaluation={"auroc": auroc(evaluation.counts)})
    return evaluation


@pytest.fixture
def dataset(ws: Workspace) -> Dataset:
    return rooms.add_dataset(ws, rooms.add_survey(ws))


def why(ws: Workspace, name: str) -> str:
    better = better_told(ws, runs.get_run(ws.database, name))
    assert better is not None
    return better.why


def test_a_run_is_called_better_where_the_paired_test_tells_it_apart(ws, dataset):
    add_measured(ws, dataset, "sharp", noise=0.1)
    add_measured(ws, dataset, "blurred", noise=3.0)
    assert why(ws, "blurred").startswith("sharp is better than blurred: test AUROC 0.9")
    assert why(ws, "blurred").endswith(", p\u00a0< 0.001.")
    assert better_told(ws, runs.get_run(ws.database, "sharp")) is None


def test_a_lead_that_chance_may_give_is_called_not_significant(ws, dataset):
    pair = [add_measured(ws, dataset, name, noise=0.3) for name in ("one", "other")]
    worse, better = sorted(pair, key=lambda one: auroc(one.counts))
    p_value = compare_pair(worse, better)[0].p_value
    assert p_value > 0.1
    said = why(ws, worse.run)
    assert said.startswith(f"{better.run} has a higher test AUROC than {worse.run}, not significantly: 0.9")
    assert said.endswith(f", p\u00a0=\u00a0{p_value:.3f}.")


def test_runs_measured_on_other_cutouts_are_not_tested_against_each_other(ws, dataset):
    add_measured(ws, dataset, "sharp", noise=0.1, first_id=2)
    add_measured(ws, dataset, "blurred", noise=3.0)
    assert why(ws, "blurred").startswith("sharp has a higher test AUROC than blurred: 0.9")
    assert "p\u00a0" not in why(ws, "blurred")


@pytest.mark.parametrize("grouped", [False, True])
def test_the_test_of_the_auroc_alone_is_that_of_the_whole_comparison(ws, dataset, grouped):
    groups = np.arange(TESTED) // 2 if grouped else None
    first, second = (
        add_measured(ws, dataset, name, noise=noise, groups=groups)
        for name, noise in (("one", 0.3), ("other", 0.8))
    )
    assert compare_aurocs(first, second) == compare_pair(first, second)[0]


def test_the_test_is_made_once_a_page_and_once_an_evaluation(ws, dataset, monkeypatch):
    add_measured(ws, dataset, "sharp", noise=0.1)
    add_measured(ws, dataset, "blurred", noise=3.0)
    made, loaded = [], []
    test, read = differences.paired_auroc_test, told.scored
    monkeypatch.setattr(differences, "paired_auroc_test", lambda *given: made.append(1) or test(*given))
    monkeypatch.setattr(told, "scored", lambda *given, part: loaded.append(1) or read(*given, part=part))
    for _ in range(2):
        with asking_once():
            assert why(ws, "blurred") == why(ws, "blurred")
    assert len(made) == 1
    assert len(loaded) == 4, "two runs in each of two pages"


def test_evaluate_and_home_tell_of_the_better_run_and_lead_to_it(folder: Path) -> None:
    """A page that opens on the run that has just ended says that another one is ahead."""
    ws = Workspace.open(folder)
    version = rooms.add_dataset(ws, rooms.add_survey(ws))
    add_measured(ws, version, "sharp", noise=0.1)
    add_measured(ws, version, "blurred", noise=3.0)
    for name, address in (("evaluate", {}), ("home", {}), ("evaluate", {"run": "blurred"})):
        page = rooms.open_page(name, **address)
        assert any("sharp is better than blurred: test AUROC" in one.value for one in page.caption)
        page.button(key="to-other-run").click().run()
        assert not page.exception
        assert page.selectbox(key="choose-run").value == "sharp"
        assert "to-other-run" not in {one.key for one in page.button}


def test_long_names_lose_their_middle_in_the_line_and_are_whole_in_its_help(folder: Path) -> None:
    ws = Workspace.open(folder)
    version = rooms.add_dataset(ws, rooms.add_survey(ws))
    long = "a_rather_long_name_of_a_run_with_many_settings_v2"
    add_measured(ws, version, long, noise=0.1)
    add_measured(ws, version, "blurred", noise=3.0)
    page = rooms.open_page("evaluate", run="blurred")
    [said] = [one for one in page.caption if "is better than blurred" in one.value]
    assert long not in said.value.replace("\\", "")
    assert long in said.proto.help.replace("\\", "")
    button = page.button(key="to-other-run")
    assert "…" in button.label
    assert long in button.help.replace("\\", "")


def test_a_better_run_of_the_version_before_is_told_and_the_round_goes_on_with_it(ws):
    source = rooms.add_survey(ws)
    first = rooms.add_dataset(ws, source, "sky-v1")
    old = add_measured(ws, first, "sharp", noise=0.1)
    searched = rooms.add_survey(ws, "sea", labelled=False)
    run = runs.get_run(ws.database, old.run)
    rooms.add_scores(ws, run, searched)
    rooms.add_votes(ws, run, searched)
    second = feed_back(ws, dataset_name=first.name, review_names=["round-1"], rules=FeedbackRules())
    add_measured(ws, second, "blurred", noise=3.0)
    assert why(ws, "blurred").startswith("sharp is better than blurred: test AUROC 0.9")
    for selected in (
        {},
        {"source": "sea", "run": "blurred"},
        {"source": "sky", "run": "blurred"},
        {"source": "sea", "run": "sharp"},
    ):
        step = round_of(ws, selected, []).next_step
        assert step.label == "Review the next 34 of sharp", selected
        assert step.selection["run"] == "sharp"
        assert "sharp is better than blurred" in step.here
    further = rooms.add_survey(ws, "bay", labelled=False)
    step = round_of(ws, {"source": "bay", "run": "blurred"}, []).next_step
    assert (step.label, step.starts) == ("Score bay with sharp", "score")
    assert "sharp is better than blurred" in step.here
    rooms.add_scores(ws, runs.get_run(ws.database, "blurred"), further)
    step = round_of(ws, {"source": "bay", "run": "blurred"}, []).next_step
    assert step.label == "Review the top 40"
    assert "sharp is better than blurred" in step.here


def test_a_run_of_the_version_before_that_chance_may_put_ahead_is_not_told(ws):
    first = rooms.add_dataset(ws, rooms.add_survey(ws), "sky-v1")
    add_measured(ws, first, "one", noise=0.3)
    second = datasets.create_dataset(
        ws.database, name="sky-v2", parent_id=first.id, source_ids=first.source_ids, bands=first.bands,
        spec={}, counts=first.counts, checksum="", members=(),
    )  # fmt: skip
    add_measured(ws, second, "other", noise=0.32)
    assert better_told(ws, runs.get_run(ws.database, "other")) is None
