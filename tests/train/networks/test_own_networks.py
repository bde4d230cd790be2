"""A network of the user's own is kept with its code, and other code is refused."""

import shutil
import sys
from pathlib import Path

import numpy as np
import pytest

from lensapp.core.errors import InvalidInput
from lensapp.core.train.networks.own import KerasHubSpec, OwnNetworkSpec
from lensapp.learning.score.onnx_export import load_network
from lensapp.storage.files import OWN_CODE, OWN_CODE_INFO
from models.registry import build
from support.own import networks as own_networks
from support.tiny_trainings import VALIDATION, run, tiny_spec


def spec_of(file: Path):
    options = {"builder": f"{file}:tiny", "arguments": {"filters": 3}}
    return tiny_spec(network="own_network", network_options=options, augmentation={}, epochs=2)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return Path(shutil.copy(own_networks.__file__, tmp_path / "mine.py"))


def test_an_own_network_trains_and_is_loaded_with_the_code_it_was_trained_with(file, tmp_path):
    folder = tmp_path / "run"
    result = run(folder, spec_of(file))
    assert result.parameters == 2 * 3 + 3 + 3 + 1
    file.unlink()  # the run has its own copy
    network = load_network(folder)
    assert network.predict(VALIDATION.cutouts.pixels[:2], verbose=0).shape == (2, 1)
    (folder / OWN_CODE).write_text("raise SystemExit('run')")
    with pytest.raises(InvalidInput, match="is not the code that run was trained with"):
        load_network(folder)


def test_a_training_does_not_go_on_with_other_code(file, tmp_path):
    run(tmp_path / "run", spec_of(file))
    file.write_text(file.read_text("utf-8") + "\n# another\n", "utf-8")
    with pytest.raises(InvalidInput, match="has changed since this training began"):
        run(tmp_path / "run", spec_of(file))
    assert (tmp_path / "run" / OWN_CODE_INFO).exists()


@pytest.mark.parametrize(
    ("builder", "reason"),
    [
        ("", "Name the function"),
        ("nothing", "Name the function"),
        ("/no/such/file.py:build", "no code at"),
        ("support.own.networks:absent", "has no function absent"),
        ("builtins:str", "must return a keras.Model"),
    ],
)
def test_builders_that_build_nothing_are_refused(builder, reason):
    with pytest.raises(InvalidInput, match=reason):
        build("own_network", input_shape=(8, 8, 1), spec=OwnNetworkSpec(builder=builder))


def test_a_backbone_needs_its_preset_and_its_package(tmp_path, monkeypatch):
    with pytest.raises(InvalidInput, match="no folder '' with a preset"):
        build("keras_hub_backbone", spec=KerasHubSpec())
    monkeypatch.setitem(sys.modules, "keras_hub", None)
    with pytest.raises(InvalidInput, match=r"pip install -r requirements-hub\.txt"):
        build("keras_hub_backbone", spec=KerasHubSpec(preset=str(tmp_path)))


def test_a_backbone_of_keras_hub_gives_features_of_any_bands(tmp_path):
    hub = pytest.importorskip("keras_hub", reason="needs the extra package keras-hub")
    backbone = hub.models.ResNetBackbone(
        input_conv_filters=[64], input_conv_kernel_sizes=[3], stackwise_num_filters=[64],
        stackwise_num_blocks=[1], stackwise_num_strides=[1], block_type="basic_block",
    )  # fmt: skip
    backbone.save_to_preset(str(tmp_path / "preset"))
    network = build(
        "keras_hub_backbone", input_shape=(24, 24, 5), spec=KerasHubSpec(preset=str(tmp_path / "preset"))
    )
    assert network.predict(np.zeros((2, 24, 24, 5), np.float32), verbose=0).shape == (2, 1)
    assert tuple(network.layers[-1].input.shape) == (None, 64)
