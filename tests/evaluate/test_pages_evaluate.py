"""The Evaluate page, run by Streamlit's own test harness inside the frame."""

import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from lensapp import jobs
from lensapp.core.catalogue.query import CatalogueQuery
from lensapp.core.evaluate.curves import Confusion
from lensapp.core.evaluate.explain_spec import ExplainSpec
from lensapp.core.evaluate.metrics import propose_thresholds
from lensapp.core.evaluate.score_axis import axis_of
from lensapp.core.evaluate.selection_function import InjectionSpec
from lensapp.core.train.training_spec import TrainingSpec
from lensapp.services.catalogue.export import export
from lensapp.services.evaluate import differences
from lensapp.services.evaluate.compare import side_by_side
from lensapp.services.evaluate.compare.same_part import run_before
from lensapp.services.evaluate.evaluation import Evaluation, load_evaluation, threshold_columns
from lensapp.services.evaluate.expectations import few_for_threshold
from lensapp.services.evaluate.explanations import explanation_key
from lensapp.services.evaluate.figure_tables import figures_table
from lensapp.services.inspect.queues import review_of_cutouts
from lensapp.services.train.runs import start_evaluation
from lensapp.storage import datasets, evaluations, queue, reviews, runs, sources, studies
from lensapp.storage.evaluations import StoredEvaluation, StoredInjections
from lensapp.storage.explanations import StoredExplanation, save_explanation
from lensapp.storage.scores import stored_scores
from lensapp.storage.workspace import Workspace
from lensapp.ui.evaluate import evaluation_figures
from lensapp.ui.evaluate.cutout_sheet import shown_in_words
from lensapp.ui.evaluate.tables import TERMS, latex_table
from support.pages_workspace import (
    SIZE,
    add_dataset,
    add_evaluation,
    add_run,
    add_survey,
    figures_of,
    full_workspace,
    open_page,
    sheets_of,
)


def test_an_empty_workspace_says_how_to_get_a_network(folder: Path) -> None:
    page = open_page("evaluate")
    assert any("No trained network yet" in text.value for text in page.markdown)


def test_a_run_without_evaluation_offers_to_evaluate_it(folder: Path) -> None:
    ws = Workspace.open(folder)
    add_run(ws, add_dataset(ws, add_survey(ws)), "elu_cnn-1")
    page = open_page("evaluate")
    page.button(key="start-evaluate-elu_cnn-1").click().run()
    assert not page.exception
    assert [job.kind for job in queue.list_jobs(ws.database)] == ["evaluate"]


def being_trained(ws: Workspace, name: str) -> None:
    """Give a run a training under way that has said in which epoch it is."""
    [dataset] = datasets.list_datasets(ws.database)
    run = runs.create_run(
        ws.database, name=name, dataset_id=dataset.id, model="elu_cnn", spec=TrainingSpec().saved()
    )
    runs.update_run(ws.database, run.id, state="running")
    job = jobs.enqueue(ws.database, kind="train", title=f"Train {name}", payload={"run": name})
    claimed = queue.claim_job(ws.database, worker="w-1", job_id=job.id)
    assert claimed is not None
    queue.update_job(ws.database, claimed, progress={"event": "step", "message": "epoch 3 of 20"})


def test_a_training_under_way_is_told_with_its_epoch_and_does_not_hide_what_is_measured(folder: Path) -> None:
    ws = Workspace.open(folder)
    dataset = add_dataset(ws, add_survey(ws))
    being_trained(ws, "first")
    page = open_page("evaluate", run="first")
    assert any("first is in epoch 3 of 20" in text.value for text in page.markdown)
    assert [one.label for one in page.main.button if "training" in one.label] == ["Watch its training"]
    done = add_run(ws, dataset, "done")
    add_evaluation(ws, done, dataset)
    page = open_page("evaluate", run="first")
    assert page.selectbox(key="choose-run").value == "done"
    assert any("“first”: is in epoch 3 of 20; done is shown instead" in text.value for text in page.caption)
    (ws.run_folder("first")).mkdir()
    (ws.run_folder("first") / "best.keras").write_bytes(b"")  # of its first epoch
    assert open_page("evaluate").selectbox(key="choose-run").value == "done"
    page = open_page("evaluate", run="first")
    labels = [one.label for one in page.main.button]
    assert {"Watch its training", "Evaluate its best network so far"} <= set(labels)


def test_what_is_measured_stays_in_sight_while_another_part_is_evaluated(folder: Path) -> None:
    ws = full_workspace(folder)
    start_evaluation(ws, run_name="elu_cnn-1", part="validation")
    page = open_page("evaluate", run="elu_cnn-1")
    assert not page.exception
    assert any("Evaluate elu_cnn-1 on the validation part" in text.value for text in page.markdown)
    assert figures_of(page)
    page = open_page("evaluate", run="elu_cnn-1", part="validation")
    assert not figures_of(page)  # these are awaited


def random_scores(ws: Workspace, run: str) -> None:
    """Give a run of the fixture scores that tell nothing."""
    stored = evaluations.load_evaluation(ws.run_folder(run), "test")
    blind = np.random.default_rng(0).uniform(0, 1, stored.rotated_scores.shape).astype(np.float32)
    save = replace(stored, rotated_scores=blind, figures=stored.figures | {"intervals": {}})
    evaluations.save_evaluation(ws.run_folder(run), "test", save)


def test_scores_no_better_than_chance_are_warned_of(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (side_by_side, differences):  # its test part has twelve cutouts
        monkeypatch.setattr(module, "FEWEST_SHARED", 10)
    ws = full_workspace(folder)
    random_scores(ws, "elu_cnn-1")
    for name, address in (
        ("evaluate", {"run": "elu_cnn-1"}),
        ("compare", {"compare": "elu_cnn-1,elu_cnn-2"}),
        ("score", {"run": "elu_cnn-1", "source": "sky"}),
    ):
        page = open_page(name, **address)
        [told] = [one.value for one in page.warning if "chance" in one.value]
        assert "**elu_cnn-1**: AUROC 0." in told


def test_the_next_step_is_to_another_run_where_another_is_to_be_evaluated(folder: Path) -> None:
    ws = full_workspace(folder)
    source = sources.get_source(ws.database, "sky")
    [review, *_] = reviews.list_reviews(ws.database)
    reviews.close_review(ws.database, review.name)
    export(ws, CatalogueQuery(of=("sky",)), out=ws.folder / "sky.csv")
    add_run(ws, add_dataset(ws, source, "sky-v2"), "second")
    first = next(one.name for one in runs.list_runs(ws.database) if one.id == review.run_id)
    page = open_page("evaluate", run=first, dataset="sky-v1", source="sky", review=review.name)
    assert not [text.value for text in page.caption if "Next:" in text.value]
    assert page.button(key="round-next").label == "Evaluate second"
    page = open_page("evaluate", run="second", source="sky")
    assert any(text.value == "**Next:** Evaluate second on the test part." for text in page.caption)


def test_all_curves_follow_the_threshold_of_the_address(folder: Path) -> None:
    full_workspace(folder)
    page = open_page("evaluate", run="elu_cnn-1", threshold="0.7")
    assert page.slider(key="evaluate-threshold").value == 0.7
    assert len(figures_of(page)) == 6
    assert any("score ≥ 0.7" in text.value for text in page.caption)
    page.slider(key="evaluate-threshold").set_value(0.2).run()
    assert page.query_params["threshold"] in ("0.2", ["0.2"])


def test_a_suggested_threshold_is_taken_with_one_click(folder: Path) -> None:
    full_workspace(folder)
    page = open_page("evaluate", run="elu_cnn-1")
    page.get_by_key("evaluate-aims").set_value("youden").run()
    assert not page.exception
    assert page.slider(key="evaluate-threshold").value != 0.5


def test_another_run_begins_with_a_threshold_of_its_own(folder: Path) -> None:
    full_workspace(folder)
    page = open_page("evaluate", run="elu_cnn-1")
    page.slider(key="evaluate-threshold").set_value(0.2).run()
    page.selectbox(key="choose-run").set_value("elu_cnn-2").run()
    assert page.slider(key="evaluate-threshold").value == 0.5
    assert "threshold" not in page.query_params


def test_a_run_come_back_to_finds_its_threshold_again_on_evaluate_and_score(folder: Path) -> None:
    full_workspace(folder)
    page = open_page("evaluate", run="elu_cnn-1")
    page.slider(key="evaluate-threshold").set_value(0.2).run()
    page.selectbox(key="choose-run").set_value("elu_cnn-2").run()
    page.slider(key="evaluate-threshold").set_value(0.8).run()
    page.selectbox(key="choose-run").set_value("elu_cnn-1").run()
    assert page.slider(key="evaluate-threshold").value == 0.2
    assert page.query_params["threshold"] in ("0.2", ["0.2"])
    page.query_params.clear()  # as Streamlit does when a page is opened from the sidebar
    page.switch_page("../../pages/score.py").run()
    assert page.query_params["threshold"] in ("0.2", ["0.2"])
    del page.query_params["threshold"]
    page.query_params["run"] = "elu_cnn-2"
    page.run()
    assert page.query_params["threshold"] in ("0.8", ["0.8"])


def test_a_run_that_stands_in_has_its_own_threshold_and_takes_none_along(folder: Path) -> None:
    full_workspace(folder)
    page = open_page("evaluate", run="elu_cnn-2", threshold="0.4")
    page.query_params.update({"run": "gone", "threshold": "0.9"})
    page.run()
    assert page.selectbox(key="choose-run").value == "elu_cnn-2"
    assert page.slider(key="evaluate-threshold").value == 0.4
    page.query_params.update({"run": "elu_cnn-1", "threshold": "0.0"})
    page.run()
    assert page.slider(key="evaluate-threshold").value == 0.0, "as the address asks"


def test_a_threshold_that_is_no_number_falls_back_to_one_half(folder: Path) -> None:
    full_workspace(folder)
    page = open_page("evaluate", threshold="many")
    assert page.slider(key="evaluate-threshold").value == 0.5


def test_other_runs_are_laid_over_and_tabulated(folder: Path) -> None:
    full_workspace(folder)
    page = open_page("evaluate", run="elu_cnn-1", compare="elu_cnn-2")
    table = page.dataframe[0].value
    assert {"elu_cnn-1", "elu_cnn-2"} <= set(table.columns)
    assert set(TERMS) <= set(table["figure"])


def test_the_run_of_a_fed_back_version_leads_to_its_comparison_with_the_run_before(folder: Path) -> None:
    ws = full_workspace(folder)
    first = datasets.get_dataset(ws.database, "sky-v1")
    second = add_dataset(ws, sources.get_source(ws.database, "sky"), "sky-v2", parent=first)
    third = add_dataset(ws, sources.get_source(ws.database, "sky"), "sky-v3", parent=second)
    for run, dataset in ((add_run(ws, third, "fed-back"), third), (add_run(ws, first, "also-first"), first)):
        add_evaluation(ws, run, dataset)
    page = open_page("evaluate", run="elu_cnn-1")
    assert not [button for button in page.button if button.key == "evaluate-to-compare"]
    page = open_page("evaluate", run="fed-back")
    assert page.button(key="evaluate-to-compare").label == "Compare with also-first"
    page.button(key="evaluate-to-compare").click().run()
    assert [title.value for title in page.title] == ["Compare"]
    assert page.multiselect(key="compare-runs").value == ["fed-back", "also-first"]


def test_the_run_before_is_that_of_the_same_network_and_first_that_it_began_from(folder: Path) -> None:
    ws = full_workspace(folder)
    first = datasets.get_dataset(ws.database, "sky-v1")
    later = add_dataset(ws, sources.get_source(ws.database, "sky"), "sky-v2", parent=first)
    retrained = add_run(ws, later, "retrained")
    add_evaluation(ws, retrained, later)
    spec = TrainingSpec(network="equivariant_resnet").saved()
    other = runs.create_run(
        ws.database, name="other-network", dataset_id=first.id, model="equivariant_resnet", spec=spec
    )
    ws.run_folder(other.name).mkdir(parents=True)
    add_evaluation(ws, other, first)
    longer = add_run(ws, first, "longer", epochs=6)
    add_evaluation(ws, longer, first)
    study = studies.create_study(ws.database, name="folds", kind="kfold", dataset_id=first.id, spec={})
    fold = add_run(ws, first, "a-fold")
    add_evaluation(ws, fold, first)
    studies.add_run(ws.database, study.id, fold.id, place=1, info={})
    assert run_before(ws, retrained) == "elu_cnn-2", "by the same settings, and no fold"
    assert run_before(ws, replace(retrained, initial_run_id=longer.id)) == "longer"
    assert run_before(ws, replace(retrained, initial_run_id=other.id)) == "other-network"


def test_a_run_measured_on_other_cutouts_is_not_offered_for_comparison(folder: Path) -> None:
    ws = full_workspace(folder)
    first = datasets.get_dataset(ws.database, "sky-v1")
    second = add_dataset(ws, sources.get_source(ws.database, "sky"), "sky-v2", parent=first)
    add_evaluation(ws, add_run(ws, second, "fed-back"), second)
    stored = evaluations.load_evaluation(ws.run_folder("fed-back"), "test")
    relabelled = replace(stored, labels=~stored.labels)
    evaluations.save_evaluation(ws.run_folder("fed-back"), "test", relabelled)
    page = open_page("evaluate", run="fed-back")
    assert not [button for button in page.button if button.key == "evaluate-to-compare"]


def test_a_page_of_cutouts_is_explained_in_one_job_and_shown_under_the_map_chosen(folder: Path) -> None:
    ws = full_workspace(folder)
    page = open_page("evaluate", run="elu_cnn-1")
    page.toggle(key="evaluate-maps").set_value(True).run()
    assert any("for a lens" in one.value and "map-legend" in one.value for one in page.main.get("html"))
    assert any("Surest lenses found" in text.value for text in page.markdown)
    [button] = [one for one in page.button if one.label.startswith("Explain all")]
    said = next(one.value for one in page.caption if "No map has been worked out" in one.value)
    assert said.startswith("≈ ")
    button.click().run()
    assert not page.exception
    [job] = queue.list_jobs(ws.database)
    ids = job.payload["cutouts"]
    assert job.payload["spec"]["perturbations"] < ExplainSpec().perturbations
    assert button.label == f"Explain all {len(ids)}"
    maps = np.zeros((SIZE, SIZE))
    maps[:4, :4] = 1.0
    figures = {
        "about": "score", "value": 0.9, "baseline": 0.1, "fidelity": 0.6, "agreement": 0.5,
        "central_share": 0.7, "segments": 1, "perturbations": 100, "explained_at": time.time() + 9,
        "gradients": {"layer": "x", "gap": 0.01, "randomised": {"grad_cam": 0.125, "integrated": -0.25}},
    }  # fmt: skip
    labels, pixels = np.zeros((SIZE, SIZE), int), np.zeros((SIZE, SIZE, 3), np.float32)
    found = StoredExplanation(pixels, labels, np.array([0.5]), maps, figures, maps, -maps)
    save_explanation(ws.run_folder("elu_cnn-1"), explanation_key(ids[0], None), found)
    page.run()
    assert not [one for one in page.button if one.label.startswith("Explain")], "the job goes on with others"
    for one in ids[1:]:
        save_explanation(ws.run_folder("elu_cnn-1"), explanation_key(one, None), found)
    queue.command_job(ws.database, job.id, "stop")
    page.run()
    assert any(
        "Grad-CAM ρ = 0.12, Integrated gradients ρ = \N{MINUS SIGN}0.25" in one.value for one in page.caption
    )
    pictures = {}
    for name, opacity in (("none", 65), ("grad_cam", 65), ("grad_cam", 10), ("integrated", 65)):
        page.get_by_key("evaluate-map").set_value(name)
        page.slider(key="evaluate-map-opacity").set_value(opacity).run()
        assert not page.exception
        pictures[name, opacity] = sheets_of(page)["false_positive"]["sprite"]
    assert len(set(pictures.values())) == 4


def test_a_review_of_picked_cutouts_is_made_once(folder: Path) -> None:
    ws = full_workspace(folder)
    run = runs.get_run(ws.database, "elu_cnn-1")
    ids = stored_scores.scores_of(ws, run.id, 1, limit=3)[0].tolist()
    first = review_of_cutouts(ws, name="worst", cutout_ids=ids, run_name=run.name)
    assert review_of_cutouts(ws, name="worst", cutout_ids=ids, run_name=run.name).id == first.id
    assert review_of_cutouts(ws, name="worst", cutout_ids=ids[1:], run_name=run.name).name == "worst-2"
    assert reviews.queue_of(ws.database, first.id).tolist() == ids


def test_the_confusion_figure_states_numbers_and_shares_of_the_true_class() -> None:
    confusion = Confusion(tp=3, fp=1, fn=1, tn=9)
    figure = evaluation_figures.confusion_figure(
        confusion, colours={"lens": "#e69f00", "nonlens": "#56b4e9"}, ink="#ffffff"
    )
    texts = [note.text for note in figure.layout.annotations]
    assert "<b>3</b><br>TP · 75.0 %" in texts
    assert "<b>1</b><br>FP · 10.0 %" in texts


def test_the_table_goes_out_as_latex(folder: Path) -> None:
    ws = full_workspace(folder)
    text = latex_table(figures_table([load_evaluation(ws, "elu_cnn-1")], threshold=0.5))
    assert text.startswith("\\begin{tabular}{l")
    assert "elu\\_cnn-1" in text


def test_slider_figures_and_a_hint_follow_scores_that_are_all_near_0(folder: Path) -> None:
    ws = full_workspace(folder)
    run_folder = ws.run_folder("elu_cnn-1")
    stored = evaluations.load_evaluation(run_folder, "test")
    low = replace(stored, rotated_scores=stored.rotated_scores**9 / 50)
    evaluations.save_evaluation(run_folder, "test", low)
    page = open_page("evaluate", run="elu_cnn-1")
    told = next(text.value for text in page.caption if "No score reaches 0.5 (highest: 0.0" in text.value)
    assert "the threshold begins at" in told
    assert "fewer than 10 false positives" in told or "10 highest scores" in told
    slider = page.select_slider(key="evaluate-threshold")
    slider.set_value(float(slider.options[200])).run()
    assert not page.exception
    highest = float(low.rotated_scores[:, 0].max())
    assert 0 < page.select_slider(key="evaluate-threshold").value < highest < 0.02
    assert not any("No score reaches" in text.value for text in page.caption)


def test_a_threshold_chosen_among_few_is_offered_with_its_limits() -> None:
    """Of 14 non-lenses none accepted leaves up to 21.5 % (Wilson, by hand: z² / (n + z²))."""
    labels = np.arange(70) < 56

    def few(labels: np.ndarray) -> str | None:
        return few_for_threshold(propose_thresholds(labels, labels * 1.0, part="validation"))

    assert few(labels) == (
        "Chosen among 56 lenses and 14 non-lenses, which is few: each non-lens accepted is 7.1\u00a0% of "
        "them, and where none is, 22\u00a0% may be (95\u00a0%). Take a larger validation part, or as many of "
        "the best as can be looked at."
    )
    assert few(np.arange(300) < 100) is None
    assert "completeness is known to ±" in str(few(np.arange(210) < 10))


def test_where_a_half_misleads_it_is_said_and_the_proposed_threshold_is_set_by_a_button(folder: Path) -> None:
    ws = full_workspace(folder)
    run_folder = ws.run_folder("elu_cnn-1")
    stored = evaluations.load_evaluation(run_folder, "test")
    # By hand: of 3 lenses and 9 non-lenses one lens reaches 0.5; at 0.2 all three do, and no non-lens.
    scores = np.where(stored.labels, 0.2, 0.1).astype(np.float32)
    scores[np.flatnonzero(stored.labels)[0]] = 0.9
    proposals = propose_thresholds(stored.labels, scores, part="validation").as_dict()
    figures = stored.figures | {"suggested_thresholds": proposals}
    turned = np.repeat(scores[:, None], stored.rotated_scores.shape[1], axis=1)
    evaluations.save_evaluation(run_folder, "test", replace(stored, rotated_scores=turned, figures=figures))
    page = open_page("evaluate", run="elu_cnn-1")
    aims = page.get_by_key("evaluate-aims")
    assert "3 lenses, 9 non-lenses, few" in aims.label
    assert "Chosen among 3 lenses and 9 non-lenses, which is few" in aims.help
    [said] = [text for text in page.caption if "misleads" in text.value]
    assert "it accepts 1 of 3 lenses. At 0.2 (best F1) completeness is 100 % and purity 100 %." in said.value
    assert "it accepts 1 of 3 lenses (completeness 33.3 %, purity 100 %)" in said.help
    page.button(key="evaluate-set-better").click().run()
    assert not page.exception
    assert float(np.ravel(page.query_params["threshold"])[0]) == pytest.approx(0.2)
    assert not any("misleads" in text.value for text in page.caption)


def test_purity_and_completeness_are_drawn_as_steps_between_the_scores() -> None:
    evaluation = made_evaluation_of([0.9, 0.6, 0.6, 0.1], [1, 1, 0, 0])
    figure = evaluation_figures.threshold_figure(
        threshold_columns(evaluation), threshold=0.5, axis=axis_of([0.0, 1.0]), colours=("#000000", "#111111")
    )
    purity = next(trace for trace in figure.data if trace.name == "purity")
    # By hand: of those at ≥ 0.9 all are lenses; at ≥ 0.6 two of three; at ≥ 0.1 two of four.
    np.testing.assert_allclose(purity.x, [0.9, 0.6, 0.6, 0.1, 0.1, 0.0], rtol=1e-6)
    np.testing.assert_allclose(purity.y, [1, 1, 2 / 3, 2 / 3, 0.5, 0.5])


def made_evaluation_of(scores: list[float], labels: list[int]) -> Evaluation:
    turned = np.array(scores, np.float32)[:, None]
    stored = StoredEvaluation(np.arange(len(scores)), np.array(labels, bool), turned, {})
    return Evaluation(run="r", part="test", outdated=False, stored=stored)


def test_limits_and_p_values_stand_beside_the_figures_of_two_runs(folder: Path) -> None:
    full_workspace(folder)
    page = open_page("evaluate", run="elu_cnn-1", compare="elu_cnn-2")
    table = page.dataframe[0].value
    assert list(table.columns) == ["figure", "elu_cnn-1", "elu_cnn-2", "p (elu_cnn-2)"]
    assert "completeness at FPR 0.0001" not in set(table["figure"])  # too few non-lenses
    intervals = load_evaluation(Workspace.open(folder), "elu_cnn-1").intervals["auroc"]
    assert table["elu_cnn-1"][0] == f"{intervals.value:.3f} ({intervals.low:.3f}–{intervals.high:.3f})"


def test_the_survey_follows_its_prevalence_which_the_address_keeps(folder: Path) -> None:
    full_workspace(folder)
    page = open_page("evaluate", run="elu_cnn-1", view="survey", prevalence="1e-05", threshold="0.3")
    assert any("with 10 lenses" in said.value for said in page.caption)
    page.get_by_key("evaluate-prevalence-0.001").set_value(1e-2).run()
    assert not page.exception
    assert any("with 10\u202f000 lenses" in said.value for said in page.caption)
    labels = [one.label for one in (*page.main.metric, *page.main.select_slider)]
    drawn = [one.type for one in page.main if one.type in ("metric", "select_slider")]
    assert {"To inspect", "Purity", "Completeness", "Person-time"} <= set(labels)
    assert drawn.index("metric") < len(drawn) - 1 - drawn[::-1].index("select_slider")  # the answer first
    assert page.query_params["prevalence"] in ("0.01", ["0.01"])


def test_subgroups_follow_the_column_of_the_address(folder: Path) -> None:
    full_workspace(folder)
    page = open_page("evaluate", run="elu_cnn-1", view="lenses", by="seeing_arcsec")
    assert not page.exception
    chosen = next(one for one in page.selectbox if one.label == "Lenses and non-lenses by")
    assert chosen.value == "seeing_arcsec"


def test_a_map_of_completeness_without_a_share_says_at_which_threshold_half_is_found(folder: Path) -> None:
    ws = full_workspace(folder)
    page = open_page("evaluate", run="elu_cnn-1", view="lenses")
    assert any(
        "share of such lenses that the network accepts" in one.value.replace("\n", " ")
        for one in page.caption
    )
    theta_e, snr = (one.ravel() for one in np.meshgrid([1.0, 2.0], [20.0, 60.0]))
    told = {"spec": InjectionSpec().saved(), "galaxies": 60, "learned_from": False, "made_at": 0.0}
    stored = StoredInjections(
        theta_e, snr, np.full(4, np.nan), np.arange(4), np.array([0.001, 0.002, 0.003, 0.004]),
        told | {"psf_fwhm_arcsec": [0.7]}, np.zeros(0, np.int64), np.zeros(0),
    )  # fmt: skip
    evaluations.save_injections(ws.run_folder("elu_cnn-1"), "sky", stored)
    page = open_page("evaluate", run="elu_cnn-1", view="lenses", threshold="0.99")
    said = next(info.value for info in page.info if "injected lenses" in info.value)
    assert "accepts 0 of 4 injected lenses at score ≥ 0.99: the highest of their scores is 0.004" in said
    assert "Half would be found at score ≥ 0.003, where " in said
    assert " non-lenses of the test part are accepted too" in said
    page.button(key="evaluate-completeness-half").click().run()
    assert not page.exception
    assert float(np.ravel(page.query_params["threshold"])[0]) == 0.003
    assert not any("injected lenses" in info.value for info in page.info)


def test_where_not_all_mistakes_are_shown_it_says_how_many_are(folder: Path) -> None:
    full_workspace(folder)
    page = open_page("evaluate", run="elu_cnn-1", threshold="0.5")
    said = [text.value for text in page.caption if " part" in text.value and "score" in text.value]
    counts = [int(text.split()[0]) for text in said if text[0].isdigit()]
    assert counts
    assert shown_in_words(12, 12) == ""
    assert shown_in_words(1300, 12) == "; the first 12 are shown"
    for count, text in zip(counts, (text for text in said if text[0].isdigit()), strict=True):
        assert ("the first 12 are shown" in text) is (count > 12)
