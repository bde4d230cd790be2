"""Wavelengths of filters by name; right values from the handbooks of the instruments, in nanometres."""

import numpy as np
import pytest

from lensapp.core.data.bands import KNOWN_BAND, short_band, wavelength_nm, wavelength_order
from lensapp.core.data.imaging import choose_rgb

PIVOT_NM = {
    # WFC3 Instrument Handbook, table 6.2 and 7.2; ACS, table 5.1
    "F225W": 237, "F275W": 271, "F336W": 335, "F435W": 433, "F475W": 477, "F606W": 592, "F814W": 804,
    "F850LP": 903, "F098M": 986, "F105W": 1055, "F125W": 1249, "F160W": 1537, "FQ232N": 233, "F953N": 953,
    # NIRCam and MIRI filters of the JWST user documentation
    "F070W": 704, "F090W": 902, "F115W": 1154, "F150W": 1501, "F150W2": 1671, "F162M": 1627, "F200W": 1988,
    "F277W": 2776, "F322W2": 3247, "F356W": 3565, "F444W": 4402, "F480M": 4817, "F770W": 7639,
    "F1280W": 12810, "F2550W": 25365,
    # Roman WFI, Euclid NISP and VIS, VISTA and DECam
    "F062": 620, "F087": 869, "F106": 1059, "F129": 1293, "F158": 1577, "F184": 1842, "F213": 2125,
    "H158": 1577,
    "VIS": 715, "NIR_Y": 1081, "NIR_J": 1367, "NIR_H": 1770, "Ks": 2147, "NB118": 1191, "u": 355, "N964": 964,
}  # fmt: skip


@pytest.mark.parametrize(("name", "pivot"), PIVOT_NM.items())
def test_wavelengths_are_those_of_the_handbooks(name, pivot):
    assert wavelength_nm(name) == pytest.approx(pivot, rel=0.1)


def test_a_name_of_two_telescopes_is_told_by_the_others():
    assert wavelength_nm("F410M", beside=["F410M", "F438W", "F814W"]) == pytest.approx(411, rel=0.01)
    assert wavelength_nm("F410M", beside=["F410M", "F277W", "F814W"]) == pytest.approx(4092, rel=0.01)


@pytest.mark.parametrize(
    "bands",
    [
        ("F115W", "F150W", "F277W", "F444W"),
        ("F275W", "F336W", "F606W", "F814W", "F098M", "F125W", "F160W", "F200W"),
        ("u", "HSC_G", "VIS", "F814W", "z", "F160W", "NIR_H"),
        ("g", "r", "i", "z", "Y"),
        ("Z", "Y", "J", "H", "Ks"),
        ("F062", "F087", "F106", "F129", "F158", "F184", "F213"),
        ("nircam_f090w", "nircam_f115w", "miri_f770w", "miri_f1000w"),
        ("HSC-G", "HSC-R2", "HSC-I2", "NB0816", "HSC-Z", "NB0921", "HSC-Y"),
    ],
)
def test_bands_sort_from_blue_to_red(bands):
    shuffled = np.random.default_rng(0).permutation(bands).tolist()
    assert tuple(shuffled[index] for index in wavelength_order(shuffled)) == bands


def test_composites_show_the_reddest_band_in_red():
    bands = ("F277W", "F444W", "F115W", "F150W")
    red, _, blue = choose_rgb(bands)
    assert (bands[red], bands[blue]) == ("F444W", "F115W")
    assert choose_rgb(("x1", "x2", "x3")) == (2, 1, 0)  # unknown names keep the order given


@pytest.mark.parametrize(
    ("text", "band"),
    [
        ("g DECam SDSS c0001 4720.0 1520.0", "g"),
        ("r.00000", "r"),
        ("i.MP9703", "i"),
        ("Ks", "Ks"),
        ("F814W; CLEAR2L", "F814W"),
        ("HSC-I2", "HSC-I2"),
        ("VR DECam c0007 6300.0 2600.0", "VR"),
        ("r i", "r i"),
    ],
)
def test_the_band_is_read_from_what_cameras_write(text, band):
    assert short_band(text) == band


@pytest.mark.parametrize("band", ["F277W", "f150w2", "F1280W", "FQ232N", "F062", "J129", "VR", "Ks", "VIS"])
def test_names_of_filters_are_found_in_file_names(band):
    assert KNOWN_BAND.findall(f"obj12_{band}_sci") == [band]
