"""How scores become probabilities."""

from typing import Literal, get_args

from pydantic import Field

from lensapp.core.config import Spec

CalibrationMethod = Literal["platt", "isotonic", "beta", "temperature"]
METHODS: tuple[CalibrationMethod, ...] = get_args(CalibrationMethod)


class CalibrationSpec(Spec):
    """The map from scores to probabilities that a run keeps."""

    method: CalibrationMethod | None = Field(
        "platt",
        title="Calibration",
        description="Map from score to probability, fitted on the validation part; none removes it.",
    )
