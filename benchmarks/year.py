"""What a web process holds after long use: 500 page loads, 5 000 sheets of pictures and 20 jobs.

Pages are loaded as a browser does, each in a session of its own over Streamlit's WebSocket, all pages in
turn, and one that shows an error ends the benchmark; sheets are asked for by HTTP with a token, each with
another stretch; jobs are small surveys that the app's own worker simulates meanwhile. Everything is done
once before the first mark, then half of it before the second and half before the third: what grows for ever
grows in the second half too. Sessions that were left are forgotten after 2 s in place of Streamlit's 120 (it
keeps 128 at most). Run `python benchmarks/year.py [--quick] [--minutes 14]`.

It ends in time: a half that has used up its share of the minutes stops where it is, the other one does as
much, and the table says how much that was. How far it is it says on stderr every 15 seconds.
"""

import argparse
import itertools
import json
import os
import signal
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from pathlib import Path

import httpx
import psutil
from streamlit.logger import set_log_level
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.sync.client import connect

PROJECT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(PROJECT), str(PROJECT / "tests")]
set_log_level("error")  # Streamlit warns of every import and thread that runs no page

from lensapp import jobs
from lensapp.services.data.demo import start_demo
from lensapp.services.inspect.tokens import issue_token
from lensapp.simulation.survey import DemoSpec
from lensapp.storage import reviews
from lensapp.storage.cutouts import OPEN_SOURCES
from lensapp.storage.workspace import DATABASE_FILE, Workspace
from lensapp.ui.gallery.routes import API
from support.app_in_browser import Server, wait_until
from support.pages_workspace import full_workspace

WATCHED = PROJECT / "benchmarks" / "common" / "watched_web.py"
PAGES = tuple(sorted(path.stem for path in (PROJECT / "pages").glob("*.py")))
AT_ONCE, PATIENCE, TTL_SECONDS, SAID_EVERY = 4, 120.0, 2, 15.0
QUIET_SECONDS = 12.0  # before a mark: threads of AnyIO end that have idled for 10 s
KEPT_FOR_MARKS = 75.0  # seconds of the time that marks, and what is under way at the end, may take
GOALS: dict[str, float] = {  # most that the second half may add, or, of some, that there may be at the end
    "memory of the web process (MB)": 20.0,
    "memory of the worker (MB)": 5.0,
    "file descriptors": 4.0,
    "open files of pixels": OPEN_SOURCES,  # one a source looked at lately, of which so many are kept open
    "file descriptors of the worker": 2.0,
    "threads": 2.0,
    "workers": 0.0,
    "sessions": 2.0,
    "cached results without a bound": 0.0,
    "objects": 20_000.0,
    "write-ahead log (MB)": 8.0,
}
AT_THE_END = ("open files of pixels", "sessions", "write-ahead log (MB)")


@dataclass
class Amount:
    """How much is done: page loads, sheets, jobs."""

    loads: int
    sheets: int
    jobs: int

    def half(self) -> "Amount":
        """Return half of it."""
        return Amount(self.loads // 2, self.sheets // 2, self.jobs // 2)


FULL, QUICK = Amount(500, 5000, 20), Amount(20, 100, 2)


@dataclass
class Part:
    """A part of the benchmark under way: how much it shall do until when, and how much it has done."""

    name: str
    wanted: Amount
    until: float
    done: Amount = field(default_factory=lambda: Amount(0, 0, 0))
    said_at: float = 0.0

    @property
    def in_time(self) -> bool:
        """Whether there is time for more."""
        return time.monotonic() < self.until

    def count(self, what: str, *, more: int = 1) -> None:
        """Note that something is done; now and then say how far all is."""
        setattr(self.done, what, getattr(self.done, what) + more)
        if time.monotonic() - self.said_at > SAID_EVERY:
            self.said_at, wanted = time.monotonic(), asdict(self.wanted)
            counts = asdict(self.done).items()
            far = ", ".join(f"{count} of {wanted[name]} {name}" for name, count in counts)
            left = max(0.0, self.until - self.said_at)
            print(f"{self.name}: {far}; at most {left:.0f} s more", file=sys.stderr, flush=True)


def load(server: Server, page: str) -> None:
    """Open a page in a session of its own, wait for the end of its run, and leave."""
    address = f"ws://127.0.0.1:{server.port}/_stcore/stream"
    waiting = {"open_timeout": PATIENCE, "ping_interval": None}  # a busy machine answers late
    with connect(address, subprotocols=["streamlit"], max_size=None, **waiting) as socket:
        asked = BackMsg()
        asked.rerun_script.page_name = "" if page == "home" else page
        socket.send(asked.SerializeToString())
        while True:
            told = ForwardMsg.FromString(socket.recv(timeout=PATIENCE))
            kind = told.WhichOneof("type")
            if kind == "delta" and told.delta.new_element.WhichOneof("type") == "exception":
                raise SystemExit(f"{page} shows an error: {told.delta.new_element.exception.message}")
            if kind == "page_not_found":
                raise SystemExit(f"There is no page {page}.")
            if kind == "script_finished":
                return


def load_pages(server: Server, part: Part, pages: Iterator[str]) -> None:
    """Load so many pages, some at once, as long as there is time."""

    def one(page: str) -> bool:
        if part.in_time:
            load(server, page)
            return True
        return False

    with ThreadPoolExecutor(AT_ONCE) as threads:
        for done in threads.map(one, itertools.islice(pages, part.wanted.loads)):
            part.count("loads", more=done)


def ask_for_sheets(ws: Workspace, server: Server, part: Part, numbers: Iterator[int]) -> None:
    """Ask for sheets of the whole review, a stretch of its own for each number, while there is time."""
    review = reviews.get_review(ws.database, "round-1")
    ids = "-".join(str(key) for key in reviews.queue_of(ws.database, review.id))
    token = issue_token(ws, review=review, inspector="Ada")
    with httpx.Client(
        base_url=server.address, headers={"x-token": token}, timeout=PATIENCE
    ) as client, ThreadPoolExecutor(AT_ONCE) as threads:  # fmt: skip

        def one(number: int) -> bool:
            if not part.in_time:
                return False
            asked = {"ids": ids, "size": 64, "black": -number / 1000}
            client.get(f"{API}/sheet", params=asked).raise_for_status()
            return True

        for done in threads.map(one, itertools.islice(numbers, part.wanted.sheets)):
            part.count("sheets", more=done)


def run_jobs(ws: Workspace, part: Part, numbers: Iterator[int]) -> None:
    """Let the worker simulate small surveys, one after another, while there is time."""
    spec = DemoSpec(count=20, size=24, bands=("r",))
    for number in itertools.islice(numbers, part.wanted.jobs):
        if not part.in_time:
            return
        job = start_demo(ws, name=f"survey-{number}", spec=spec)
        wait_until(lambda key=job.id: key not in live_jobs(ws), seconds=5 * PATIENCE)
        [ended] = [one for one in jobs.recent(ws.database, limit=1) if one.id == job.id]
        if ended.state != "done":
            raise SystemExit(f"A job ended otherwise than done: {ended.state}, {ended.error}")
        part.count("jobs")


def live_jobs(ws: Workspace) -> set[int]:
    """Return the numbers of the jobs that wait or run."""
    return {job.id for job in jobs.active(ws.database)}


def held_by(ws: Workspace, server: Server) -> dict[str, float]:
    """Return what web process, worker and folder hold once the left sessions are forgotten."""
    time.sleep(QUIET_SECONDS)
    load(server, "home")  # sessions that were left, and threads that idled, go when the next one comes
    web = psutil.Process(server.process.pid)
    workers = [one for one in web.children() if "worker" in one.cmdline()]
    if not workers:
        raise SystemExit(f"No worker is running any more; {ws.folder / 'server.log'} may say why.")
    worker = min(workers, key=psutil.Process.create_time)
    figures = Path(os.environ["YEAR_FIGURES"])
    figures.unlink(missing_ok=True)
    web.send_signal(signal.SIGUSR1)
    wait_until(figures.exists, seconds=PATIENCE)
    pixels = sum(Path(one.path).is_relative_to(ws.folder / "cutouts") for one in web.open_files())
    log = ws.folder / f"{DATABASE_FILE}-wal"
    return {
        "memory of the web process (MB)": web.memory_info().rss / 1e6,
        "of it not shared (MB)": web.memory_full_info().uss / 1e6,
        "memory of the worker (MB)": worker.memory_info().rss / 1e6,
        "file descriptors": web.num_fds() - pixels,
        "open files of pixels": pixels,
        "file descriptors of the worker": worker.num_fds(),
        "threads": web.num_threads(),
        "workers": len(workers),
        "write-ahead log (MB)": log.stat().st_size / 1e6 if log.exists() else 0.0,
        "logs (MB)": sum(file.stat().st_size for file in ws.folder.rglob("*.log")) / 1e6,
    } | json.loads(figures.read_text("utf-8"))


def marks(folder: Path, amount: Amount, *, seconds: float) -> Iterator[tuple[Amount, dict[str, float]]]:
    """Yield how much was done and what is held then: at the start, in the middle and at the end."""
    ends = time.monotonic() + seconds - KEPT_FOR_MARKS
    ws = full_workspace(folder / "workspace")
    os.environ["YEAR_FIGURES"] = str(folder / "figures.json")
    os.environ["STREAMLIT_SERVER_DISCONNECTED_SESSION_TTL"] = str(TTL_SECONDS)
    server = Server(ws.folder, worker=True, program=(str(WATCHED),))
    server.start()
    try:
        pages, sheets, names = itertools.cycle(PAGES), itertools.count(), itertools.count()
        wanted = Amount(len(PAGES), 50, 1)
        for name, share in (("warming up", 1.0), ("first half", 0.5), ("second half", 1.0)):
            now = time.monotonic()
            part = Part(name, wanted, now + share * max(0.0, ends - now))
            with ThreadPoolExecutor(1) as beside:
                worked = beside.submit(run_jobs, ws, part, names)
                load_pages(server, part, pages)
                ask_for_sheets(ws, server, part, sheets)
                worked.result()
            yield part.done, held_by(ws, server)
            wanted = amount.half() if name == "warming up" else part.done
    finally:
        workers = psutil.Process(server.process.pid).children()
        server.kill()
        for worker in workers:
            worker.terminate()


def verdict(name: str, middle: float, end: float) -> tuple[float, float | None, str]:
    """Return what counts of a figure, what it may be at most, and in a word whether it is."""
    figure = end if name in AT_THE_END else end - middle
    goal = GOALS.get(name)
    if goal is None:
        return figure, None, ""
    return figure, goal, "holds" if figure <= goal else "GROWS"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="20 page loads, 100 sheets and 2 jobs.")
    parser.add_argument("--share", type=int, default=1, help="Do only one N-th of the full amount.")
    parser.add_argument("--minutes", type=float, default=14.0, help="Stop after so many; default 14.")
    arguments = parser.parse_args()
    amount = QUICK if arguments.quick else Amount(*(one // arguments.share for one in asdict(FULL).values()))
    began = time.monotonic()
    taken: list[dict[str, float]] = []
    done: list[Amount] = []
    with tempfile.TemporaryDirectory() as folder:
        for did, mark in marks(Path(folder), amount, seconds=60 * arguments.minutes):
            taken.append(mark)
            done.append(did)
            print(f"{time.monotonic() - began:5.0f} s: {did}, {mark}", file=sys.stderr, flush=True)
    show(taken, done[1:], wanted=amount, seconds=time.monotonic() - began)


def show(
    taken: Sequence[dict[str, float]], done: Sequence[Amount], *, wanted: Amount, seconds: float
) -> None:
    """Print the table with a verdict on each figure, then a line of JSON for each."""
    start, middle, end = taken
    total = {name: sum(getattr(one, name) for one in done) for name in asdict(wanted)}
    if not all(total.values()):
        raise SystemExit(f"The time was up with {total} done. Give more --minutes, or a larger --share.")
    whole = all(total[name] >= 2 * (count // 2) for name, count in asdict(wanted).items())
    print(
        f"{total['loads']} page loads, {total['sheets']} sheets, {total['jobs']} jobs in {seconds:.0f} s, "
        f"load {os.getloadavg()[0]:.0f} of {os.cpu_count()} cores"
        + ("" if whole else f"; the time was up before {wanted}")
    )
    columns = ("warm", "middle", "end", "counts", "at most")
    print(f"{'':<34}" + "".join(f"{name:>10}" for name in columns))
    rows = []
    for name in start:
        figure, goal, word = verdict(name, middle[name], end[name])
        most = "" if goal is None else f"{goal:g}"
        numbers = "".join(f"{one:>10.1f}" for one in (start[name], middle[name], end[name], figure))
        print(f"{name:<34}{numbers}{most:>10}  {word}")
        what = f"{name}, {'at the end' if name in AT_THE_END else 'added by the second half'}"
        row = {"benchmark": "year", "figure": what, "unit": "", "ours": round(figure, 3)}
        if goal is not None:
            rows.append(row | {"peer": None, "ratio": None, "target": goal, "met": figure <= goal})
    print(f"Counts: what the second half adds; of {', '.join(AT_THE_END)} what there is at the end.")
    for row in rows:
        print(json.dumps(row))


if __name__ == "__main__":
    main()
