"""Make dawid_skene.json with crowd-kit, to which lensapp.core.inspect.dawid_skene is compared.

Run it where crowd-kit is installed: `pip install --no-deps crowd-kit==1.4.2`, with attrs, pandas and tqdm.
Its package imports transformers for other methods; only the two modules needed are loaded here.
"""

import importlib
import importlib.util
import json
import sys
import types
from pathlib import Path

import numpy as np
import pandas as pd

CASES = ((3, 40, 4, 5), (2, 60, 6, 11), (4, 30, 5, 23))  # classes, candidates, inspectors, seed


def crowdkit_dawid_skene() -> type:
    """Return crowd-kit's class without running the `__init__` of packages that want transformers."""
    root = Path(str(importlib.util.find_spec("crowdkit").origin)).parent  # type: ignore[union-attr]
    for name in ("crowdkit.aggregation", "crowdkit.aggregation.classification"):
        package = types.ModuleType(name)
        package.__path__ = [str(root.joinpath(*name.split(".")[1:]))]
        sys.modules[name] = package
    module = importlib.import_module("crowdkit.aggregation.classification.dawid_skene")
    return module.DawidSkene  # type: ignore[no-any-return]


def votes_of(classes: int, candidates: int, inspectors: int, seed: int) -> pd.DataFrame:
    """Draw votes of inspectors of different skill, a third of them absent."""
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, classes, candidates)
    skill = rng.uniform(0.45, 0.95, inspectors)
    said = np.where(
        rng.random((candidates, inspectors)) < skill,
        truth[:, None],
        rng.integers(0, classes, (candidates, inspectors)),
    )
    kept = rng.random((candidates, inspectors)) < 2 / 3
    kept[:, 0] = True
    task, worker = np.nonzero(kept)
    return pd.DataFrame({"task": task, "worker": worker, "label": said[kept]})


def main() -> None:
    """Write the table beside this file."""
    model, cases = crowdkit_dawid_skene(), []
    for classes, candidates, inspectors, seed in CASES:
        votes = votes_of(classes, candidates, inspectors, seed)
        # Never stops early: the same number of steps as asked for.
        fitted = model(n_iter=100, tol=-np.inf).fit(votes)  # type: ignore[call-arg]
        probability = fitted.probas_.sort_index().reindex(columns=range(classes), fill_value=0.0)
        cases.append(
            {
                "classes": classes,
                "candidate": votes["task"].tolist(),
                "inspector": votes["worker"].tolist(),
                "said": votes["label"].tolist(),
                "probability": probability.to_numpy().round(12).tolist(),
                "share": fitted.priors_.reindex(range(classes), fill_value=0.0).round(12).tolist(),
            }
        )
    out = Path(__file__).with_name("dawid_skene.json")
    out.write_text(json.dumps({"crowd-kit": "1.4.2", "steps": 100, "cases": cases}), "utf-8")


if __name__ == "__main__":
    main()
