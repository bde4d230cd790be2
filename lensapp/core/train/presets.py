"""Published recipes that the workbench reproduces, and one of its own."""

from dataclasses import dataclass
from typing import Any

from lensapp.core.errors import NotFound
from lensapp.core.train.augmentation_spec import AugmentationSpec
from lensapp.core.train.input_spec import InputSpec
from lensapp.core.train.normalisation import NormalisationSpec
from lensapp.core.train.tasks import BinaryTask, ClassTask, ContrastiveTask, RegressionTask
from lensapp.core.train.training_spec import CosineSchedule, StepSchedule, TrainingSpec
from lensapp.core.train.unlabelled_spec import SURVEY_CHANGES

# What beats the documents' way of training in benchmarks/training_quality.py, for any network.
RECOMMENDED: dict[str, Any] = {
    "schedule": {"kind": "cosine", "warmup_epochs": 1},
    "weight_average": 0.98,
    "gradient_clip": 1.0,
    "prior_bias": True,
    "batch_momentum": 0.9,
    "monitor": "val_partial_auc",
}


@dataclass(frozen=True, kw_only=True)
class Preset:
    """A recipe with the document it comes from and what the document leaves open.

    Attributes
    ----------
    name
        A short key, for JSON and the names of runs.
    title
        What it is called.
    """

    name: str
    title: str
    document: str
    note: str
    spec: TrainingSpec


PRESETS: dict[str, Preset] = {
    preset.name: preset
    for preset in (
        Preset(
            name="S1",
            title="Lens CNN (Ivashkov 2022)",
            document="Ivashkov 2022, Identifying strong gravitational lenses using CNN",
            note="The document stopped at epoch 33 of 35; it gives neither patience nor weight decay.",
            spec=TrainingSpec(
                network="lens_cnn",
                epochs=35,
                batch_size=128,
                learning_rate=6e-4,
                weight_decay=1e-5,
                early_stopping_patience=5,
                augmentation=AugmentationSpec(d4=False),
            ),
        ),
        Preset(
            name="S2",
            title="Steerable C8 CNN (Singh 2021)",
            document="Singh 2021, Equivalent neural network for dark matter morphology",
            note="Cutouts of at least 128 pixels, split .90 / 0 / .10: without a validation part, as in the "
            "document. Batch size and random rotations are those of the example it builds on.",
            spec=TrainingSpec(
                network="steerable_c8",
                epochs=5,
                batch_size=64,
                learning_rate=5e-5,
                weight_decay=1e-5,
                weight_decay_as="pytorch",
                augmentation=AugmentationSpec(d4=False, rotation_deg=180.0, rotation_upsampling=3),
                input=InputSpec(crop_pixels=128, pad_pixels=129),
            ),
        ),
        Preset(
            name="S3",
            title="ResNet-50 lens finder (Bom 2018)",
            document="Bom 2018, Deep Learning Applications in Astronomy, example 02",
            note="Two-way softmax. The document trains it on each of k folds and gives the layers only: "
            "optimiser, rate, batch size and epochs are ours. Cross-validate with this recipe for its folds.",
            spec=TrainingSpec(
                network="resnet50",
                task=BinaryTask(output="softmax"),
                epochs=50,
                batch_size=32,
                learning_rate=1e-3,
                early_stopping_patience=10,
            ),
        ),
        Preset(
            name="S3-classes",
            title="Morphological classes (Bom 2018)",
            document="Bom 2018, Deep Learning Applications in Astronomy (after Dai & Tong 2018)",
            note="The document shows results of ResNets, no recipe; network and numbers are ours, for a CPU.",
            spec=TrainingSpec(
                network="elu_cnn",
                task=ClassTask(),
                epochs=30,
                batch_size=32,
                learning_rate=1e-3,
                monitor="val_auc",
                early_stopping_patience=10,
            ),
        ),
        Preset(
            name="S3-parameters",
            title="Lens parameters (Bom 2018)",
            document="Bom 2018, Deep Learning Applications in Astronomy (after Hezaveh et al. 2017)",
            note="Values with uncertainties. There inception_v4, alexnet, overfeat and their committee; "
            "network and numbers are ours.",
            spec=TrainingSpec(
                network="elu_cnn",
                network_options={"dropout": 0.2},
                task=RegressionTask(),
                epochs=60,
                batch_size=32,
                learning_rate=1e-3,
                schedule=CosineSchedule(warmup_epochs=1),
                early_stopping_patience=20,
                augmentation=AugmentationSpec(rotation_deg=180.0, shift_pixels=1.0),
            ),
        ),
        Preset(
            name="S4",
            title="DeepLens ResNet-46 (Storfer 2019)",
            document="Storfer et al. 2019, Finding strong gravitational lenses with residual neural networks",
            note="Augmentation after Lanusse et al. 2018; 3 % of the images are lenses: balance the weights.",
            spec=TrainingSpec(
                network="deeplens_resnet46",
                epochs=120,
                batch_size=256,
                learning_rate=1e-3,
                schedule=StepSchedule(epochs=40, factor=0.1),
                augmentation=AugmentationSpec(rotation_deg=90.0, zoom_min=0.9, zoom_max=1.0, fill="wrap"),
                normalisation=NormalisationSpec(kind="zscore"),
            ),
        ),
        Preset(
            name="S5",
            title="ELU CNN (Gábor 2019)",
            document="Gábor 2019, Convolutional Neural Networks",
            note="The document gives Adam's default rate; epochs, batch size and patience are ours.",
            spec=TrainingSpec(
                network="elu_cnn",
                epochs=30,
                batch_size=32,  # 128 gives batch normalisation too few steps on a small survey
                learning_rate=1e-3,
                monitor="val_auc",
                early_stopping_patience=10,
            ),
        ),
        Preset(
            name="S5-simple",
            title="Simple CNN (Gábor 2019)",
            document="Gábor 2019, Convolutional Neural Networks",
            note="The document gives the layers only; the rate is Adam's default, the rest is ours.",
            spec=TrainingSpec(
                network="simple_cnn",
                epochs=30,
                batch_size=32,
                learning_rate=1e-3,
                early_stopping_patience=5,
            ),
        ),
        Preset(
            name="LASTRO",
            title="LASTRO baseline (Schaefer 2018)",
            document="Gábor 2019, Convolutional Neural Networks (after Schaefer et al. 2018)",
            note="The document gives the layers and Adam; its rate of 1e-4 is the paper's. Epochs, batch "
            "size, dropout and patience are ours. It serves the views, invariant and residual forms too.",
            spec=TrainingSpec(
                network="lastro_baseline",
                epochs=100,
                batch_size=32,
                learning_rate=1e-4,
                monitor="val_auc",
                early_stopping_patience=20,
            ),
        ),
        Preset(
            name="OURS",
            title="Equivariant ResNet (this project)",
            document="This project",
            note="Group-equivariant residual blocks: 90° rotations and reflections never change a score. "
            "Network and numbers are ours.",
            spec=TrainingSpec(
                network="equivariant_resnet",
                epochs=30,
                batch_size=32,
                learning_rate=1e-3,
                class_weights="balanced",
                monitor="val_auc",
                early_stopping_patience=10,
            ),
        ),
        Preset(
            name="FAST",
            title="ELU CNN, recommended recipe (this project)",
            document="This project",
            note="A small network with warm-up and cosine, averaged weights, clipped gradients, and the best "
            "epoch chosen at low false positive rates, where searches live. Scored in all orientations it "
            "finds a sixth more lenses at 1 % false positives, at eight times the cost.",
            spec=TrainingSpec.parse({"network": "elu_cnn", "epochs": 20, "batch_size": 64} | RECOMMENDED),
        ),
        Preset(
            name="BEST",
            title="Equivariant ResNet, recommended recipe (this project)",
            document="This project",
            note="Group-equivariant residual blocks with the recommended recipe.",
            spec=TrainingSpec.parse(
                {"network": "equivariant_resnet", "epochs": 30, "batch_size": 32} | RECOMMENDED
            ),
        ),
        Preset(
            name="SIMCLR",
            title="Pre-training without labels (SimCLR)",
            document="Chen et al. 2020, A Simple Framework for Contrastive Learning",
            note="The network learns to recognise a cutout after it was turned, shifted, zoomed, blurred and "
            "changed in flux and colour. Then train a network that starts from this run, or a head on its "
            "features. Network, changes and numbers are ours.",
            spec=TrainingSpec(
                network="elu_cnn",
                task=ContrastiveTask(),
                epochs=60,
                batch_size=128,
                learning_rate=1e-3,
                schedule=CosineSchedule(warmup_epochs=2),
                batch_momentum=0.9,
                gradient_clip=1.0,
                augmentation=SURVEY_CHANGES,
            ),
        ),
        Preset(
            name="FIXMATCH",
            title="Few labels and many cutouts (FixMatch)",
            document="Sohn et al. 2020, FixMatch",
            note="Few labelled cutouts and all others of the survey: what the network is sure of becomes the "
            "label of a changed copy. An epoch shows each unlabelled cutout once. Network, changes and "
            "numbers are ours.",
            spec=TrainingSpec.parse(
                {
                    "network": "elu_cnn",
                    "epochs": 30,
                    "batch_size": 16,
                    "unlabelled": {"kind": "fixmatch"},
                }
                | RECOMMENDED
            ),
        ),
    )
}


def find_preset(name: str) -> Preset:
    """Return the preset with this title or short name, whatever the case of its letters.

    Raises
    ------
    NotFound
        When no preset is called so.
    """
    for preset in PRESETS.values():
        if name.casefold() in (preset.title.casefold(), preset.name.casefold()):
            return preset
    titles = ", ".join(f"{preset.title!r} ({preset.name})" for preset in PRESETS.values())
    raise NotFound(f"There is no preset called {name!r}. Choose one of {titles}.")
