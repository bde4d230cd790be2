"""What the page Train offers first is what the reproduction measured."""

import json
import runpy
import sys
from pathlib import Path

import pytest

from lensapp.core.train.network_specs import NETWORKS
from lensapp.core.train.presets import PRESETS
from lensapp.core.train.recommended import MEASURED as MEASURED_NETWORKS
from lensapp.core.train.recommended import RECOMMENDED, group_of, offer_of, offered_networks

DOCS = Path(__file__).parents[3] / "docs"
MEASURED = json.loads((DOCS / "reproduction.json").read_text("utf-8"))


def test_the_recommended_come_first_then_todays_then_those_of_the_documents_with_their_papers():
    groups = [group_of(NETWORKS[name]) for name in offered_networks()]
    assert groups == sorted(groups, key=("recommended", "today", "document", "own").index)
    assert offered_networks()[:2] == ["elu_cnn", "equivariant_resnet"]
    assert offer_of(NETWORKS["convnext_tiny"]) == "today · ConvNeXt-Tiny"
    assert offer_of(NETWORKS["lens_cnn"]) == "Lens CNN, 27 M · Ivashkov 2022"


@pytest.mark.parametrize("name", RECOMMENDED)
def test_figures_of_recommended_networks_are_those_that_were_measured(name):
    one, label = RECOMMENDED[name], name.replace("_", "-")
    train = next(command for command in MEASURED if command.endswith(f"--name {label}-0"))
    evaluated = MEASURED[f"evaluate {label}-0"]["answer"]
    assert PRESETS[one.preset].spec.network == name
    assert one.auroc == pytest.approx(evaluated["auroc"], abs=0.005)
    assert one.minutes == pytest.approx(MEASURED[train]["processor_seconds"] / 60, abs=0.5)


def test_the_page_of_the_reproduction_is_made_from_its_figures(monkeypatch):
    monkeypatch.setattr(sys, "path", [str(DOCS), *sys.path])
    made = runpy.run_path(str(DOCS / "reproduction_page.py"))["page"](MEASURED)
    assert made == (DOCS / "reproduction.md").read_text("utf-8")


@pytest.mark.parametrize("name", MEASURED_NETWORKS)
def test_a_card_tells_the_figures_of_the_reproduction(name: str):
    one, label = MEASURED_NETWORKS[name], name.replace("_", "-")
    train = next(command for command in MEASURED if command.endswith(f"--name {label}-0"))
    assert f"--epochs {one.epochs} " in train
    assert one.processor_seconds == pytest.approx(MEASURED[train]["processor_seconds"], abs=0.5)
    assert one.auroc == pytest.approx(MEASURED[f"evaluate {label}-0"]["answer"]["auroc"], abs=0.0005)
