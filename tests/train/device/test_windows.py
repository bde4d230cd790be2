"""What a GPU is fed and the steps it takes in one go are those of the processor, one by one."""

import json
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from lensapp.core.errors import InvalidInput
from lensapp.learning.feed.augmentation import reorient
from lensapp.learning.feed.batches import Feed
from lensapp.learning.feed.device_changes import reorient_on_device
from lensapp.learning.feed.device_feed import DeviceFeed, feed_device, keep_near
from lensapp.learning.train import devices, loop, training
from lensapp.learning.train.epoch_ends import EpochCloser
from lensapp.learning.train.trainer import Trainer
from lensapp.ui.train.train_page import progress_line
from support.device.endings import in_windows
from support.device.windows import STORED, compare_all, feed_with
from support.tiny_trainings import StopAfter, run, tiny_spec

PROJECT = Path(__file__).parents[3]


def on_backend(backend: str) -> dict[str, Any]:
    if find_spec(backend) is None:
        pytest.skip(f"needs the package {backend}, which is not installed")
    if backend == "tensorflow":
        return compare_all()
    paths = os.pathsep.join([str(PROJECT), str(PROJECT / "tests")])
    program = PROJECT / "tests" / "support" / "device" / "windows.py"
    environment = os.environ | {"KERAS_BACKEND": backend, "PYTHONPATH": paths}
    done = subprocess.run(
        [sys.executable, program], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("backend", ["tensorflow", pytest.param("jax", marks=pytest.mark.long)])
def test_windows_hold_the_batches_and_take_the_steps_of_the_processor(backend: str) -> None:
    told = on_backend(backend)
    for name, (pixels, labels, weights) in told["feeds"].items():
        assert pixels <= (1e-3 if "float16" in name or "streamed" in name else 1e-4), name
        assert (labels, weights) == (0, 0), name
    steps = told["steps"]
    assert steps["weights"] < 1e-4
    assert steps["moved"] > 0.01
    assert (steps["loss"] < 1e-5, steps["objective"] < 1e-5) == (True, True)
    assert (steps["steps"], steps["windows"]) == (0, 2)
    mean, scatter, likeness, repetition = told["noise"]
    assert abs(mean) < 0.03
    assert scatter == pytest.approx(0.5, abs=0.02)
    assert abs(likeness) < 0.1
    assert repetition == 0  # a resumed training sees the same noise
    assert set(told["own_noise"]) == {"processor", "float32", "float16", "streamed"}
    for name, (mean, scatter, repetition) in told["own_noise"].items():
        assert abs(mean) < 0.12, name
        assert scatter == pytest.approx(2.0, abs=0.08), name
        assert repetition == 0, name
    # Measured while the next epoch is under way, an epoch counts as it does when measured in between.
    endings = told["endings"]
    assert endings["taken_meanwhile"]
    assert endings["epochs"][0] == endings["epochs"][1]
    assert endings["status"][0] == endings["status"][1]
    if backend == "tensorflow":  # on JAX the first weights are others, and the loss falls in every epoch
        assert endings["status"][0] == "early_stopped"
    assert (endings["figures"], endings["networks"]) == (0, 0)


def test_turns_on_the_device_equal_those_on_the_processor() -> None:
    pixels = np.random.default_rng(0).normal(size=(8, 6, 6, 2)).astype(np.float32)
    on_device = np.asarray(reorient_on_device(pixels, np.arange(8)))
    np.testing.assert_array_equal(on_device, reorient(pixels, np.arange(8)))
    oblong = np.random.default_rng(0).normal(size=(4, 5, 7, 2)).astype(np.float32)
    codes = np.array([0, 2, 4, 6])
    np.testing.assert_array_equal(np.asarray(reorient_on_device(oblong, codes)), reorient(oblong, codes))


def test_a_part_lies_on_the_device_as_exactly_as_it_fits() -> None:
    feed = feed_with({})
    kept = {name: feed_device(feed, limit_bytes=limit).pixels for name, limit in STORED.items()}
    assert kept["float32"].dtype == tf.float32
    assert kept["float16"].dtype == tf.float16
    assert kept["streamed"] is None
    streamed = feed_device(feed, limit_bytes=STORED["streamed"])
    windows = list(streamed.windows(1))
    assert sum(window.steps for window in windows) == feed.steps
    assert len({window.pixels.shape for window in windows}) == 1  # compiled once


def test_what_the_device_cannot_do_stays_on_the_processor() -> None:
    assert isinstance(keep_near(feed_with({"shift_pixels": 1.0}), device="gpu:0"), DeviceFeed)
    assert isinstance(keep_near(feed_with({"shift_pixels": 1.0}), device="cpu:0"), Feed)
    finer = feed_with({"rotation_deg": 9.0, "rotation_upsampling": 3})
    assert isinstance(keep_near(finer, device="gpu:0"), Feed)


def test_a_training_in_windows_pauses_goes_on_and_ends_as_one_that_was_not_paused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(training, "keep_near", in_windows)
    spec = tiny_spec(epochs=2, early_stopping_patience=0)
    whole = run(tmp_path / "whole", spec)
    paused = run(tmp_path / "paused", spec, should_stop=StopAfter(3, "pause"))
    assert paused.status == "paused"
    resumed = run(tmp_path / "paused", spec)
    assert (whole.status, resumed.status) == ("finished", "finished")
    for mine, theirs in zip(whole.history, resumed.history, strict=True):
        for name in ("loss", "val_loss", "val_auc"):
            assert mine[name] == pytest.approx(theirs[name], abs=1e-5)


def test_a_loss_that_is_no_number_ends_a_training_in_windows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(training, "keep_near", in_windows)
    with pytest.raises(InvalidInput, match="The loss became nan in epoch 1, steps 1 to 5"):
        run(tmp_path / "run", tiny_spec(learning_rate=10.0, optimizer="sgd", weight_decay=1.0, epochs=2))


def test_too_little_memory_is_answered_with_the_batch_that_fits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(self: Trainer, x: Any, *arguments: Any, **options: Any) -> Any:
        if len(x) > 3:
            raise tf.errors.ResourceExhaustedError(None, None, "OOM when allocating tensor")
        return {"loss": 0.0}

    monkeypatch.setattr(Trainer, "train_on_batch", full)
    with pytest.raises(InvalidInput, match=r"batches of 8 cutouts; 2 fit\. Set batch_size to 2"):
        run(tmp_path / "run")
    monkeypatch.setattr(loop, "devices_of_a_batch", lambda _: 4)  # which share no batch of two
    with pytest.raises(InvalidInput, match="even with one cutout at a time on each"):
        run(tmp_path / "shared")
    monkeypatch.setattr(loop, "in_group", lambda _: True)  # nobody else would take the smaller steps
    with pytest.raises(InvalidInput, match=r"share of batches of 8 cutouts\. Set batch_size to 4 for all"):
        run(tmp_path / "group")


def test_where_a_gpu_has_no_room_for_a_copy_the_processor_measures_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usual, measured_on = EpochCloser.outputs_of, []

    def full(self: EpochCloser, *arguments: Any) -> Any:
        measured_on.append(self.twin_device)
        if self.twin_device != "cpu:0":
            raise tf.errors.ResourceExhaustedError(None, None, "OOM when allocating tensor")
        return usual(self, *arguments)

    def on_gpu(**given: Any) -> EpochCloser:
        return EpochCloser(
            **given | {"twin_device": "gpu:0"}
        )  # which TensorFlow takes for the processor here

    monkeypatch.setattr(training, "keep_near", in_windows)
    monkeypatch.setattr(training, "EpochCloser", on_gpu)
    monkeypatch.setattr(EpochCloser, "outputs_of", full)
    result = run(tmp_path / "run", tiny_spec(epochs=2, early_stopping_patience=0))
    assert measured_on == ["gpu:0", "cpu:0", "cpu:0"]
    assert [row["epoch"] for row in result.history] == [1, 2]


def test_the_load_of_the_gpu_is_told_where_there_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    assert devices.gpu_load("cpu:0") is None
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3,1")
    assert [devices.physical_number(number) for number in (0, 1, 2)] == [3, 1, 2]

    class Status:
        state = "running"
        job = None

    told = {
        "event": "step",
        "message": "epoch 2 of 9",
        "gpu_load": 0.871,
        "gpu_memory_bytes": 6.1e10,
        "gpu_power_w": 412.3,
    }
    assert "GPU 87 %, 61.0 GB, 412 W" in progress_line(Status(), told)  # type: ignore[arg-type]
