"""The realism audit: identical populations are not told apart, and what differs is exposed and named."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter
from scipy.stats import norm

from lensapp.cli import main
from lensapp.core.errors import BandMismatch, InvalidInput
from lensapp.core.evaluate.audits.realism import Table, aperture_photometry, probe
from lensapp.core.evaluate.audits.realism_spec import RealismSpec
from lensapp.services.data.sources import words_if_made
from lensapp.services.evaluate.realism import audit_realism, by_what_they_tell, standing_out, verdict
from lensapp.storage import datasets, runs, sources
from lensapp.storage.arrays import PackedCutouts, write_flux_scales
from lensapp.storage.cutouts import UNIT
from lensapp.storage.workspace import Workspace
from support.small_surveys import pack_source, store_features

SIDE, SCALE, COUNT = 28, 0.25, 80
BANDS = ("g", "r", "i")


def galaxies(
    seed: int, *, brighter: float = 1.0, bluer: float = 1.0, correlated: float = 0.0, side: int = SIDE
) -> np.ndarray:
    """Round galaxies of scattered flux (about 60 to 600 in i) and size on noise of 0.05."""
    rng = np.random.default_rng(seed)
    y, x = np.indices((side, side)) - (side - 1) / 2
    sigma = rng.uniform(2.0, 4.0, COUNT)[:, None, None]
    profile = np.exp(-(x**2 + y**2) / (2 * sigma**2)) / (2 * np.pi * sigma**2)
    flux = np.exp(rng.normal(5.3, 0.5, COUNT)) * brighter
    planes = []
    for colour in (0.3 * bluer, 0.6, 1.0):
        noise = rng.normal(0, 0.05, (COUNT, side, side))
        if correlated:
            noise = np.stack([gaussian_filter(one, correlated) for one in noise])
            noise *= 0.05 / noise.std()
        scatter = np.exp(rng.normal(0, 0.1, COUNT))
        planes.append(profile * (flux * colour * scatter)[:, None, None] + noise)
    return np.stack(planes, axis=-1).astype(np.float32)


def add(
    ws: Workspace,
    name: str,
    pixels: np.ndarray,
    *,
    factor: float | None = 1.0,
    scale: float = SCALE,
    bands: tuple[str, ...] = BANDS,
) -> Any:
    rows = [{"row": k, "candidate_id": f"{name}{k}", "parent": f"{name}{k // 2}"} for k in range(len(pixels))]
    source = pack_source(
        ws,
        name,
        pixels / (factor or 1.0),
        rows,
        bands=bands,
        kind="import",
        pixel_scale_arcsec=scale,
        zero_point=None,
    )
    if factor is not None:
        folder = ws.cutouts_folder(name)
        write_flux_scales(
            folder, PackedCutouts.open(folder).packing, 0, [[factor] * len(bands)] * len(pixels)
        )
    return source


@pytest.fixture
def ws(tmp_path: Path) -> Workspace:
    return Workspace.open(tmp_path / "workspace")


def audit(ws: Workspace, **options: Any) -> dict[str, Any]:
    return audit_realism(ws, real="real", simulated="simulated", spec=RealismSpec(**{"folds": 3} | options))


def test_populations_of_one_kind_are_not_told_apart(ws: Workspace) -> None:
    add(ws, "real", galaxies(1))
    add(ws, "simulated", galaxies(2), factor=0.01)  # other counts, the same flux
    answer = audit(ws)
    assert answer["calibrated"]
    assert answer["photometry"]["low"] < 0.5 < answer["photometry"]["high"] + 0.1
    assert answer["photometry"]["high"] < 0.65
    assert answer["verdict"] == "The probes cannot tell the cutouts of simulated from those of real."


@pytest.mark.parametrize(
    ("differing", "theme"),
    [
        ({"bluer": 1.8}, {"colour g−r", "brightness in g"}),
        ({"correlated": 0.8}, {f"noise correlation in {band}" for band in BANDS}),
        ({"brighter": 3.0}, {f"brightness in {band}" for band in BANDS}),
    ],
)
def test_what_was_planted_is_exposed_and_named(
    ws: Workspace, differing: dict[str, float], theme: set[str]
) -> None:
    add(ws, "real", galaxies(1))
    add(ws, "simulated", galaxies(2, **differing))
    answer = audit(ws)
    assert answer["photometry"]["low"] > 0.75
    first = answer["photometry"]["giveaways"][0]
    assert first["theme"] in theme
    assert first["alone"] > 0.75
    assert first["real"] != pytest.approx(first["simulated"], abs=0.05)
    assert first["theme"] in answer["verdict"]
    assert "easily" in answer["verdict"]
    assert answer["verdict"].startswith("The cutouts of simulated are told from those of real easily")
    drawn = answer["photometry"]["distributions"][0]
    assert drawn["column"] == first["column"]
    assert sum(drawn["real"]) == pytest.approx(1) == pytest.approx(sum(drawn["simulated"]))
    middles = (np.array(drawn["edges"][1:]) + drawn["edges"][:-1]) / 2
    means = [float(middles @ drawn[kind]) for kind in ("real", "simulated")]
    assert (means[0] < means[1]) == (first["real"] < first["simulated"])


def test_the_area_is_that_of_two_normal_distributions() -> None:
    # Two unit normals one apart: AUROC = Phi(1 / sqrt 2), hand-worked.
    rng = np.random.default_rng(3)
    truth = np.repeat([False, True], 400)
    table = Table((rng.normal(0, 1, 800) + truth)[:, None], ("x",), ("x",))
    found = probe(table, truth, groups=np.arange(800), kind="linear", folds=5, rng=rng)
    assert found.low < norm.cdf(1 / np.sqrt(2)) < found.high
    assert found.high - found.low < 0.08
    assert found.giveaways == ()


def test_photometry_is_that_of_a_hand_worked_image() -> None:
    image = np.full((1, 21, 21, 2), 5.0)
    image[0, 10, 10] += [10.0, 100.0]
    table = aperture_photometry(image, bands=("g", "r"), pixel_scale_arcsec=0.5, in_one_unit=True)
    values = dict(zip(table.names, table.values[0], strict=True))
    assert values["g magnitude within 0.75 arcsec"] == pytest.approx(22.5)
    assert values["r magnitude within 3 arcsec"] == pytest.approx(20.0)
    assert values["g−r within 1.5 arcsec"] == pytest.approx(2.5)
    assert values["share of g flux within 0.75 of 1.5 arcsec"] == 1.0


def test_sources_of_other_size_scale_and_unit_are_compared_in_what_they_share(ws: Workspace) -> None:
    add(ws, "real", galaxies(1, side=40), factor=None)
    add(ws, "simulated", galaxies(2) * 7.0)
    answer = audit(ws)
    assert not answer["calibrated"]
    assert answer["photometry"]["high"] < 0.65
    assert not any("colour" in one["theme"] for one in answer["photometry"]["giveaways"])


def test_features_of_a_run_are_probed_linearly(ws: Workspace) -> None:
    pair = [add(ws, "real", galaxies(1)), add(ws, "simulated", galaxies(2))]
    made = datasets.create_dataset(
        ws.database, name="v1", source_ids=[pair[0].id], bands=BANDS, spec={}, counts={}, checksum="0" * 64,
        members=[],
    )  # fmt: skip
    runs.create_run(ws.database, name="first", dataset_id=made.id, model="elu_cnn", spec={})
    for number, source in enumerate(pair):
        features = np.random.default_rng(number).normal(0, 1, (COUNT, 6)) + np.eye(6)[0] * 2.0 * number
        store_features(ws, source, features, run_name="first")
    answer = audit(ws, run="first")
    assert answer["features"]["low"] < norm.cdf(np.sqrt(2.0)) < answer["features"]["high"] + 0.05
    assert answer["photometry"]["low"] < 0.5
    assert "easily" in answer["verdict"]


def test_what_cannot_be_compared_is_refused(ws: Workspace) -> None:
    add(ws, "real", galaxies(1))
    add(ws, "simulated", galaxies(2)[:10])
    add(ws, "other", galaxies(2)[..., :1], bands=("z",))
    with pytest.raises(InvalidInput, match="too few"):
        audit(ws)
    with pytest.raises(InvalidInput, match="Name two sources"):
        audit_realism(ws, real="real", simulated="real", spec=RealismSpec())
    with pytest.raises(BandMismatch, match="none in common"):
        audit_realism(ws, real="real", simulated="other", spec=RealismSpec())
    pictures = add(ws, "pictures", galaxies(3), factor=None)
    sources.finish_source(ws.database, pictures.id, quality={UNIT: "picture"})
    with pytest.raises(InvalidInput, match="pictures holds 8-bit pictures, no flux, unlike real"):
        audit_realism(ws, real="real", simulated="pictures", spec=RealismSpec())
    with pytest.raises(InvalidInput, match="real holds flux, no 8-bit pictures, unlike pictures"):
        audit_realism(ws, real="pictures", simulated="real", spec=RealismSpec())


def test_the_command_audits(ws: Workspace, capsys: pytest.CaptureFixture[str]) -> None:
    add(ws, "real", galaxies(1))
    add(ws, "simulated", galaxies(2, brighter=3.0))
    words = ["--workspace", str(ws.folder), "audit-realism", "real", "simulated", "--folds", "3", "--json"]
    assert main(words) == 0
    answer = json.loads(capsys.readouterr().out)
    assert answer["cutouts"] == {"real": COUNT, "simulated": COUNT}
    assert answer["photometry"]["auroc"] > 0.75


def test_sources_that_are_not_real_are_offered_last_and_say_so() -> None:
    kinds = {"found": "objects", "demo1": "demo", "arcs": "paint", "sky": "ingest"}
    spec = {"source": "demo1"}  # in which objects were found
    every: list[Any] = [SimpleNamespace(name=name, kind=kind, spec=spec) for name, kind in kinds.items()]
    assert list(words_if_made(every).items()) == [
        ("sky", ""), ("found", "simulated"), ("demo1", "simulated"), ("arcs", "painted")
    ]  # fmt: skip


def test_what_is_proposed_first_has_real_lenses_and_never_the_same_pixels() -> None:
    kinds = {"sky": "", "other": "", "lenses": "", "found": "", "arcs": "painted"}
    of = {"sky": "ingest", "other": "ingest", "lenses": "ingest", "found": "objects", "arcs": "paint"}
    spec = {"source": "sky", "hosts": ["found"]}
    every: dict[str, Any] = {name: SimpleNamespace(name=name, kind=of[name], spec=spec) for name in kinds}
    labels = {
        "sky": {"nonlens": 90}, "other": {"nonlens": 90}, "lenses": {"lens": 30}, "found": {},
        "arcs": {"lens": 50, "nonlens": 50},
    }  # fmt: skip
    ready = [*every.values()]
    proposed = {one.name: by_what_they_tell(one, ready, kinds, labels) for one in ready}
    assert proposed == {
        "sky": ["lenses", "other", "arcs", "found"],
        "other": ["arcs", "lenses", "sky", "found"],
        "lenses": ["arcs", "sky", "other", "found"],
        "found": ["other", "lenses", "arcs", "sky"],
        "arcs": ["lenses", "other", "sky", "found"],
    }


def test_where_only_the_hosts_are_real_they_stand_before_another_simulation() -> None:
    of = {"demo1": ("demo", "simulated"), "hosts": ("ingest", ""), "arcs": ("paint", "painted")}
    every: dict[str, Any] = {
        name: SimpleNamespace(name=name, kind=kind, spec={"hosts": ["hosts"]})
        for name, (kind, _) in of.items()
    }
    kinds = {name: words for name, (_, words) in of.items()}
    labels = {"demo1": {"lens": 50}, "hosts": {"nonlens": 90}, "arcs": {"lens": 50}}
    assert by_what_they_tell(every["arcs"], [*every.values()], kinds, labels) == ["hosts", "demo1"]


def test_real_lenses_are_proposed_also_where_lenses_are_painted_on_their_neighbours() -> None:
    of = {
        "lenses": ("ingest", ""),
        "found": ("objects", ""),
        "other": ("ingest", ""),
        "arcs": ("paint", "painted"),
    }
    spec = {"source": "lenses", "hosts": ["found"]}
    every: dict[str, Any] = {
        name: SimpleNamespace(name=name, kind=kind, spec=spec) for name, (kind, _) in of.items()
    }
    kinds = {name: words for name, (_, words) in of.items()}
    labels = {
        "lenses": {"lens": 48}, "found": {"nonlens": 30}, "other": {"nonlens": 90},
        "arcs": {"lens": 200, "nonlens": 96},
    }  # fmt: skip
    assert by_what_they_tell(every["arcs"], [*every.values()], kinds, labels) == ["lenses", "other", "found"]
    few = labels | {"lenses": {"lens": 5}}
    assert by_what_they_tell(every["arcs"], [*every.values()], kinds, few)[0] == "other"


def test_only_what_stands_out_of_chance_alone_is_named() -> None:
    def told(*alone: float) -> dict[str, Any]:
        giveaways = [
            {"theme": f"theme {number}", "alone": one, "drop": 0.03} for number, one in enumerate(alone)
        ]
        trees = {"auroc": 0.743, "low": 0.61, "high": 0.852, "giveaways": giveaways}
        cutouts = {"sky": 48, "arcs": 200}  # even of two that are alike 0.59 is reached
        return {"real": "sky", "simulated": "arcs", "cutouts": cutouts, "photometry": trees, "features": None}

    found = told(0.727, 0.545, 0.536)
    assert [one["theme"] for one in standing_out(found)] == ["theme 0"]
    assert verdict(found).endswith("to some degree, mostly by theme 0.")
    assert verdict(told(0.545, 0.536)).endswith(
        "to some degree, by several quantities together: none of them alone stands out of chance."
    )
