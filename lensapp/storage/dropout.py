"""What many passes with dropout said of each cutout of a source, kept beside the network that made them."""

from lensapp.storage.estimates import EstimateStore
from lensapp.storage.features import NETWORK, checksum_of
from lensapp.storage.workspace import Workspace

COLUMNS = ("bald", "mean", "std", "passes")
FOLDER = "dropout"


def bald_store(ws: Workspace, run_name: str, source_name: str) -> EstimateStore:
    """Return where BALD (nats), mean and scatter of the score and passes are kept.

    A network trained further has another place.

    Raises
    ------
    FileNotFoundError
        When the run has stored no network.
    """
    folder = ws.run_folder(run_name)
    return EstimateStore(folder / FOLDER / source_name / checksum_of(folder / NETWORK)[:16], COLUMNS)
