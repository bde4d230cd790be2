"""What the package needs, read from the requirements files, where each thing stands once."""

from pathlib import Path
from typing import Any

from hatchling.metadata.plugin.interface import MetadataHookInterface


class RequirementsHook(MetadataHookInterface):
    """Fills in dependencies and extras."""

    def update(self, metadata: dict[str, Any]) -> None:
        """Add what the requirements files list."""
        root = Path(self.root)
        metadata["dependencies"] = requirements_in(root / "requirements.txt")
        metadata["optional-dependencies"] = {
            file.stem.removeprefix("requirements-"): requirements_in(file)
            for file in sorted(root.glob("requirements-*.txt"))
        }


def requirements_in(file: Path) -> list[str]:
    """Return the requirements that a file lists itself, without comments."""
    lines = (line.partition("#")[0].strip() for line in file.read_text("utf-8").splitlines())
    return [line for line in lines if line and not line.startswith("-")]
