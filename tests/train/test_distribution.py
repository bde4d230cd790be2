"""Data-parallel training on two parts of the processor gives what one device gives."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from lensapp.core.errors import InvalidInput
from lensapp.core.train.training_spec import TrainingSpec
from lensapp.learning.train.distribution import Placement, choose_devices, require_divisible

TESTS = Path(__file__).parents[1]

# A fresh process: a processor can be divided only before the backend has used it.
TRAIN = """
import json, sys
from pathlib import Path
from support.device.endings import in_windows
from support.tiny_trainings import run, tiny_spec
from lensapp.core.errors import LensAppError
from lensapp.learning.train import training
from lensapp.learning.train.distribution import choose_devices

folder, figures = Path(sys.argv[1]), {}
options = {"filters": 2, "blocks": 1, "dense_units": 4, "second_dense_units": 4, "dropout": 0.0}
singly = training.keep_near
for device, fed in (("cpu:2", singly), ("cpu", singly), ("cpu:2", in_windows), ("cpu", in_windows)):
    training.keep_near = fed
    spec = tiny_spec(device=device, network_options=options, epochs=1, optimizer="sgd")
    result = run(folder / f"{device[4:]}-{fed.__name__}", spec)
    rows = [(row["loss"], row["auc"], row["val_loss"]) for row in result.history]
    figures[f"{device} {fed.__name__}"] = rows
    figures["device"] = figures.get("device", result.device)
try:
    choose_devices("cpu:7")
except LensAppError as error:
    figures["refusal"] = str(error)
print(json.dumps(figures))
"""


@pytest.mark.long
@pytest.mark.parametrize("backend", ["tensorflow", "jax"])
def test_two_devices_learn_what_one_learns_from_the_same_batches(backend: str, tmp_path: Path) -> None:
    pytest.importorskip(backend, reason=f"needs {backend}")
    environment = os.environ | {
        "KERAS_BACKEND": backend,
        "PYTHONPATH": os.pathsep.join([str(TESTS), str(TESTS.parent)]),
        "TF_CPP_MIN_LOG_LEVEL": "3",
    }
    done = subprocess.run(
        [sys.executable, "-c", TRAIN, str(tmp_path)],
        env=environment, capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    figures = json.loads(done.stdout.splitlines()[-1])
    assert figures["device"] == "2 × cpu"
    for fed in ("keep_near", "in_windows"):
        for two, one in zip(figures[f"cpu:2 {fed}"], figures[f"cpu {fed}"], strict=True):
            assert two == pytest.approx(one, abs=1e-5)
    assert f"cannot be divided into 7 devices: {backend} uses it as 2 already" in figures["refusal"]


def test_a_batch_that_does_not_divide_is_refused_with_one_that_does() -> None:
    require_divisible(12, ("gpu:0", "gpu:1", "gpu:2"))
    with pytest.raises(
        InvalidInput, match=r"128 does not divide evenly among the 3 devices\. Set batch_size to 126"
    ):
        require_divisible(128, ("gpu:0", "gpu:1", "gpu:2"))


def test_devices_are_named_by_what_there_is() -> None:
    assert choose_devices("cpu") == choose_devices("cpu:1") == ("cpu:0",)
    assert Placement(("gpu:0", "gpu:1")).name == "2 × gpu"
    assert TrainingSpec(device="gpu:all").device == "gpu:all"
    with pytest.raises(InvalidInput, match=r"Device: .* is not possible"):
        TrainingSpec.parse({"device": "cpu:0"})
