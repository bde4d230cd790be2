"""Choose the library that Keras computes with, before Keras is imported."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from types import ModuleType

# What TensorFlow writes from C++ while it is loaded and looks for devices, whatever its log level is; error
# 303 of cuInit is that there is no driver.
NOTICE = (
    r"WARNING: All log messages before absl::InitializeLog\(\) is called are written to STDERR"
    r"|[IWE]\d{4} .*\] (?:oneDNN custom operations are on|Could not find cuda drivers"
    r"|This TensorFlow binary is optimized to use|failed call to cuInit: .*\(303\))"
    r"|To enable the following instructions: "
)
FILTER = """
import re, sys
for line in sys.stdin.buffer:
    if not re.match(sys.argv[1].encode(), line):
        sys.stderr.buffer.write(line)
        sys.stderr.buffer.flush()
"""


def choose_backend() -> str:
    """Set KERAS_BACKEND unless the user has, to the first installed of TensorFlow, JAX and PyTorch.

    Keras reads the variable once, when it is first imported. TensorFlow runs one operation at a time, each
    on all cores: with several at once their sums depend on which threads happen to be free, and a resumed
    training would not end with the weights of an uninterrupted one. TensorFlow will write no notices when
    it is loaded; a user who sets TF_CPP_MIN_LOG_LEVEL=0 sees them.
    """
    installed = (name for name in ("tensorflow", "jax", "torch") if find_spec(name) is not None)
    backend = os.environ.setdefault("KERAS_BACKEND", next(installed, "tensorflow"))
    os.environ.setdefault("TF_NUM_INTEROP_THREADS", "1")
    level = os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    if level != "0" and "tensorflow" not in sys.modules:
        sys.meta_path.insert(0, QuietFinder())
    return backend


class QuietFinder(MetaPathFinder):
    """Loads TensorFlow, whoever asks for it first: many do, and most commands never need it."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Return how TensorFlow is loaded without its notices; None for all else."""
        if fullname != "tensorflow":
            return None
        others = [finder for finder in sys.meta_path if not isinstance(finder, QuietFinder)]
        spec = next(filter(None, (finder.find_spec(fullname, path, target) for finder in others)), None)
        if spec is not None and spec.loader is not None:
            spec.loader.exec_module = partial(_load_quietly, spec.loader.exec_module)  # type: ignore[method-assign]
        return spec


def _load_quietly(load: Callable[[ModuleType], None], module: ModuleType) -> None:
    with without_notices():
        load(module)
        module.config.list_physical_devices()  # at the first use it would tell that there is no GPU


@contextmanager
def without_notices() -> Iterator[None]:
    """Keep the known notices of TensorFlow off standard error, which all else reaches.

    Another process reads what is written meanwhile: the last words of a library that ends this one are kept.
    """
    sys.stderr.flush()
    terminal, (read, write) = os.dup(2), os.pipe()
    reader = subprocess.Popen([sys.executable, "-SEc", FILTER, NOTICE], stdin=read)  # noqa: S603 - our own
    os.close(read)
    os.dup2(write, 2)
    os.close(write)
    try:
        yield
    finally:
        sys.stderr.flush()
        os.dup2(terminal, 2)
        os.close(terminal)
        reader.wait()
