"""Pictures keep every bit and pixel: 16 bits, pages, grey saved as colour, plots with frames."""

import struct
import zlib

import numpy as np
import pytest
from PIL import Image
from tifffile import imwrite

from lensapp.core.data.ingest_spec import IngestSpec
from lensapp.core.errors import InvalidInput
from lensapp.ingest.cutout import read_blocks
from lensapp.ingest.plan import make_plan
from lensapp.ingest.preview import make_preview
from support.cutout_files import cutout

COLOURS = ["i", "r", "g"]


def preview(path, **values):
    return make_preview(IngestSpec.parse({"path": str(path), **values}))


def stored(path, **values):
    """Pixels by ID, first row on top as in the pictures."""
    plan = make_plan(IngestSpec.parse({"path": str(path), **values}))
    blocks = list(read_blocks(plan.recipe, plan.candidates))
    pixels = np.concatenate([block for _, block in blocks])[:, ::-1]
    return {candidate.candidate_id: pixels[row] for row, candidate in enumerate(plan.candidates)}


def write_png16(path, array):
    """Write a PNG file of 16 bits by the letter of its standard."""
    height, width, channels = array.shape
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in array)
    kind = {1: 0, 2: 4, 3: 2, 4: 6}[channels]

    def chunk(name, data):
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    head = struct.pack(">IIBBBBB", width, height, 16, kind, 0, 0, 0)
    path.write_bytes(
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", head)
        + chunk(b"IDAT", zlib.compress(rows))
        + chunk(b"IEND", b"")
    )


def sixteen_bits(channels):
    planes = [1000 + 100 * cutout(channel + 1, side=16) for channel in range(channels)]
    return np.clip(np.stack(planes, -1), 0, 65535).astype(np.uint16)


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_pngs_of_16_bits_keep_every_value(tmp_path, channels):
    values = sixteen_bits(channels)
    if channels in (2, 4):
        values[..., -1] = 65535
        values[0, 0, -1] = 0  # transparent
    write_png16(tmp_path / "a.png", values)
    colours = channels - (channels in (2, 4))
    found = stored(tmp_path, bands=COLOURS[:colours])["a"]
    expected = values[..., :colours].astype(np.float32)
    if channels in (2, 4):
        expected[0, 0] = np.nan
    assert np.array_equal(found, expected, equal_nan=True)


@pytest.mark.parametrize("compression", [None, "zlib", "lzw"])
@pytest.mark.parametrize("dtype", ["u2", "f4", "i4"])
@pytest.mark.parametrize("planar", ["contig", "separate"])
def test_tiffs_of_any_number_keep_every_value(tmp_path, compression, dtype, planar):
    values = sixteen_bits(3).astype(dtype)
    arranged = values if planar == "contig" else np.moveaxis(values, -1, 0)
    imwrite(tmp_path / "a.tif", arranged, photometric="rgb", planarconfig=planar, compression=compression)
    assert np.array_equal(stored(tmp_path, bands=COLOURS)["a"], values.astype(np.float32))


def test_pages_of_a_tiff_are_bands(tmp_path):
    pages = [Image.fromarray(page) for page in np.moveaxis(sixteen_bits(3), -1, 0).copy()]
    pages[0].save(tmp_path / "a.tif", save_all=True, append_images=pages[1:])
    assert np.array_equal(stored(tmp_path, bands=["g", "r", "i"])["a"], sixteen_bits(3).astype(np.float32))
    with pytest.raises(InvalidInput, match="have 3 channels"):
        preview(tmp_path, bands=["g"])


def test_pages_of_different_sizes_are_refused(tmp_path):
    imwrite(tmp_path / "a.tif", sixteen_bits(1)[..., 0])
    imwrite(tmp_path / "a.tif", sixteen_bits(1)[:8, :8, 0], append=True)
    with pytest.raises(InvalidInput, match="save each as a file"):
        preview(tmp_path, bands=["g"])


def eight_bits(seed):
    return np.clip(20 + 3 * cutout(seed, side=16), 0, 254).astype(np.uint8)


@pytest.mark.parametrize("suffix", ["png", "jpg"])
def test_grey_saved_as_colour_is_one_band(tmp_path, suffix):
    for seed in range(3):
        Image.fromarray(np.dstack([eight_bits(seed)] * 3)).save(tmp_path / f"o{seed}.{suffix}")
    found = preview(tmp_path, bands=["VIS"])
    assert (found.bands, found.accepted, found.layout) == (("VIS",), 3, "images")
    with pytest.raises(InvalidInput, match="are grey: they have one band"):
        preview(tmp_path, bands=COLOURS)
    with pytest.raises(InvalidInput, match="--bands VIS"):
        preview(tmp_path)
    if suffix == "png":
        assert np.array_equal(stored(tmp_path, bands=["VIS"])["o1"][..., 0], eight_bits(1))


def test_a_grey_picture_among_colours_is_no_reason_to_refuse_them(tmp_path):
    Image.fromarray(np.dstack([eight_bits(0)] * 3)).save(tmp_path / "a.png")
    Image.fromarray(np.dstack([eight_bits(seed) for seed in (1, 2, 3)])).save(tmp_path / "b.png")
    found = preview(tmp_path, bands=COLOURS)
    assert [(rejection.file, rejection.code) for rejection in found.rejected] == [
        ("a.png", "duplicate_bands")
    ]


def test_grey_pictures_of_one_band_each_are_joined_by_name(tmp_path):
    for band in "gr":
        Image.fromarray(np.dstack([eight_bits(ord(band))] * 3)).save(tmp_path / f"a_{band}.png")
    assert preview(tmp_path).bands == ("g", "r")


def on_white(seed, *, x, y):
    """A dark object at (x, y) on white sky, as in a negative of a photographic plate."""
    rows, columns = np.mgrid[:32, :32]
    dark = 200 * np.exp(-((columns - x) ** 2 + (rows - y) ** 2) / 8) + np.random.default_rng(seed).random(
        (32, 32)
    )
    return 255 - np.where(dark > 5, dark, 0).astype(np.uint8)


def test_white_sky_is_no_frame_and_objects_stay_where_they_are(tmp_path):
    for seed, (x, y) in enumerate([(15, 15), (12, 18), (20, 11)]):
        Image.fromarray(on_white(seed, x=x, y=y)).save(tmp_path / f"o{seed}.png")
    found = stored(tmp_path, bands=["r"])
    assert found["o1"].shape == (32, 32, 1)
    assert np.unravel_index(np.argmin(found["o1"]), (32, 32)) == (18, 12)


def test_the_frame_that_all_plots_share_is_cut_off_whatever_they_show(tmp_path):
    for seed in range(4):
        plot = np.full((24, 26), 255, np.uint8)
        plot[4:20, 5:21] = eight_bits(seed)
        plot[4:7, 5:21] = 255 if seed == 0 else plot[4:7, 5:21]  # what it shows is white at its edge
        Image.fromarray(plot).save(tmp_path / f"o{seed}.png")
    found = stored(tmp_path, bands=["r"])
    assert found["o0"].shape == (16, 16, 1)
    assert np.array_equal(found["o1"][..., 0], eight_bits(1))


def framed(seed, *, dark):
    """A plot as Space Warps has them: white, a grey line, a black one, and sky that may be as dark."""
    plot = np.full((49, 48, 3), 255, np.uint8)
    plot[9:40, 9:39] = 205
    plot[10:39, 10:38] = 0
    plot[11:38, 11:37] = np.random.default_rng(seed).integers(0, 5 if dark else 120, (27, 26, 3))
    return plot


def test_a_black_line_is_trimmed_though_the_sky_of_some_plots_is_as_dark(tmp_path):
    for seed in range(5):
        Image.fromarray(framed(seed, dark=seed in {1, 3})).save(tmp_path / f"o{seed}.png")
    found = stored(tmp_path, bands=COLOURS)
    assert {pixels.shape for pixels in found.values()} == {(27, 26, 3)}
    assert np.array_equal(found["o1"], framed(1, dark=True)[11:38, 11:37])
    assert not any("White borders" in warning for warning in preview(tmp_path, bands=COLOURS).warnings)


def test_dark_sky_without_a_line_stays(tmp_path):
    for seed in range(3):
        Image.fromarray(framed(seed, dark=True)).save(tmp_path / f"o{seed}.png")
    assert stored(tmp_path, bands=COLOURS)["o0"].shape == (29, 28, 3)  # black as the sky: perhaps no line


def test_a_dry_run_says_that_borders_which_differ_are_not_trimmed(tmp_path):
    for seed in range(3):
        plot = np.roll(framed(seed, dark=False), seed, axis=0)
        Image.fromarray(plot).save(tmp_path / f"o{seed}.png")
    found = preview(tmp_path, bands=COLOURS)
    assert found.shape == (49, 48)
    assert any("White borders are not trimmed" in warning for warning in found.warnings)
    untouched = preview(tmp_path, bands=COLOURS, trim_frame=False)
    assert not any("White borders" in warning for warning in untouched.warnings)


def test_a_damaged_tiff_is_refused_for_itself(tmp_path):
    imwrite(tmp_path / "a.tif", sixteen_bits(3), photometric="rgb", compression="zlib")
    whole = (tmp_path / "a.tif").read_bytes()
    (tmp_path / "b.tif").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "c.tif").write_bytes(b"II*\0" + b"\xff" * 60)
    found = preview(tmp_path, bands=COLOURS)
    assert {rejection.file: rejection.code for rejection in found.rejected} == {
        "b.tif": "unreadable",
        "c.tif": "unreadable",
    }
