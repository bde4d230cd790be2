"""How scores become probabilities."""

from typing import Literal, get_args

from pydantic import Field

from lensapp.core.config import Spec

CalibrationMethod = Literal["platt", "isotonic", "beta", "temperature"]
METHODS: tuple[CalibrationMethod, ...] = get_args(CalibrationMethod)
CalibrationChoice = Literal["best", CalibrationMethod]


class CalibrationSpec(Spec):
    """The map from scores to probabilities that a run keeps."""

    method: CalibrationChoice | None = Field(
        "best",
        title="Calibration",
        description="Map from score to probability, fitted on the validation part: the best by its negative "
        "log likelihood there, or the one named; none removes it.",
    )
