"""The audit of a run: made with one command, kept with the run, outdated when the network changes."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score
from sqlalchemy import update

from lensapp.cli import main
from lensapp.core.errors import InvalidInput, NotFound
from lensapp.core.evaluate.audits.audit_spec import AuditSpec
from lensapp.services.data.sources import label_counts
from lensapp.services.evaluate import realism
from lensapp.services.evaluate.audits import audit, keep_audit, kept_audit, start_audit
from lensapp.services.evaluate.label_noise import label_suspects, out_of_sample, suspicion_doubt
from lensapp.services.evaluate.realism import realism_of_dataset
from lensapp.services.reports.checks import label_noise_in_words
from lensapp.storage import datasets, queue, reviews, runs, sources, studies, tables
from lensapp.storage.evaluations import load_evaluation, save_evaluation
from lensapp.storage.scores import stored_scores
from lensapp.storage.workspace import Workspace
from support.pages_workspace import BANDS, SIZE, add_run, full_workspace, open_page
from support.scoring_workspace import (
    Trained,
    add_source,
    date_anew,
    open_workspace,
    train_further,
    train_tiny,
)
from support.shortcut_audits import add_dataset_and_run, add_marked_survey
from support.small_surveys import add_source as add_small_source
from support.small_surveys import add_votes, pack_source


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Trained:
    trained = train_tiny(tmp_path_factory.mktemp("audits") / "workspace")
    add_source(trained.workspace, "elsewhere", unit=8.0)
    return trained


def test_one_command_audits_a_run_and_keeps_what_it_found(
    original: Trained, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    trained = original.copied(tmp_path / "copy")
    folder = str(trained.workspace.folder)
    database = f"sqlite:///{trained.workspace.folder / 'workspace.db'}"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LENSAPP_DATABASE_URL", database)
        code = main(["--workspace", folder, "audit", "first", "--source", "elsewhere", "--json"])
    assert code == 0
    found = json.loads(capsys.readouterr().out)
    told = {one["kind"]: one["auroc"] for one in found["shortcuts"]["found"]}
    assert told["central"] > 0.95  # the bright columns are all that lenses have, and cross the whole cutout
    assert told["noise"] < 0.75
    assert found["network"]["auroc"] > 0.9  # measured for the audit
    assert [leak["objects"] for leak in found["leakage"]] == [0, 0, 0]
    assert (found["label_noise"]["judged"], found["realism"]) == (30, [])
    assert [(one["source"], one["light"]) for one in found["shift"]] == [("elsewhere", "red")]
    ws = open_workspace(trained.workspace.folder)
    kept = kept_audit(ws, runs.get_run(ws.database, "first"))
    assert kept is not None
    assert not kept.outdated
    assert {key: kept.found[key] for key in found} == found


@pytest.fixture
def ws(tmp_path: Path) -> Workspace:
    made = Workspace.open(tmp_path / "workspace")
    add_marked_survey(made)
    add_dataset_and_run(made)
    return made


def test_a_corner_marker_and_a_leak_are_exposed(ws: Workspace) -> None:
    found = audit(ws, run_name="husky", spec=AuditSpec())
    told = {one["kind"]: one for one in found["shortcuts"]["found"]}
    assert told["border"]["low"] > 0.9
    assert "Border pixels alone" in told["border"]["words"]
    assert "einstein_radius_arcsec" in found["shortcuts"]["columns_left_out"]
    leaks = {leak["reason"]: leak for leak in found["leakage"]}
    assert leaks["parent"]["cutouts"] == {"test": 1}
    cutouts = sources.get_cutouts(ws.database, leaks["parent"]["pairs"][0][:2])
    assert [cutout.candidate_id for cutout in cutouts] == ["J0", "J100"]
    assert not leaks["position"]["cutouts"]


def test_what_says_whether_arcs_were_painted_is_the_label_and_no_shortcut(tmp_path: Path) -> None:
    ws = Workspace.open(tmp_path / "workspace")
    add_marked_survey(ws, kind="paint", lens_columns={"painted": True}, other_columns={"painted": False})
    add_dataset_and_run(ws)
    shortcuts = audit(ws, run_name="husky", spec=AuditSpec())["shortcuts"]
    assert shortcuts["label_columns"] == ["painted"]
    assert not any("painted" in name for one in shortcuts["found"] for name, _ in one["telling"])


def test_simulated_cutouts_of_the_dataset_are_told_from_a_real_source(ws: Workspace) -> None:
    pixels = np.random.default_rng(2).normal(0, 3, (60, SIZE, SIZE, 3)).astype(np.float32)
    rows = [{"row": k, "candidate_id": f"real{k}"} for k in range(60)]
    pack_source(ws, "sky", pixels, rows, bands=BANDS, kind="import")
    [outcome] = audit(ws, run_name="husky", spec=AuditSpec(source="sky"))["realism"]
    assert (outcome["real"], outcome["simulated"]) == ("sky", "wolves")
    assert outcome["photometry"]["auroc"] > 0.9


def test_painted_cutouts_are_not_told_from_the_galaxies_that_they_are_painted_on(ws: Workspace) -> None:
    pixels = np.random.default_rng(2).normal(0, 3, (60, SIZE, SIZE, 3)).astype(np.float32)
    rows = [{"row": k, "candidate_id": f"real{k}"} for k in range(60)]
    pack_source(ws, "sky", pixels, rows, bands=BANDS, kind="import")
    wolves = sources.get_source(ws.database, "wolves")
    sources.finish_source(ws.database, wolves.id, quality={}, kind="paint", spec={"hosts": ["sky"]})
    [outcome] = audit(ws, run_name="husky", spec=AuditSpec(source="sky"))["realism"]
    assert "shows the galaxies of sky" in outcome["reason"]


def test_painted_lenses_are_told_from_real_ones_beside_which_they_are_painted(ws: Workspace) -> None:
    pixels = np.random.default_rng(2).normal(0, 3, (60, SIZE, SIZE, 3)).astype(np.float32)
    rows = [{"row": k, "candidate_id": f"real{k}", "label": "lens"} for k in range(60)]
    pack_source(ws, "sky", pixels, rows, bands=BANDS, kind="import")
    wolves = sources.get_source(ws.database, "wolves")
    sources.finish_source(ws.database, wolves.id, quality={}, kind="paint", spec={"hosts": ["sky"]})
    [outcome] = audit(ws, run_name="husky", spec=AuditSpec(source="sky"))["realism"]
    lenses = label_counts(ws, wolves)["lens"]
    assert outcome["cutouts"] == {"sky": 60, "wolves": lenses}  # lens beside lens


def test_a_comparison_asked_for_under_data_stands_beside_the_audit_of_a_dataset(
    ws: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = runs.get_run(ws.database, "husky")
    assert realism_of_dataset(ws, run.dataset_id) == []
    outcome = {"real": "sky", "simulated": "wolves", "features": None, "photometry": None}
    stored = [outcome, outcome | {"simulated": "others"}]
    monkeypatch.setattr(realism, "realism_outcomes", lambda ws: stored)
    assert realism_of_dataset(ws, run.dataset_id) == [outcome]


def test_an_audit_is_outdated_when_the_network_has_changed(ws: Workspace) -> None:
    run = runs.get_run(ws.database, "husky")
    assert kept_audit(ws, run) is None
    found = audit(ws, run_name="husky", spec=AuditSpec())
    assert keep_audit(ws, "husky", found) == found
    kept = kept_audit(ws, run)
    assert kept is not None
    assert not kept.outdated
    date_anew(ws.run_folder("husky"))
    kept = kept_audit(ws, run)
    assert kept is not None
    assert not kept.outdated
    train_further(ws.run_folder("husky"))
    kept = kept_audit(ws, run)
    assert kept is not None
    assert kept.outdated


def test_what_cannot_be_audited_is_refused_or_says_why(ws: Workspace) -> None:
    with pytest.raises(NotFound):
        start_audit(ws, run_name="nobody")
    with pytest.raises(NotFound):
        start_audit(ws, run_name="husky", spec=AuditSpec(source="nowhere"))
    made = datasets.get_dataset(ws.database, "wolves-v1")
    add_run(ws, made, "fresh")
    (ws.run_folder("fresh") / "best.keras").unlink()
    with pytest.raises(InvalidInput, match="has no network yet"):
        start_audit(ws, run_name="fresh")
    found = audit(ws, run_name="fresh", spec=AuditSpec())
    assert "not trained on" in found["label_noise"]["reason"]


def test_scores_of_a_cross_validation_are_preferred_and_named(ws: Workspace) -> None:
    made = datasets.get_dataset(ws.database, "wolves-v1")
    study = studies.create_study(ws.database, name="five", kind="kfold", dataset_id=made.id, spec={})
    members = datasets.member_columns(ws.database, made.id)
    inner = np.flatnonzero(members["part"] != "test")
    for place in (1, 2):
        run = add_run(ws, made, f"five-{place}")
        rows = inner[place - 1 :: 2]
        labels = members["label"][rows] == "lens"
        scores = np.where(labels, 0.9, 0.1).astype(np.float32)[:, None]
        stored = load_evaluation(ws.run_folder("husky"), "test")
        held = replace(
            stored,
            cutout_ids=members["cutout_id"][rows],
            labels=labels,
            rotated_scores=scores,
            group_ids=None,
        )
        save_evaluation(ws.run_folder(run.name), "validation", held)
        studies.add_run(ws.database, study.id, run.id, place=place)
    husky = runs.get_run(ws.database, "husky")
    assert out_of_sample(ws, husky).origin == "the test part; the training part is not judged"
    studies.update_study(ws.database, study.id, state="finished")
    judged = out_of_sample(ws, husky)
    assert judged.origin == "cross-validation five and the test part"
    np.testing.assert_array_equal(judged.cutout_ids, members["cutout_id"])


def test_votes_of_two_inspectors_against_a_label_are_listed(ws: Workspace) -> None:
    run = runs.get_run(ws.database, "husky")
    ids = load_evaluation(ws.run_folder("husky"), "test").cutout_ids
    assert label_suspects(ws, run)["crowd"] is None
    source = sources.get_source(ws.database, "wolves")
    sources.finish_source(ws.database, source.id, quality={}, kind="import")
    review = reviews.create_review(
        ws.database, name="round", source_id=source.id, run_id=run.id, spec={}, queue=ids
    )
    right = {int(key): "A" if number % 2 == 0 else "X" for number, key in enumerate(ids)}
    wrong = int(ids[1])  # labelled a non-lens
    for name in ("Ada", "Grace"):
        add_votes(ws, review, name, right | {wrong: "A"})
    noise = label_suspects(ws, run)
    crowd = noise["crowd"]
    assert crowd["judged"] == 20
    assert noise["votes"] == 40
    assert set(crowd["inspectors"]) == {"Ada", "Grace"}
    sources.finish_source(ws.database, source.id, quality={}, kind="demo")  # people are wrong, not labels
    assert label_suspects(ws, run)["crowd"] == crowd | {"listed": []}
    first = crowd["listed"][0]
    assert (first["cutout"], first["label"], first["suggested"], first["votes"]) == (
        wrong,
        "nonlens",
        "lens",
        2,
    )


def test_suspects_are_listed_apart_from_labels_that_are_only_in_doubt(ws: Workspace) -> None:
    """Of 120 cutouts that scores tell, four labels are wrong; the one told most surely comes first."""
    folder, ids = ws.run_folder("husky"), np.arange(1, 121)
    stored = load_evaluation(folder, "test")
    labels = ids % 2 == 1
    truth = labels.copy()
    wrong = [10, 31, 52, 93]
    truth[wrong] ^= True
    scores = np.where(truth, 0.9, 0.1) - 0.0005 * (np.arange(120) % 60) * np.where(truth, 1, -1)
    scores[31] = 0.999 if truth[31] else 0.001
    held = replace(
        stored,
        cutout_ids=ids,
        labels=labels,
        rotated_scores=scores.astype(np.float32)[:, None],
        group_ids=None,
    )
    save_evaluation(folder, "test", held)
    with ws.database.write() as connection:
        connection.execute(update(tables.sources).values(kind="fits"))
    noise = label_suspects(ws, runs.get_run(ws.database, "husky"))
    assert (noise["judged"], noise["suspects"]) == (120, 4)
    assert noise["auroc"] == pytest.approx(roc_auc_score(labels, scores))
    assert suspicion_doubt(noise) == ""
    shares = {one["name"]: (one["suspects"], one["judged"]) for one in noise["shares"]}
    assert shares == {
        name: (sum(labels[row] == lens for row in wrong), int((labels == lens).sum()))
        for name, lens in (("nonlens", False), ("lens", True))
    }
    with ws.database.write() as connection:
        connection.execute(update(tables.sources).values(kind="paint"))
    painted = label_suspects(ws, runs.get_run(ws.database, "husky"))
    members = datasets.member_columns(ws.database, runs.get_run(ws.database, "husky").dataset_id)
    lenses = set(members["cutout_id"][members["label"] == "lens"].tolist()) & set(ids.tolist())
    assert lenses
    assert (painted["painted"], painted["judged"]) == (len(lenses), 120 - len(lenses))
    assert not lenses & {one["cutout"] for one in painted["listed"] + painted["doubtful"]}
    assert painted["suspects"] == noise["suspects"] - len(lenses & {one["cutout"] for one in noise["listed"]})
    assert "AUROC of 0.66 only" in suspicion_doubt(noise | {"auroc": 0.66})
    assert noise["listed"][0]["cutout"] == ids[31]
    assert {one["cutout"] for one in noise["listed"]} == set(ids[wrong].tolist())
    assert all(one["suggested"] != one["label"] for one in noise["listed"])
    assert len(noise["doubtful"]) == 12 - 4
    assert all(one["suggested"] == one["label"] for one in noise["doubtful"])


def test_votes_cast_since_an_audit_are_told_and_one_click_audits_again_with_its_settings(
    ws: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LENSAPP_WORKSPACE", str(ws.folder))
    run = runs.get_run(ws.database, "husky")
    spec = AuditSpec(folds=3)
    keep_audit(ws, "husky", audit(ws, run_name="husky", spec=spec) | {"shift": []})
    page = open_page("evaluate", run="husky", view="audits")
    assert not any("since this audit" in one.value for one in page.warning)
    beside = add_small_source(ws, "beside", count=3)  # of no member of the dataset
    other = sources.cutout_columns(ws.database, [beside.id], columns=("id",))["id"]
    aside = reviews.create_review(
        ws.database, name="beside", source_id=beside.id, run_id=None, spec={}, queue=other
    )
    add_votes(ws, aside, "Ada", dict.fromkeys(other.tolist(), "A"))
    stored_scores.add_scores(ws, run.id, beside.id, other, np.full(3, 0.5, np.float32))
    page = open_page("evaluate", run="husky", view="audits")
    assert not any("since this audit" in one.value for one in page.warning)
    ids = load_evaluation(ws.run_folder("husky"), "test").cutout_ids.tolist()
    source = sources.get_source(ws.database, "wolves")
    sources.finish_source(ws.database, source.id, quality={}, kind="import")
    review = reviews.create_review(
        ws.database, name="round", source_id=source.id, run_id=run.id, spec={}, queue=np.array(ids)
    )
    add_votes(ws, review, "Ada", dict.fromkeys(ids[:3], "A"))
    page = open_page("evaluate", run="husky", view="audits")
    [warning] = [one.value for one in page.warning if "since this audit" in one.value]
    assert warning.startswith("3 votes were cast")
    [again] = [button for button in page.button if button.label == "Audit again"]
    again.click().run()
    [job] = queue.list_jobs(ws.database)
    assert (job.kind, AuditSpec.parse(job.payload["spec"])) == ("audit", spec)


def test_evaluate_shows_the_audit_and_opens_suspects(ws: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LENSAPP_WORKSPACE", str(ws.folder))
    keep_audit(ws, "husky", audit(ws, run_name="husky", spec=AuditSpec()) | {"shift": []})
    page = open_page("evaluate", run="husky", view="audits")
    assert any("and so certain: none is judged" in one.value for one in page.caption), "all are simulated"
    wolves = sources.get_source(ws.database, "wolves")
    sources.finish_source(ws.database, wolves.id, quality={}, kind="import")
    keep_audit(ws, "husky", audit(ws, run_name="husky", spec=AuditSpec()) | {"shift": []})
    page = open_page("evaluate", run="husky", view="audits")
    tables = [one.value for one in page.dataframe]
    assert any("Shortcuts: how well single measures tell lenses" in one.value for one in page.markdown)
    assert not any("told by" in one.columns for one in tables), "the figure has these numbers"
    [leakage] = [one for one in tables if "shared" in one.columns]
    assert list(leakage["test cutouts"]) == [0, 0, 1]
    page.button(key="review-audit-label-doubts").click().run()
    assert not page.exception
    assert "husky-label-doubts" in [review.name for review in reviews.list_reviews(ws.database)]


def test_evaluate_offers_the_audit_with_one_click(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LENSAPP_WORKSPACE", str(tmp_path / "workspace"))
    made = full_workspace(tmp_path / "workspace")
    page = open_page("evaluate", run="elu_cnn-1", view="audits")
    page.button(key="start-audit-elu_cnn-1").click().run()
    assert not page.exception
    assert [job.kind for job in queue.list_jobs(made.database)] == ["audit"]


@pytest.mark.parametrize(("kind", "spec"), [("demo", {}), ("paint", {"hosts": ["dogs"]})])
def test_of_simulated_cutouts_no_label_is_judged_and_the_members_are_read_once(
    ws: Workspace, kind: str, spec: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    run = runs.get_run(ws.database, "husky")
    wolves = sources.get_source(ws.database, "wolves")
    if kind == "paint":  # on a simulated survey
        pack_source(ws, "dogs", np.zeros((1, 8, 8, 3), np.float32), [{"row": 0, "candidate_id": "d"}])
        dogs = sources.get_source(ws.database, "dogs")
        sources.finish_source(ws.database, dogs.id, quality={}, kind="demo")
    sources.finish_source(ws.database, wolves.id, quality={}, kind=kind, spec=spec)
    read, asked = datasets.member_columns, []
    monkeypatch.setattr(datasets, "member_columns", lambda *of, **how: asked.append(of) or read(*of, **how))
    noise = label_suspects(ws, run)
    assert (noise["judged"], noise["suspects"], noise["listed"], noise["shares"]) == (0, 0, [], [])
    assert len(asked) == 1
    assert label_noise_in_words(noise).startswith("All labels are of painted lenses or simulated cutouts")
