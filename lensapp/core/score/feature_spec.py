"""How features become a map: the form, the command line and the docs read it."""

from typing import Literal

from pydantic import Field

from lensapp.core.config import Spec


class MapSpec(Spec):
    """How the features of cutouts are brought to a plane and grouped."""

    method: Literal["none", "pca", "umap"] = Field(
        "pca",
        json_schema_extra={"words": {"none": "no map", "pca": "PCA", "umap": "UMAP"}},
        description="pca is a linear projection, quick and repeatable; umap keeps neighbours together; none "
        "makes no map.",
    )
    clusters: Literal["none", "hdbscan", "kmeans"] = Field(
        "none",
        json_schema_extra={"words": {"none": "no groups", "hdbscan": "HDBSCAN", "kmeans": "k-means"}},
        description="hdbscan finds dense groups in the map and leaves outliers out; kmeans cuts the leading "
        "principal components into so many groups.",
    )
    cluster_count: int = Field(8, ge=2, le=100, description="Groups that kmeans makes.")
    min_cluster_size: int | None = Field(
        None,
        ge=2,
        le=100_000,
        json_schema_extra={"empty": "1 %, at least 5"},
        description="Fewest cutouts of an hdbscan group; empty takes 1 %, at least 5.",
    )
    neighbours: int = Field(
        15, ge=2, le=200, description="Neighbours that umap keeps together; more show coarser structure."
    )
    sample: int = Field(
        100_000,
        ge=100,
        le=1_000_000,
        description="Cutouts from which the map is learned; the others are placed among them.",
    )
    seed: int = Field(0, ge=0, le=2**31 - 1, description="Start of all random numbers; same seed, same map.")
