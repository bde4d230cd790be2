"""Take the README's pictures and its film: make a demo survey, do a round on it, and photograph every page.

Run by `make screenshots` (about five minutes on two cores); needs Debian's chromium.
"""

import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageFont
from site_hooks import digest_of_pages

from lensapp.core.inspect.grades import LETTERS
from lensapp.core.inspect.review_spec import ReviewSpec
from lensapp.services.inspect.votes import create_review, vote_once
from lensapp.simulation.survey import DemoSpec, simulate
from lensapp.storage import reviews, sources
from lensapp.storage.workspace import Workspace
from support.app_in_browser import PROJECT, Server, chromium

IMAGES = Path(__file__).parent / "images"
VIEWPORT = {"width": 1440, "height": 900}
PAGES = {
    "home": "",
    "data": "data?source=demo",
    "split": "split?source=demo",
    "train": "train?run=first",
    "evaluate": "evaluate?run=first",
    "score": "score?run=first&source=demo-survey",
    "inspect": "inspect?review=top",
    "catalogue": "catalogue?source=demo-survey&run=first",
}
ROUND = (
    "demo --name demo",
    "split demo --name demo-v1",
    "train demo-v1 --preset S5 --epochs 22 --class-weights balanced --name first",
    "evaluate first",
    "score first demo-survey",
)
SURVEY = "demo-survey"
INSPECTORS = ("Ada", "Ben", "Chika")
SCENES = {
    "data": "1  Import cutouts or tiles, see what came in",
    "split": "2  Split them; what shows the same sky stays together",
    "train": "3  Train a network, curves live",
    "evaluate": "4  Read what it can do, at one threshold",
    "score": "5  Score the survey",
    "inspect": "6  Grade by keyboard, alone or as a team",
    "catalogue": "7  Export, and feed the grades back",
}
FILM_WIDTH, CAPTION_HEIGHT = 960, 44
SCENE_MS, KEY_MS = 2600, 450


def main() -> None:
    """Do the round and photograph the pages in the dark theme, the gallery in the light one too."""
    with tempfile.TemporaryDirectory() as folder:
        workspace_folder = Path(folder) / "workspace"
        for command in ROUND:
            run_command(workspace_folder, command)
        grade(Workspace.open(workspace_folder))
        server = Server(workspace_folder)
        server.start()
        try:
            photograph(server)
        finally:
            server.kill()


def run_command(workspace: Path, command: str) -> None:
    """Run one command of the command line."""
    arguments = [sys.executable, "-m", "lensapp", "--workspace", str(workspace), *command.split()]
    subprocess.run(arguments, cwd=PROJECT, check=True)  # noqa: S603 - our own command


def grade(workspace: Workspace) -> None:
    """Let three inspectors of different strictness grade the 60 best candidates from their truth."""
    rng = np.random.default_rng(3)
    spec = ReviewSpec(order="score", limit=200)
    review = create_review(workspace, name="top", source_name=SURVEY, run_name="first", spec=spec)
    survey = DemoSpec.parse(sources.get_source(workspace.database, SURVEY).spec)
    truth = [cutout.label for cutout in simulate(survey.replaced(labelled=True)).truth]
    best = sources.get_cutouts(
        workspace.database, reviews.queue_of(workspace.database, review.id)[:60].tolist()
    )
    for place, inspector in enumerate(INSPECTORS):
        for cutout in best[: 60 - 15 * place]:
            strength = 2.6 if truth[cutout.row] == "lens" else 0.4
            value = int(np.clip(round(strength + rng.normal(0, 0.5)), 0, 3))
            vote_once(
                workspace,
                source_or_review_name="top",
                candidate_id=cutout.candidate_id,
                grade=LETTERS[3 - value],
                inspector=inspector,
            )


def photograph(server: Server) -> None:
    """Take one picture of each page, and put them together as a film."""
    IMAGES.mkdir(exist_ok=True)
    frames: list[tuple[Image.Image, int]] = []
    with chromium() as browser, tempfile.TemporaryDirectory() as folder:
        context = browser.new_context(viewport=VIEWPORT, color_scheme="dark")
        page = context.new_page()
        for name, address in PAGES.items():
            page.goto(f"{server.address}/{address}")
            if name == "inspect":
                sign_in(page)
                for number, key in enumerate("acxbxa"):
                    path = Path(folder) / f"{number}.png"
                    page.screenshot(path=path)
                    frames.append((scene(path, SCENES[name]), SCENE_MS if number == 0 else KEY_MS))
                    page.keyboard.press(key)
                    page.wait_for_timeout(300)
            settle(page)
            page.screenshot(path=IMAGES / f"{name}.png")
            if name in SCENES:
                frames.append((scene(IMAGES / f"{name}.png", SCENES[name]), SCENE_MS))
    pictures, durations = zip(*frames, strict=True)
    pictures[0].save(
        IMAGES / "round.gif",
        save_all=True,
        append_images=pictures[1:],
        duration=durations,
        loop=0,
        optimize=True,
    )
    (IMAGES / "taken-from.txt").write_text(digest_of_pages() + "\n", "utf-8")  # `make docs` looks at it


def scene(path: Path, caption: str) -> Image.Image:
    """Return a picture of the film: the page, and below it what is done there."""
    with Image.open(path) as picture:
        height = round(picture.height * FILM_WIDTH / picture.width)
        page = picture.convert("RGB").resize((FILM_WIDTH, height), Image.Resampling.LANCZOS)
    frame = Image.new("RGB", (FILM_WIDTH, height + CAPTION_HEIGHT), "#0b0d10")
    frame.paste(page)
    place = (24, height + CAPTION_HEIGHT // 2)
    ImageDraw.Draw(frame).text(place, caption, fill="#e8eaed", font=ImageFont.load_default(20), anchor="lm")
    return frame.quantize(96, dither=Image.Dither.NONE)


def sign_in(page: Any) -> None:
    """Give the inspector's name and wait for the gallery."""
    page.get_by_label("Your name").fill("Dana")
    page.get_by_role("button", name="Start grading").click()
    page.wait_for_selector(".stage:not([data-loading]) .tile[aria-selected='true']")


def settle(page: Any) -> None:
    """Wait until the page's script has ended, its figures are drawn and nothing stands in for them."""
    page.wait_for_selector("[data-testid='stApp'][data-test-script-state='notRunning']")
    page.wait_for_function("!document.querySelector('[data-testid=stSkeleton]')")
    page.wait_for_timeout(2500)


if __name__ == "__main__":
    main()
