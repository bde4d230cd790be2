"""Trials of a search as Optuna sees them, rebuilt from the database so that a search can be resumed.

Optuna keeps nothing of its own: settings, values and rungs stand in the rows of the study, and the figures
of the epochs in those of the runs. The random numbers of a trial follow from the seed and its number, so a
search that was interrupted proposes what one that was not would have proposed.
"""

from dataclasses import dataclass, field
from typing import Any

import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.pruners import BasePruner, HyperbandPruner, MedianPruner, NopPruner
from optuna.samplers import RandomSampler, TPESampler
from optuna.trial import TrialState

from lensapp.core.progress import Progress, Report, ShouldStop
from lensapp.core.train.search_space import Choices, FloatRange
from lensapp.core.train.study_spec import SearchSpec
from lensapp.learning.train.epoch_figures import comparable_value
from lensapp.storage.records import StudyRun

STATES = {"complete": TrialState.COMPLETE, "pruned": TrialState.PRUNED, "failed": TrialState.FAIL}
RUNG = "completed_rung"
REDUCTION = 3
FEWEST_FOR_IMPORTANCE = 4


def distributions_of(spec: SearchSpec) -> dict[str, BaseDistribution]:
    """Return the ranges of a search as Optuna's distributions."""
    distributions: dict[str, BaseDistribution] = {}
    for name, limits in spec.space.items():
        if isinstance(limits, Choices):
            distributions[name] = CategoricalDistribution(limits.values)
        elif isinstance(limits, FloatRange):
            distributions[name] = FloatDistribution(limits.low, limits.high, log=limits.log)
        else:
            distributions[name] = IntDistribution(limits.low, limits.high, log=limits.log)
    return distributions


def rebuild(
    name: str, spec: SearchSpec, done: list[tuple[StudyRun, dict[int, float]]], *, before: int | None = None
) -> optuna.study.Study:
    """Return Optuna's study with the trials that have ended, in their order.

    Parameters
    ----------
    name
        Of the study; hyperband deals trials to brackets by it.
    spec
        What is searched.
    done
        Each trial with the monitored figure of its epochs.
    before
        Place of the next trial where several are trained at once: those before it that have not ended hold
        their numbers, and tell nothing yet.
    """
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    pruner: BasePruner = NopPruner()
    if spec.pruner == "median":
        pruner = MedianPruner(n_startup_trials=spec.startup_trials, n_warmup_steps=spec.warmup_epochs)
    elif spec.pruner == "hyperband":
        limits = spec.space.get("epochs")
        longest = int(max(limits.ends)) if limits is not None else spec.training.epochs
        first = min(spec.warmup_epochs, longest)
        pruner = HyperbandPruner(min_resource=first, max_resource=longest, reduction_factor=REDUCTION)
    optimiser = optuna.create_study(
        study_name=name, direction="minimize" if spec.minimises else "maximize", pruner=pruner
    )
    distributions = distributions_of(spec)
    ended = {entry.place: (entry, epochs) for entry, epochs in done}
    for place in sorted(ended) if before is None else range(1, before):
        if place not in ended:
            optimiser.add_trial(optuna.trial.create_trial(state=TrialState.RUNNING))
            continue
        entry, epochs = ended[place]
        optimiser.add_trial(
            optuna.trial.create_trial(
                state=STATES[entry.info["state"]],
                value=entry.info.get("value"),
                params=entry.info["params"],
                distributions={key: distributions[key] for key in entry.info["params"]},
                intermediate_values=epochs,
                system_attrs=entry.info.get("rungs", {}),
            )
        )
    return optimiser


def ask(
    optimiser: optuna.study.Study, spec: SearchSpec, *, unfinished: dict[str, Any] | None
) -> optuna.trial.Trial:
    """Return the next trial, or the one with the settings `unfinished` that was interrupted."""
    seed = (spec.seed + len(optimiser.trials)) % 2**32
    optimiser.sampler = (
        RandomSampler(seed=seed)
        if spec.sampler == "random"
        else TPESampler(n_startup_trials=spec.startup_trials, seed=seed)
    )
    if unfinished is not None:
        optimiser.enqueue_trial(unfinished)
    return optimiser.ask(distributions_of(spec))


def rungs_of(optimiser: optuna.study.Study, number: int) -> dict[str, Any]:
    """Return what successive halving remembers of a trial."""
    return {
        key: value for key, value in optimiser.trials[number].system_attrs.items() if key.startswith(RUNG)
    }


def importance_of(optimiser: optuna.study.Study) -> dict[str, float]:
    """Return the share of each setting in the variance of the values; nothing before there are a few.

    References
    ----------
    Hutter, Hoos & Leyton-Brown 2014, ICML, on functional ANOVA over random forests.
    """
    done = [trial.value for trial in optimiser.trials if trial.state == TrialState.COMPLETE]
    if len(done) < FEWEST_FOR_IMPORTANCE or len(set(done)) < 2:
        return {}
    evaluator = optuna.importance.FanovaImportanceEvaluator(seed=0)
    shares = optuna.importance.get_param_importances(optimiser, evaluator=evaluator)
    return {name: float(share) for name, share in shares.items()}


@dataclass
class Judge:
    """Gives Optuna the figure of each epoch, and ends the training when it has no prospects.

    Attributes
    ----------
    trial, monitor
        The trial, and the figure that its recipe monitors.
    report, should_stop
        Of the study; the user's wish goes before.
    pruned
        Whether the trial was ended early.
    """

    trial: optuna.trial.Trial
    monitor: str
    report: Report
    should_stop: ShouldStop
    pruned: bool = False
    judged: set[int] = field(default_factory=set)

    def take(self, progress: Progress) -> None:
        """Take one report of the training."""
        if progress.get("event") == "epoch":
            self.judge(progress["epoch"], comparable_value(progress, self.monitor))
        self.report(progress)

    def judge(self, epoch: int, value: float | None) -> None:
        """Note the figure of an epoch and whether the trial is to end."""
        if value is None or epoch in self.judged:
            return
        self.judged.add(epoch)
        self.trial.report(float(value), epoch)
        self.pruned = self.pruned or self.trial.should_prune()

    def wish(self) -> str | None:
        """Return "pause", "stop" or None."""
        return self.should_stop() or ("stop" if self.pruned else None)
