"""How features become a map: the form, the command line and the docs read it."""

from typing import Literal

from pydantic import Field

from lensapp.core.config import Spec


class MapSpec(Spec):
    """How the features of cutouts are projected onto a plane and clustered."""

    method: Literal["none", "pca", "umap"] = Field(
        "umap",
        title="Projection",
        json_schema_extra={"words": {"none": "no map", "pca": "PCA", "umap": "UMAP"}},
        description="UMAP keeps neighbours together; PCA is linear and quick.",
    )
    clusters: Literal["none", "hdbscan", "kmeans"] = Field(
        "hdbscan",
        title="Clusters",
        json_schema_extra={"words": {"none": "no clusters", "hdbscan": "HDBSCAN", "kmeans": "k-means"}},
        description="HDBSCAN finds dense groups in the map and leaves outliers out; k-means divides the "
        "leading principal components into a fixed number of clusters.",
    )
    cluster_count: int = Field(
        8, ge=2, le=100, title="Number of clusters", description="Number of clusters that k-means makes."
    )
    min_cluster_size: int | None = Field(
        None,
        ge=2,
        le=100_000,
        title="Smallest cluster",
        json_schema_extra={"empty": "2 %, at least 5"},
        description="Fewest cutouts in an HDBSCAN cluster; empty: 2 %, at least 5.",
    )
    neighbours: int = Field(
        15,
        ge=2,
        le=200,
        title="UMAP neighbours",
        description="Neighbours that UMAP keeps together; more show coarser structure.",
    )
    sample: int = Field(
        100_000,
        ge=100,
        le=1_000_000,
        title="Sample",
        description="Cutouts from which the map is learned; the others are placed among them.",
    )
    seed: int = Field(0, ge=0, le=2**31 - 1, title="Random seed", description="Random seed.")
