"""The app on a free port and a Chromium that looks at it: for browser tests, screenshots and benchmarks."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import httpx

from support.requirements import lacking

CHROMIUM = os.environ.get("CHROMIUM", "/usr/bin/chromium")
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
PROJECT = Path(__file__).parents[2]
START_SECONDS = 90
AT_REST = """() => new Promise((rest) => {
  const app = document.querySelector("[data-testid='stApp']");
  const main = app.querySelector("[data-testid='stMain']");
  let [size, since] = [-1, performance.now()];
  const look = () => {
    const runs = app.dataset.testScriptState !== 'notRunning';
    const loads = app.querySelector("[data-testid='stSkeleton']");
    const now = runs || loads ? NaN : main.querySelectorAll('*').length;
    if (now !== size) [size, since] = [now, performance.now()];
    if (performance.now() - since > 400) return rest(true);
    setTimeout(look, 50);
  };
  look();
})"""
GO = """(address) => new Promise((begun, failed) => {
  const app = document.querySelector("[data-testid='stApp']");
  const ask = () => dispatchEvent(new PopStateEvent('popstate'));
  history.pushState({}, '', address);
  const again = setTimeout(ask, 10000); // a busy app may have been asked between two of its runs
  const given_up = setTimeout(() => failed(new Error(`nothing came of going to ${address}`)), 30000);
  new MutationObserver((_, watch) => { // a busy browser may draw the page at once, and never say that it runs
    watch.disconnect();
    [again, given_up].forEach(clearTimeout);
    begun();
  }).observe(app.querySelector("[data-testid='stMain']"),
    { childList: true, subtree: true, attributes: true, characterData: true });
  ask();
})"""


def free_port() -> int:
    """Return a port of this machine that nobody listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def wait_until(condition: Callable[[], bool], *, seconds: float = 40) -> None:
    """Wait until `condition` holds."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"waited {seconds:.0f} s in vain")
        time.sleep(0.05)


@dataclass
class Server:
    """`streamlit run app.py` on a free port over one workspace folder, with or without a worker.

    In a `with` statement it answers within, and has ended after it, with its worker.
    Another `script` stands beside ours in benchmarks, and another `program` in place of `-m streamlit`.
    """

    folder: Path
    worker: bool = False
    script: str = "app.py"
    program: tuple[str, ...] = ("-m", "streamlit")
    port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None

    @property
    def address(self) -> str:
        """The address of the home page."""
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start the app and wait until it answers."""
        self.folder.mkdir(parents=True, exist_ok=True)
        environment = os.environ | {
            "LENSAPP_WORKSPACE": str(self.folder),
            "LENSAPP_WORKER": "1" if self.worker else "0",
        }
        environment.pop("LENSAPP_DATABASE_URL", None)
        command = [sys.executable, *self.program, "run", self.script, "--server.port", str(self.port)]
        with (self.folder / "server.log").open("ab") as log:
            self.process = subprocess.Popen(command, cwd=PROJECT, env=environment, stdout=log, stderr=log)
        wait_until(self.answers, seconds=START_SECONDS)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()
        if self.worker:
            self.end_worker()

    def answers(self) -> bool:
        """Return whether the app is up."""
        try:
            return httpx.get(f"{self.address}/_stcore/health", timeout=1).status_code == 200
        except httpx.TransportError:
            return False

    def kill(self) -> None:
        """End the web process at once; a worker lives on."""
        if self.process is not None:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait()

    def resident_mb(self) -> float:
        """Return the resident memory of the web process."""
        if self.process is None:
            return 0.0
        status = Path(f"/proc/{self.process.pid}/status").read_text("ascii")
        [line] = [line for line in status.splitlines() if line.startswith("VmRSS")]
        return int(line.split()[1]) / 1024

    def end_worker(self) -> None:
        """End the worker that the app has started for this workspace."""
        subprocess.run(["pkill", "-f", "--", f"--workspace {self.folder} worker"], check=False)


@contextmanager
def chromium() -> Iterator[Any]:
    """Start Debian's Chromium under Playwright, or skip where either is absent."""
    try:
        from playwright import sync_api
    except ImportError:
        lacking("browser", "needs the package playwright")
    if not shutil.which(CHROMIUM):
        lacking("browser", f"needs Chromium at {CHROMIUM}")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield browser
        browser.close()


def settled(page: Any) -> None:
    """Wait until the page's script has ended and nothing is added to what it shows, be it loaded late."""
    page.wait_for_selector("[data-testid='stMain'] h1")
    page.evaluate(AT_REST)


def go(page: Any, address: str) -> None:
    """Go to another page as with the browser's arrows: the app is not loaded anew, which takes seconds."""
    page.evaluate(GO, address)
    settled(page)
