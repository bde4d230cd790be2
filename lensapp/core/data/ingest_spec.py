"""Everything that decides how files become a source; the form, the command line and the docs read it."""

import math
import re
from collections.abc import Sequence
from typing import Literal, Self

from pydantic import Field, ValidationInfo, field_validator, model_validator

from lensapp.core.config import Spec
from lensapp.core.data.column_names import LEFT_OUT
from lensapp.core.data.flux_units import HIGHEST_ZERO_POINT, LOWEST_ZERO_POINT
from lensapp.core.errors import InvalidInput

LABEL_MEANINGS: dict[str, str | None] = {
    "lens": "lens",
    "nonlens": "nonlens",
    "none": None,
    "out": LEFT_OUT,
}


class IngestSpec(Spec):
    """What to import and how: saved with the source."""

    version: Literal[1] = Field(1, title="Format version", description="Version of this format.")
    path: str = Field(
        min_length=1,
        max_length=4096,
        title="Folder or file",
        description="A folder of cutouts, searched with all folders below it, or one file.",
    )
    layout: Literal["auto", "cube", "hdus", "files", "images", "hdf5", "npy", "zarr", "tiles"] = Field(
        "auto",
        title="Layout of the bands",
        description="How bands are stored: planes of a FITS cube, HDUs of a file, one file per band, colour "
        "images, HDF5, NumPy or Zarr arrays; auto looks at names and headers. Tiles are large images of a "
        "survey, from which the positions of a catalogue are cut out.",
        json_schema_extra={
            "words": {
                "auto": "automatic",
                "cube": "FITS cube",
                "hdus": "one HDU per band",
                "files": "one file per band",
                "images": "colour images",
                "hdf5": "HDF5",
                "npy": "npy, npz",
                "zarr": "Zarr",
                "tiles": "tiles and a catalogue",
            }
        },
    )
    bands: tuple[str, ...] = Field(
        (),
        max_length=64,
        title="Bands",
        json_schema_extra={"example": "g, r, i"},
        description="Names of the bands in the order to store them; for cubes and colour images the order in "
        "the file. Empty: read from names and headers, never assumed.",
    )
    hdus: tuple[str, ...] = Field(
        (),
        max_length=64,
        title="HDUs",
        description="HDUs of a FITS file to read, by number or name: one per band, or one cube.",
    )
    key: str | None = Field(
        None,
        max_length=300,
        title="Array with the pixels",
        description="Name of the array in an HDF5 or npz file or Zarr store that holds the pixels.",
    )
    band_axis: Literal["auto", "first", "last"] = Field(
        "auto",
        title="Axis of the bands",
        description="Whether bands come first or last in a cube's NumPy shape: (band, y, x) or (y, x, band).",
        json_schema_extra={"words": {"auto": "automatic", "first": "first axis", "last": "last axis"}},
    )
    size: int | None = Field(
        None,
        ge=4,
        le=4096,
        title="Size (pixels)",
        description="Side to which every cutout is cropped or padded about its centre; empty: all must have "
        "the same shape.",
    )
    size_arcsec: float | None = Field(
        None,
        gt=0.0,
        le=3600.0,
        title="Size (arcsec)",
        description="Side of the cutouts of tiles in arcseconds, instead of pixels.",
    )
    size_column: str | None = Field(
        None,
        max_length=300,
        title="Column of the sizes",
        description="Catalogue column with the field of each object's own cutout of tiles, which is brought "
        "to the size in pixels and so has a pixel scale of its own, kept with it.",
    )
    size_unit: Literal["auto", "pixels", "arcsec"] = Field(
        "auto",
        title="Unit of that column",
        description="Whether that column counts pixels of the tiles or arcseconds; auto: by the unit it "
        "declares, or by its name, as diameter_arcsec.",
        json_schema_extra={"words": {"auto": "automatic"}},
    )
    virtual: bool = Field(
        default=False,
        title="Leave pixels in the tiles",
        description="Store only where the cutouts lie in the tiles, and cut them out whenever they are read.",
    )
    catalogue: str | None = Field(
        None,
        max_length=4096,
        title="Catalogue",
        json_schema_extra={"empty": "none, or a path such as /data/truth.csv"},
        description="Table of the candidates: CSV, ECSV, FITS, VOTable or Parquet, or a folder of Parquet "
        "files (partitioned, or HATS).",
    )
    id_column: str | None = Field(
        None,
        max_length=300,
        title="Column of the IDs",
        description="Catalogue column with the candidates' IDs; empty: recognised by its name.",
    )
    ra_column: str | None = Field(
        None,
        max_length=300,
        title="Column of right ascensions",
        description="Catalogue column of right ascensions (ICRS; degrees, or the unit it declares), or of "
        "both coordinates as text; empty: recognised by its name.",
    )
    dec_column: str | None = Field(
        None,
        max_length=300,
        title="Column of declinations",
        description="Catalogue column of declinations (ICRS; degrees, or the unit it declares); empty: "
        "recognised by its name.",
    )
    id_pattern: str | None = Field(
        None,
        max_length=300,
        title="ID pattern",
        description="Regular expression whose first group is the part of an ID shared with the catalogue, "
        "such as (.+?)(_recons)?$ for IDs with a suffix; empty: the whole ID.",
    )
    join: Literal["id", "position"] = Field(
        "id",
        title="Match the catalogue by",
        description="Match catalogue rows by ID (or file name), or by position on the sky.",
        json_schema_extra={"words": {"id": "ID"}},
    )
    join_radius_arcsec: float = Field(
        1.0,
        gt=0.0,
        le=600.0,
        title="Matching radius (arcsec)",
        description="Largest separation of a match by position.",
    )
    label_column: str | None = Field(
        None,
        max_length=300,
        title="Column of the labels",
        description="Column of the catalogue, or without one array of an HDF5, npz or Zarr file of cutouts, "
        "that says which are lenses.",
    )
    label_threshold: float | None = Field(
        None,
        title="Label threshold",
        description="For a label column of numbers: from this value on a candidate is a lens.",
    )
    label_meanings: tuple[str, ...] = Field(
        (),
        max_length=200,
        title="What labels mean",
        json_schema_extra={"example": "GALAXY=nonlens, STAR=out"},
        description="What values of the label column mean, such as GALAXY=nonlens,STAR=out: lens, nonlens, "
        "none for no label, or out for what is not imported; values of other words are read as usual.",
    )
    labels_from_folders: bool = Field(
        default=False,
        title="Labels from folders",
        description="Take labels from folders named lens and nonlens (or alike).",
    )
    same_label: Literal["lens", "nonlens"] | None = Field(
        None,
        title="One label for all",
        description="Label of every cutout, such as lens for a list of confirmed lenses.",
        json_schema_extra={"words": {"nonlens": "non-lens"}},
    )
    ids: Literal["name", "path"] = Field(
        "name",
        title="IDs from",
        description="Make IDs from file names, or from folders and names where names repeat.",
        json_schema_extra={"words": {"name": "file name", "path": "path and name"}},
    )
    pixel_scale_arcsec: float | None = Field(
        None,
        gt=0.0,
        le=3600.0,
        title="Pixel scale (arcsec)",
        description="Arcseconds per pixel; empty: read from the headers.",
    )
    header_positions: Literal["auto", "wcs", "none"] = Field(
        "auto",
        title="Positions in headers",
        description="What of FITS headers is the position of a cutout that has none in the catalogue: "
        "the WCS and, where there is none, keywords such as RA and DEC; the WCS alone; or nothing. Keywords "
        "that many files share tell where the telescope pointed and are left out.",
        json_schema_extra={"words": {"auto": "WCS, else RA and DEC", "wcs": "WCS alone", "none": "left out"}},
    )
    zero_point: tuple[str, ...] = Field(
        (),
        max_length=64,
        title="Zero point (AB mag)",
        json_schema_extra={"example": "27.0, or g=27, r=26.5"},
        description="AB magnitude of one unit of pixel value: one number, or one per band such as "
        "g=27,r=27.1; empty: read from the headers.",
    )
    sentinels: tuple[float, ...] = Field(
        (),
        max_length=16,
        title="No-data values",
        description="Pixel values that mean 'no data' and are masked, such as -99.",
    )
    detect_sentinels: bool = Field(
        default=True,
        title="Detect no-data values",
        description="Also mask usual 'no data' values (100, -99, 1e20 …) that stand far off all others.",
    )
    keep_planes: bool = Field(
        default=True,
        title="Keep noise and PSF",
        description="Keep noise maps, weights and PSFs of FITS files beside the pixels of each candidate.",
    )
    trim_frame: bool = Field(
        default=True,
        title="Trim plot frames",
        description="Cut the white frame of a plot, and its lines, off PNG and JPEG images.",
    )
    dtype: Literal["float32", "int16"] = Field(
        "float32",
        title="Store pixels as",
        description="Number format of the stored pixels; int16 halves the space at 16 bits of precision.",
        json_schema_extra={"words": {"float32": "32-bit floats", "int16": "16-bit integers with a scale"}},
    )

    def shared_id(self, candidate_id: str) -> str:
        """Return the part of an ID by which files and catalogue are joined: what the pattern's group holds.

        An ID that the pattern does not match is joined as it is.
        """
        match = re.match(self.id_pattern, candidate_id) if self.id_pattern else None
        return (match and match[1]) or candidate_id

    def meanings_of_labels(self) -> dict[str, str | None]:
        """Return what values of the label column are said to mean: a label, None, or LEFT_OUT."""
        return dict(map(_label_meaning, self.label_meanings))

    def zero_points(self, bands: Sequence[str]) -> tuple[float, ...]:
        """Return the stated AB zero point of each of `bands`, NaN where none is stated.

        Raises InvalidInput when one is stated for another band.
        """
        stated = dict(map(_zero_point, self.zero_point))
        if others := sorted(band for band in stated if band and band not in bands):
            raise InvalidInput(
                f"There is a zero point for {', '.join(others)}, but the bands are {', '.join(bands)}. Give "
                "one for these, or one number for all."
            )
        return tuple(stated.get(band, stated.get("", math.nan)) for band in bands)

    @field_validator("label_meanings")
    @classmethod
    def one_meaning_each(cls, meanings: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
        """Refuse what gives no meaning, or a value two, or has no column of labels to speak of."""
        if meanings and not info.data.get("label_column"):
            raise ValueError("what labels mean needs the column of the labels")
        values = [_label_meaning(text)[0] for text in meanings]
        if len(set(values)) != len(values):
            raise ValueError("give each value of the label column one meaning")
        return meanings

    @model_validator(mode="after")
    def check_settings(self) -> Self:
        """Refuse settings that contradict each other."""
        if len(set(self.bands)) != len(self.bands) or not all(name.strip() for name in self.bands):
            raise ValueError("each band needs a name of its own")
        if sum(map(bool, (self.label_column, self.labels_from_folders, self.same_label))) > 1:
            raise ValueError("labels come from a column, from folders or are all the same: choose one")
        if self.id_pattern:
            try:
                groups = re.compile(self.id_pattern).groups
            except re.error as error:
                raise ValueError(f"the ID pattern is no regular expression: {error}") from error
            if not groups:
                raise ValueError("the ID pattern needs a group in brackets that is the ID, as in (.+)_recons")
        if self.dec_column and not self.ra_column:
            raise ValueError("a column of declinations needs one of right ascensions")
        named = [_zero_point(text)[0] for text in self.zero_point]
        if len(set(named)) != len(named):
            raise ValueError("give each band one zero point")
        of_tiles = self.virtual or self.size_arcsec is not None or self.size_column is not None
        if self.layout != "tiles" and of_tiles:
            raise ValueError(
                "a size in arcsec, a column of sizes and pixels that stay in their tiles are for the layout "
                "tiles"
            )
        if self.size_column and (self.size is None or self.pixel_scale_arcsec is not None):
            raise ValueError(
                "a column of sizes needs the size in pixels to which all are brought, and no pixel scale for "
                "all"
            )
        if self.virtual and self.dtype != "float32":
            raise ValueError("pixels that stay in the tiles are not stored in another number format")
        if self.join == "position" and not self.catalogue:
            raise ValueError("a join by position needs a catalogue")
        return self


def _label_meaning(text: str) -> tuple[str, str | None]:
    """Return a value of a label column, and the label that a text such as "GALAXY=nonlens" gives it."""
    value, equals, meaning = text.rpartition("=")
    if not equals or meaning.strip() not in LABEL_MEANINGS:
        raise ValueError(
            f"what a label means is said as in GALAXY=nonlens or STAR=out, with one of "
            f"{', '.join(LABEL_MEANINGS)}, not {text!r}"
        )
    return value.strip(), LABEL_MEANINGS[meaning.strip()]


def _zero_point(text: str) -> tuple[str, float]:
    """Return the band, empty for all, and the AB zero point of a text such as "g=27" or "27"."""
    band, equals, number = text.rpartition("=")
    try:
        value = float(number)
    except ValueError:
        value = math.nan
    if not LOWEST_ZERO_POINT < value < HIGHEST_ZERO_POINT or (equals and not band.strip()):
        raise ValueError(f"a zero point is an AB magnitude such as 27, or g=27 for a band, not {text!r}")
    return band.strip(), value
