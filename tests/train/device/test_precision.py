"""Layers compute in bfloat16 on the cards made for it, and in float32 everywhere else."""

from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from lensapp.learning.train import devices
from support.tiny_trainings import run, tiny_spec, weights_of


# As NVIDIA's tables of CUDA GPUs have it: T4, A100, H100, and a card that does not tell.
@pytest.mark.parametrize(
    ("told", "able"),
    [
        ({"compute_capability": (7, 5)}, False),
        ({"compute_capability": (8, 0)}, True),
        ({"compute_capability": (9, 0)}, True),
        ({}, False),
    ],
)
def test_cards_from_ampere_on_compute_in_bfloat16(monkeypatch, told: dict, able: bool) -> None:
    cards = {"first": {"compute_capability": (6, 1)}, "second": told}
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda _kind: list(cards))
    monkeypatch.setattr(tf.config.experimental, "get_device_details", cards.get)
    assert devices.has_bfloat16("gpu:1") is able
    assert not devices.has_bfloat16("gpu:0")
    assert devices.precision_on("gpu:1", "auto") == ("mixed_bfloat16" if able else "float32")
    assert devices.precision_on("gpu:1", "float32") == "float32"
    assert devices.precision_on("cpu:0", "auto") == "float32"


def test_a_training_notes_its_precision_and_keeps_weights_in_32_bits(tmp_path: Path, monkeypatch) -> None:
    spec = tiny_spec(epochs=1)
    assert spec.precision == "auto"
    on_processor = run(tmp_path / "processor", spec)
    assert on_processor.precision == "float32"
    monkeypatch.setattr(devices, "has_bfloat16", lambda _device: True)
    on_card = run(tmp_path / "card", spec)
    assert on_card.as_dict()["precision"] == "mixed_bfloat16"
    assert {weights.dtype for weights in weights_of(tmp_path / "card", "best.keras")} == {np.dtype("float32")}
    assert on_card.best["val_loss"] == pytest.approx(on_processor.best["val_loss"], abs=0.05)
    assert on_card.best["val_loss"] != on_processor.best["val_loss"]
