"""The package holds what it needs to run, and the files of docs/deploy.md say what the program does."""

import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
import yaml

from lensapp.cli.commands import COMMANDS, make_parser

PROJECT = Path(__file__).parents[2]
DEPLOY = PROJECT / "deploy"


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built without a network and unpacked."""
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(command, cwd=PROJECT, check=True, capture_output=True)
    with zipfile.ZipFile(next(folder.glob("*.whl"))) as archive:
        archive.extractall(folder / "site")
    return folder / "site"


def test_the_wheel_holds_every_file_that_the_program_reads(wheel: Path) -> None:
    tracked = subprocess.run(["git", "ls-files"], cwd=PROJECT, capture_output=True, text=True, check=True)
    for name in tracked.stdout.splitlines():
        if name.startswith(("lensapp/", "models/")):
            assert (wheel / name).is_file(), name
        elif name.startswith(("pages/", ".streamlit/")) or name == "app.py":
            assert (wheel / "lensapp" / "web" / name).is_file(), name
    told = next(wheel.glob("*.dist-info"))
    assert "lensapp = lensapp.cli:main" in (told / "entry_points.txt").read_text()
    needs = (told / "METADATA").read_text()
    pins = re.findall(
        r"^([\w.-]+(?:\[\w+\])?==[\w.]+)", (PROJECT / "requirements.txt").read_text(), re.MULTILINE
    )
    assert len(pins) > 20
    assert all(f"Requires-Dist: {pin}".lower() in needs.lower() for pin in pins)
    assert "Provides-Extra: gpu" in needs


def test_the_installed_program_finds_its_pages(wheel: Path) -> None:
    asked = "from lensapp.services.workers import web_folder; print(web_folder())"
    answer = subprocess.run(
        [sys.executable, "-c", asked], cwd=wheel, capture_output=True, text=True, check=True
    )
    folder = Path(answer.stdout.strip())
    assert folder == wheel / "lensapp" / "web"
    assert (folder / "app.py").is_file()
    assert (folder / "pages" / "home.py").is_file()


def test_every_command_of_the_files_is_one_with_these_options() -> None:
    parser = make_parser()
    texts = {
        path.name: path.read_text("utf-8") for path in [*DEPLOY.iterdir(), PROJECT / "docs" / "deploy.md"]
    }
    lines = [
        (name, line)
        for name, text in texts.items()
        for line in re.findall(r"(?:^|[/` ])lensapp ([a-z]+(?: [^`|&;#'\n]*)?)", text.replace('", "', " "))
        if line.split()[0] in COMMANDS
    ]
    assert {line.split()[0] for _, line in lines} >= {
        "web",
        "worker",
        "backup",
        "restore",
        "doctor",
        "move",
        "disk",
    }
    for name, line in lines:
        words = [word for word in line.replace('"]', "").split() if "$" not in word]
        if words[0] in ("backup", "restore", "move") and len(words) == 1:
            words.append("FILE")
        try:
            parser.parse_args(words)
        except SystemExit:
            pytest.fail(f"{name}: lensapp {line}")


def test_images_run_without_rights_and_tell_their_health() -> None:
    lines = (DEPLOY / "Dockerfile").read_text("utf-8").splitlines()
    assert [line for line in lines if line.startswith("USER")] == ["USER lens"]
    assert any(line.startswith("HEALTHCHECK") for line in lines)
    assert lines.index("USER lens") < next(k for k, line in enumerate(lines) if line.startswith("CMD"))
    services = yaml.safe_load((DEPLOY / "compose.yaml").read_text("utf-8"))["services"]
    assert set(services) == {"database", "web", "worker"}
    assert services["web"]["ports"] == ["127.0.0.1:8501:8501"]
    assert services["web"]["environment"]["LENSAPP_WORKER"] == "0"
    for name in ("web", "worker"):
        assert services[name]["environment"]["LENSAPP_DATABASE_URL"].startswith("postgresql://")
        assert services[name]["depends_on"] == {"database": {"condition": "service_healthy"}}


def test_units_and_batch_scripts_are_well_formed() -> None:
    subprocess.run(["bash", "-n", str(DEPLOY / "lens-worker.sbatch")], check=True)
    for unit in DEPLOY.glob("*.service"):
        text = unit.read_text("utf-8")
        assert "User=lens" in text
        assert "UMask=0077" in text
    if not (analyse := shutil.which("systemd-analyze")):
        pytest.skip("needs systemd-analyze to verify the units")
    units = [str(path) for path in sorted(DEPLOY.glob("lens-*.[st][ei][rm]*"))]
    told = subprocess.run([analyse, "verify", *units], capture_output=True, text=True, check=False)
    wrong = [
        line for line in told.stderr.splitlines() if "/deploy/" in line and "is not executable" not in line
    ]
    assert wrong == []
