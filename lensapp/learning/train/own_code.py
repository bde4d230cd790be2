"""Keep the code of a user's own network with its run, so that what is loaded later is what was trained."""

import hashlib
from pathlib import Path

from lensapp.core.config import read_json, write_json
from lensapp.core.errors import InvalidInput
from lensapp.core.train.networks.own import OwnNetworkSpec
from lensapp.core.train.training_spec import TrainingSpec
from lensapp.storage.files import OWN_CODE, OWN_CODE_INFO, whole_file

OWN_NETWORK = "own_network"


def keep_code(spec: TrainingSpec, folder: Path) -> None:
    """Copy the code of an own network beside its run with its checksum, or refuse another than the run's."""
    if spec.network != OWN_NETWORK:
        return
    from models.own import code_file

    builder = OwnNetworkSpec.parse(spec.network_options).builder
    code = code_file(builder).read_bytes()
    checksum = hashlib.sha256(code).hexdigest()
    info = folder / OWN_CODE_INFO
    if info.exists() and read_json(info)["sha256"] != checksum:
        raise InvalidInput(
            f"The code of {builder} has changed since this training began. Put it back, or start a new run."
        )
    with whole_file(folder / OWN_CODE) as partial:
        partial.write_bytes(code)
    write_json(info, {"builder": builder, "sha256": checksum})


def run_kept_code(folder: Path) -> None:
    """Run the code of a run's own network, as its layers may be in it; code that was changed is refused."""
    info = folder / OWN_CODE_INFO
    if not info.exists():
        return
    from models.own import module_of

    path = folder / OWN_CODE
    told = read_json(info)
    if not path.exists() or hashlib.sha256(path.read_bytes()).hexdigest() != told["sha256"]:
        raise InvalidInput(
            f"{path} is not the code that {folder.name} was trained with ({told['builder']}, "
            f"{told['sha256'][:12]}). It is not run; put that code back."
        )
    module_of(path)
