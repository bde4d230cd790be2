"""How many parameters a network has for cutouts of any size and number of bands, without building it.

The convolutions are as large whatever the cutout, but for the first, which sees each band. The first dense
layer, and the positions of a transformer, grow with the pixels that are left of the cutout before them.
"""

from dataclasses import dataclass

Step = tuple[int, int]
"""Side of a window in pixels, 0 of one that is padded, and its stride."""


@dataclass(frozen=True)
class Left:
    """What a network leaves of a cutout.

    Attributes
    ----------
    weights
        For each pixel that is left.
    steps
        Layers that shrink the cutout.
    padded, unpadded_from
        Those in their place for cutouts of fewer pixels than this.
    """

    weights: int
    steps: tuple[Step, ...]
    padded: tuple[Step, ...] = ()
    unpadded_from: int = 0

    def pixels(self, height: int, width: int) -> int:
        """Return how many pixels are left of a cutout."""
        steps = self.padded if min(height, width) < self.unpadded_from else self.steps
        return _side_after(steps, height) * _side_after(steps, width)


def _side_after(steps: tuple[Step, ...], side: int) -> int:
    for window, stride in steps:
        side = -(-side // stride) if not window else (side - window) // stride + 1
    return max(side, 0)


LENS_CNN = ((5, 1), (2, 2), (5, 1), (2, 2), (3, 1))
LEFT = {
    "simple_cnn": Left(32 * 100, ((3, 1), (2, 2))),
    "elu_cnn": Left(128 * 256, ((3, 1), (2, 2)) * 5, padded=((2, 2),) * 5, unpadded_from=94),
    "lens_cnn": Left(256 * 1024, LENS_CNN),
    "rotational_cnn": Left(256 * 1024, LENS_CNN),
    "lenet5": Left(16 * 120, ((5, 1), (2, 2)) * 2),
    "alexnet": Left(256 * 4096, ((11, 4), *((3, 2),) * 3), padded=((0, 4), *((0, 2),) * 3), unpadded_from=67),
    "vgg16": Left(512 * 4096, ((2, 2),) * 5),
    "overfeat": Left(
        1024 * 3072,
        ((11, 4), (2, 2), (5, 1), (2, 2), (2, 2)),
        padded=((0, 4), *((2, 2),) * 3),
        unpadded_from=71,
    ),
    "steerable_c8": Left(64 * 64, ((5, 1), (0, 2), (0, 2), (3, 1), (5, 1))),
    "vit_small": Left(96, ((0, 8),)),
}
FIXED = {
    "simple_cnn": (101, 288),
    "elu_cnn": (284_033, 288),
    "lens_cnn": (684_001, 800),
    "lenet5": (12_791, 150),
    "alexnet": (19_088_737, 11_616),
    "vgg16": (31_502_465, 576),
    "overfeat": (28_546_913, 11_616),
    "googlenet": (5_994_289, 3_136),
    "inception_v4": (41_206_657, 288),
    "deeplens_resnet46": (3_514_017, 1_568),
    "resnet34": (21_292_801, 3_136),
    "resnet50": (23_580_353, 3_136),
    "resnet101": (42_650_817, 3_136),
    "resnet152": (58_363_585, 3_136),
    "lastro_baseline": (5_684_897, 256),
    "lastro_views": (5_822_529, 400),
    "lastro_residual": (2_285_761, 256),
    "rotational_cnn": (684_001, 800),
    "steerable_c8": (2_812_769, 672),
    "lastro_invariant": (710_613, 32),
    "equivariant_resnet": (89_385, 150),
    "equivariant_resnet_m": (547_209, 250),
    "equivariant_resnet_l": (5_599_169, 400),
    "convnext_tiny": (27_816_289, 1_536),
    "efficientnet_v2_b0": (5_919_729, 288),
    "efficientnet_v2_s": (20_331_993, 216),
    "densenet121": (7_029_121, 3_136),
    "vit_small": (449_089, 6_144),
}
"""Parameters that do not depend on the cutout, with one output, and those for each band."""


def parameters_of(network: str, *, height: int, width: int, bands: int) -> int | None:
    """Return how many parameters a network has that tells lenses, with its usual options.

    None of one that is not known, as the user's own.
    """
    if network not in FIXED:
        return None
    fixed, each_band = FIXED[network]
    left = LEFT.get(network)
    return fixed + each_band * bands + (left.weights * left.pixels(height, width) if left else 0)
