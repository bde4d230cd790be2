"""Searches of hyper-parameters: their space, their trials, pruning, and resumption."""

import optuna
import pytest

from lensapp.cli.commands import make_parser
from lensapp.core.errors import InvalidInput
from lensapp.core.train.presets import PRESETS
from lensapp.core.train.search_space import (
    Choices,
    FloatRange,
    IntRange,
    figure_words,
    parse_space,
    settings_of,
)
from lensapp.core.train.study_spec import SearchSpec
from lensapp.learning.studies.trials import Judge, ask, importance_of, rebuild
from lensapp.learning.studies.tuning import search
from lensapp.services.train import studies as study_service
from lensapp.storage import runs, tables
from lensapp.storage.records import Run, StudyRun
from support.study_workspace import DATASET, Interrupter, WorkerKilledError, study_workspace, tiny


def test_the_space_of_a_recipe_follows_from_the_bounds_of_its_fields():
    known = settings_of(PRESETS["S5"].spec)
    assert known["learning_rate"].limits == FloatRange(low=1e-5, high=1e-1, log=True)
    assert known["augmentation.rotation_deg"].limits == FloatRange(low=0, high=180)
    assert known["augmentation.d4"].limits == Choices(values=(False, True))
    assert known["schedule.kind"].limits == Choices(
        values=("constant", "step", "cosine", "one_cycle", "cyclic")
    )
    assert known["network_options.filters"].limits == IntRange(low=8, high=128)
    assert not {"seed", "device", "network", "fold", "monitor"} & set(known)
    assert all(setting.description for setting in known.values())


@pytest.mark.parametrize("preset", list(PRESETS))
def test_every_setting_of_every_recipe_can_be_searched_in_its_whole_range(preset):
    training = PRESETS[preset].spec
    for name, setting in settings_of(training).items():
        SearchSpec(training=training, space={name: setting.limits})


def test_a_line_narrows_ranges_and_choices():
    text = (
        "learning_rate=1e-4:1e-2, batch_size=8:64,optimizer=adam|sgd,augmentation.d4=true|false,schedule.kind"
    )
    space = parse_space(text, tiny())
    assert space["learning_rate"] == FloatRange(low=1e-4, high=1e-2, log=True)
    assert space["batch_size"] == IntRange(low=8, high=64, log=True)
    assert space["optimizer"] == Choices(values=("adam", "sgd"))
    assert space["augmentation.d4"] == Choices(values=(True, False))
    spec = SearchSpec(training=tiny(), space=space)
    assert SearchSpec.parse(spec.saved()) == spec
    recipe = spec.recipe({"schedule.kind": "cosine", "batch_size": 9, "augmentation.d4": False})
    assert (recipe.schedule.kind, recipe.batch_size, recipe.augmentation.d4) == ("cosine", 9, False)
    assert recipe.network_options == tiny().network_options


@pytest.mark.parametrize(
    ("text", "reason"),
    [("speed", "'speed' cannot be searched. Choose some of epochs"), ("", "no settings to search"),
     ("learning_rate=fast:slow", "'fast' in the range of learning_rate is not a number"),
     ("learning_rate=0.1", "Write learning_rate=LOW:HIGH"),
     ("learning_rate=1:0.1", "the smallest value must be below the largest")],
)  # fmt: skip
def test_what_cannot_be_searched_is_refused(text, reason):
    with pytest.raises(InvalidInput, match=reason):
        parse_space(text, tiny())


def test_a_range_beyond_the_bounds_of_a_field_is_refused():
    space = parse_space("learning_rate=0.1:50", tiny())
    with pytest.raises(InvalidInput, match=r"learning_rate = 50\.0 is refused"):
        SearchSpec.parse({"training": tiny().saved(), "space": {k: v.saved() for k, v in space.items()}})


def ended(number: int, value: float, params: dict, state: str = "complete") -> StudyRun:
    run = Run(number, f"r{number}", 1, None, "m", "finished", {}, {}, None, 0.0, None)
    return StudyRun(run, number, {"state": state, "value": value, "params": params})


def search_spec(**changes) -> SearchSpec:
    training = tiny(epochs=4)
    space = parse_space("learning_rate,optimizer", training)
    return SearchSpec(training=training, space=space, **{"trials": 6, "startup_trials": 2} | changes)


def proposals(spec: SearchSpec, *, interrupted_at: int | None) -> list[dict]:
    """Return what a search proposes when a trial's value is its learning rate."""
    done: list = []
    optimiser = rebuild("s", spec, done)
    for number in range(spec.trials):
        if number == interrupted_at:
            optimiser = rebuild("s", spec, done)
        params = dict(ask(optimiser, spec, unfinished=None).params)
        done.append((ended(number + 1, params["learning_rate"], params), {1: params["learning_rate"]}))
        optimiser.tell(number, params["learning_rate"])
    return [entry.info["params"] for entry, _ in done]


def test_a_search_rebuilt_from_its_rows_proposes_what_the_uninterrupted_one_does():
    spec = search_spec()
    assert proposals(spec, interrupted_at=4) == proposals(spec, interrupted_at=None)
    assert proposals(search_spec(seed=1), interrupted_at=None) != proposals(spec, interrupted_at=None)


@pytest.mark.parametrize("pruner", ["median", "hyperband", "none"])
def test_a_trial_without_prospects_is_ended_after_its_warmup(pruner):
    spec = search_spec(pruner=pruner, warmup_epochs=2, startup_trials=1)
    good = [
        (ended(k, 0.9, {"learning_rate": 0.01 * k, "optimizer": "adam"}), dict.fromkeys(range(1, 5), 0.9))
        for k in (1, 2, 3, 4)
    ]
    for entry, _ in good:
        entry.info["rungs"] = {"completed_rung_0": 0.9}
    optimiser = rebuild("s", spec, good)
    judge = Judge(ask(optimiser, spec, unfinished=None), "val_auc", list[dict]().append, Interrupter(99))
    wishes = []
    for epoch in (1, 2, 2, 3):
        judge.take({"event": "epoch", "epoch": epoch, "val_auc": 0.1})
        wishes.append(judge.wish())
    assert wishes == ([None] * 4 if pruner == "none" else [None, "stop", "stop", "stop"])
    assert set(importance_of(optimiser)) <= {"learning_rate", "optimizer"}


@pytest.mark.long
def test_a_killed_search_goes_on_with_the_trial_that_was_under_way(tmp_path):
    ws = study_workspace(tmp_path)
    space = parse_space("learning_rate,network_options.filters=1:2,batch_size=1:8", tiny())
    spec = SearchSpec(training=tiny(epochs=1, early_stopping_patience=0), space=space, trials=3)
    study, _ = study_service.start_search(ws, dataset_name=DATASET, spec=spec, name="s")
    with pytest.raises(WorkerKilledError):
        search(ws, study_name="s", should_stop=Interrupter(3))
    before = study_service.members(ws, study)
    assert [entry.info["state"] for entry in before] == ["running"]
    told: list[dict] = []
    result = search(ws, study_name="s", report=told.append)
    after = study_service.members(ws, study)
    assert [(entry.run.name, entry.info["state"], entry.run.state) for entry in after] == [
        (f"s-trial{k}", "complete", "finished") for k in (1, 2, 3)
    ]
    assert after[0].info["params"] == before[0].info["params"]
    assert after[0].run.spec["learning_rate"] == after[0].info["params"]["learning_rate"]
    values = [entry.info["value"] for entry in after]
    assert result["best"]["value"] == max(values)
    assert result["best"]["run"] == f"s-trial{values.index(max(values)) + 1}"
    assert (result["trials"], result["complete"], result["figure"]) == (3, 3, "val_auc")
    assert study_service.study_status(ws, "s").study.summary["best"] == result["best"]
    assert told[-1]["fraction"] == 1.0
    assert search(ws, study_name="s")["best"] == result["best"]
    assert len(study_service.members(ws, study)) == 3
    assert runs.metrics_of(ws.database, after[2].run.id)


def test_the_commands_of_studies_take_the_options_of_training(tmp_path):
    ws = study_workspace(tmp_path, count=8)
    words = ["--workspace", str(tmp_path), "kfold", DATASET, "--model", "simple_cnn", "--folds", "9"]
    with pytest.raises(InvalidInput, match="of 9 has no cutout labelled"):
        run_command([*words, "--epochs", "1", "--fold-seed", "4"])
    member = tables.dataset_members
    with ws.database.write() as connection:
        connection.execute(member.update().values(fold=member.c.cutout_id % 7))
    with pytest.raises(InvalidInput, match="of 7 has no cutout labelled"):  # as the version was split
        run_command([*words[:-2], "--epochs", "1"])
    words = ["--workspace", str(tmp_path), "search", DATASET, "--preset", "S5", "--trials", "2"]
    with pytest.raises(InvalidInput, match=r"'speed' cannot be searched\. Choose some of epochs"):
        run_command([*words, "--search", "speed", "--timeout", "60", "--pruner", "hyperband"])
    with pytest.raises(InvalidInput, match="Pruner"):
        run_command([*words, "--pruner", "axe"])


def run_command(words: list[str]) -> None:
    arguments = make_parser().parse_args(words)
    arguments.function(arguments)


def test_trials_that_fail_are_noted_and_a_search_of_nothing_else_says_why(tmp_path):
    ws = study_workspace(tmp_path)
    training = tiny(network="elu_cnn", network_options={"blocks": 1, "padding": "valid"})
    spec = SearchSpec(training=training, space=parse_space("network_options.blocks=5:6", training), trials=2)
    study, _ = study_service.start_search(ws, dataset_name=DATASET, spec=spec)
    with pytest.raises(InvalidInput, match="None of the 2 trials trained to its end"):
        search(ws, study_name=study.name)
    assert [(e.info["state"], e.run.state) for e in study_service.members(ws, study)] == [
        ("failed", "failed")
    ] * 2
    assert optuna.logging.get_verbosity() == optuna.logging.WARNING


@pytest.mark.parametrize("written", ["10⁻⁵ to 0.1", "1e-5:0.1", "1 × 10⁻⁵ to 0.1"])
def test_the_ends_of_a_range_may_be_powers_of_ten_as_the_form_writes_them(written):
    space = parse_space(f"learning_rate={written}", PRESETS["OURS"].spec)
    assert space["learning_rate"].ends == (1e-5, 0.1)
    assert [figure_words(value) for value in (1e-5, 2.5e-6, 0.1, 512)] == ["10⁻⁵", "2.5 × 10⁻⁶", "0.1", "512"]
