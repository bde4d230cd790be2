"""The settings and figures of a training as an MLflow run in a local folder, which `mlflow ui` shows."""

import os
import time
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from importlib.util import find_spec
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from lensapp.core.errors import InvalidInput, JobCancelled

TAG = "lensapp.run"
LARGEST_BATCH = 100
SETTINGS_OF_MLFLOW = {"MLFLOW_ALLOW_FILE_STORE": "true", "MLFLOW_DISABLE_TELEMETRY": "true"}
"""A plain folder needs no server and no database of its own; nothing is to be sent anywhere."""


def require_mlflow() -> None:
    """Raise InvalidInput unless MLflow runs can be written here."""
    if find_spec("mlflow") is None:
        raise InvalidInput(
            "The package mlflow-skinny, which writes MLflow runs, is not installed. Install it "
            "(pip install -r requirements-mlflow.txt), or switch off the MLflow run."
        )


class MlflowRun(AbstractContextManager["MlflowRun"]):
    """An MLflow run of one training, in the experiment of its dataset version.

    A training that goes on goes on in the same MLflow run. How it left the context is the run's status.

    Parameters
    ----------
    folder
        Where MLflow keeps its runs.
    experiment, name
        The dataset version and the run.
    settings
        Of the recipe; nested ones are named after all that holds them, as in `augmentation.d4`.
    completed
        Epochs completed before.
    """

    def __init__(
        self, folder: Path, *, experiment: str, name: str, settings: Mapping[str, Any], completed: int
    ) -> None:
        require_mlflow()
        os.environ.update(SETTINGS_OF_MLFLOW)
        from mlflow import MlflowClient
        from mlflow.entities import Param

        self.client = MlflowClient(tracking_uri=folder.absolute().as_uri())
        known = self.client.get_experiment_by_name(experiment)
        experiment_id = known.experiment_id if known else self.client.create_experiment(experiment)
        before = self.client.search_runs([experiment_id], f"tags.`{TAG}` = '{name}'") if completed else []
        if before:
            self.key = before[0].info.run_id
            self.client.update_run(self.key, status="RUNNING")
            return
        self.key = self.client.create_run(experiment_id, run_name=name, tags={TAG: name}).info.run_id
        params = [Param(key, str(value)) for key, value in _flat(settings)]
        for first in range(0, len(params), LARGEST_BATCH):
            self.client.log_batch(self.key, params=params[first : first + LARGEST_BATCH])

    def __enter__(self) -> Self:
        return self

    def add(self, epoch: int, figures: Mapping[str, Any]) -> None:
        """Write the numbers among the figures of an epoch."""
        from mlflow.entities import Metric

        now = int(1000 * time.time())
        numbers = {
            name: float(value)
            for name, value in figures.items()
            if isinstance(value, int | float) and not isinstance(value, bool)
        }
        self.client.log_batch(self.key, [Metric(name, value, now, epoch) for name, value in numbers.items()])

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        left = "KILLED" if isinstance(error, JobCancelled) else "FAILED"
        self.client.set_terminated(self.key, "FINISHED" if error is None else left)


def _flat(settings: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yield settings with the names of all that holds them."""
    for name, value in settings.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{name}.")
        else:
            yield prefix + name, value
