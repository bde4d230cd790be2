"""Keep to one HDF5 file, or to its folder: datasets may name other files for their content.

References
----------
HDF5 user guide, "External Dataset Storage", "Virtual Dataset" and "External Links".
"""

from pathlib import Path
from typing import Any

from lensapp.ingest.refusals import Refused

DEEPEST = 4  # virtual datasets of virtual datasets


def local_datasets(file: Any) -> tuple[dict[str, Any], dict[str, str]]:
    """Return the datasets of an open file by name, and the files that external links name.

    External links are not followed.
    """
    import h5py

    datasets: dict[str, Any] = {}
    elsewhere: dict[str, str] = {}

    def visit(name: str, item: Any) -> None:
        if isinstance(item, h5py.Dataset):
            datasets[name] = item

    def visit_link(name: str, link: Any) -> None:
        if isinstance(link, h5py.ExternalLink):
            elsewhere[name] = f"{link.path} in {link.filename}"

    file.visititems(visit)
    file.visititems_links(visit_link)
    return datasets, elsewhere


def refuse_elsewhere(dataset: Any, folder: Path, depth: int = 0) -> None:
    """Refuse a dataset with pixels in files that are no HDF5, or out of the folder of its own file."""
    import h5py

    if dataset.external:
        raise Refused("elsewhere", f"array {dataset.name} names {dataset.external[0][0]} for its content")
    if not dataset.is_virtual:
        return
    own = dataset.file
    for source in dataset.virtual_sources():
        if source.file_name == ".":
            inner = own.get(source.dset_name) if own.get(source.dset_name, getlink=True) else None
            if _is_hard(own, source.dset_name) and isinstance(inner, h5py.Dataset) and depth < DEEPEST:
                refuse_elsewhere(inner, folder, depth + 1)
                continue
        # HDF5 looks beside the file first, then in the working directory: only the former may be meant.
        path = (folder / source.file_name).resolve()
        if depth == DEEPEST or not path.is_file() or folder.resolve() not in path.parents:
            raise Refused(
                "elsewhere", f"array {dataset.name} is made of {source.file_name}, out of the file's folder"
            )
        with h5py.File(path, "r") as other:
            if not _is_hard(other, source.dset_name) or not isinstance(other[source.dset_name], h5py.Dataset):
                raise Refused("elsewhere", f"array {dataset.name} is made of links to other files")
            refuse_elsewhere(other[source.dset_name], path.parent, depth + 1)


def _is_hard(file: Any, name: str) -> bool:
    """Return whether each step of the path to a dataset stays in the file."""
    import h5py

    group: Any = file
    for step in name.strip("/").split("/"):
        if not isinstance(group, h5py.Group) or not isinstance(group.get(step, getlink=True), h5py.HardLink):
            return False
        group = group[step]
    return True
