#!/bin/bash
# Measure training and scoring on a machine with a GPU, whatever else it lacks:
#
#   benchmarks/gpu.sh --fetch     where there is a network: put the packages that may be missing into WHEELS
#   benchmarks/gpu.sh             on the machine with the GPU: all figures, in less than eight minutes
#   benchmarks/gpu.sh --dry       anywhere: the same on small cutouts on the processor
#
# PYTHON is the interpreter (python3), WHEELS the folder of packages (benchmarks/wheels), KERAS_BACKEND one of
# tensorflow, jax and torch: by default the first of them that is installed. Nothing is installed into the
# interpreter's own folders.
set -euo pipefail
cd "$(dirname "$0")/.."
PYTHON=${PYTHON:-python3}
WHEELS=${WHEELS:-benchmarks/wheels}
PACKAGES=(
  keras namex optree absl-py h5py ml_dtypes packaging rich markdown-it-py mdurl Pygments
  pydantic pydantic_core annotated-types typing_extensions typing-inspection
  numpy scipy astropy pyerfa astropy-iers-data PyYAML
  onnx onnxruntime protobuf flatbuffers
)

pinned() { # the version of a package that the project was tested with
  grep -ihE "^$1==" constraints.txt requirements.txt | head -1 | sed 's/ *#.*//' || true
}

if [ "${1:-}" = --fetch ]; then
  mkdir -p "$WHEELS"
  for package in "${PACKAGES[@]}"; do
    "$PYTHON" -m pip download --quiet --no-deps --dest "$WHEELS" "$(pinned "$package")"
  done
  du -sh "$WHEELS"
  exit
fi

missing=$("$PYTHON" - "${PACKAGES[@]}" <<'PYTHON_END'
import sys
from importlib.metadata import PackageNotFoundError, version
for package in sys.argv[1:]:
    try:
        version(package)
    except PackageNotFoundError:
        print(package)
PYTHON_END
)
if [ -n "$missing" ]; then
  [ -d "$WHEELS" ] || { echo "Missing: ${missing//$'\n'/ }. Run $0 --fetch where there is a network, and bring $WHEELS."; exit 2; }
  added=$(mktemp -d)
  trap 'rm -rf "$added"' EXIT
  # shellcheck disable=SC2086  # one word per package
  "$PYTHON" -m pip install --quiet --no-index --find-links "$WHEELS" --no-deps --target "$added" $missing
  export PYTHONPATH="$added${PYTHONPATH:+:$PYTHONPATH}"
fi

if [ -z "${KERAS_BACKEND:-}" ]; then
  KERAS_BACKEND=$("$PYTHON" -c "
from importlib.util import find_spec
print(next(name for name in ('tensorflow', 'jax', 'torch') if find_spec(name)))")
fi
export KERAS_BACKEND
limit=470
[ "${1:-}" = --dry ] && limit=1500 # a processor that others use too
timeout "$limit" "$PYTHON" benchmarks/gpu/measure.py "$@"
