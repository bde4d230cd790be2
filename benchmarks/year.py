"""What a web process holds after long use: 500 page loads, 5 000 sheets of pictures and 20 jobs.

Pages are loaded as a browser does, each in a session of its own over Streamlit's WebSocket, all pages in
turn, and one that shows an error ends the benchmark; sheets are asked for by HTTP with a token, each with
another stretch; jobs are small surveys that the app's own worker simulates meanwhile. Everything is done
once before the first mark, then half of it before the second and half before the third: what grows for ever
grows in the second half too. Sessions that were left are forgotten after 2 s in place of Streamlit's 120 (it
keeps 128 at most). Run `python benchmarks/year.py [--quick]`.
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
from pathlib import Path

import httpx
import psutil
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.sync.client import connect

PROJECT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(PROJECT), str(PROJECT / "tests")]

from lensapp import jobs
from lensapp.services.data.demo import start_demo
from lensapp.services.inspect.tokens import issue_token
from lensapp.simulation.survey import DemoSpec
from lensapp.storage import reviews
from lensapp.storage.workspace import DATABASE_FILE, Workspace
from lensapp.ui.gallery.routes import API
from support.app_in_browser import Server, wait_until
from support.pages_workspace import full_workspace

WATCHED = PROJECT / "benchmarks" / "common" / "watched_web.py"
PAGES = tuple(sorted(path.stem for path in (PROJECT / "pages").glob("*.py")))
AT_ONCE, PATIENCE, TTL_SECONDS = 4, 600.0, 2
FULL = {"loads": 500, "sheets": 5000, "works": 20}
GOALS = {  # most that the second half may add, or, of the last, that there may be at the end
    "memory of the web process (MB)": 20.0,
    "memory of the worker (MB)": 5.0,
    "file descriptors": 4.0,
    "file descriptors of the worker": 2.0,
    "threads": 2.0,
    "workers": 0.0,
    "sessions": 2.0,
    "cached results without a bound": 0.0,
    "write-ahead log (MB)": 8.0,
}
AT_THE_END = ("sessions", "write-ahead log (MB)")


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


def ask_for_sheets(ws: Workspace, server: Server, numbers: Sequence[int]) -> None:
    """Ask for sprite sheets of the whole review, a stretch of its own for each number."""
    review = reviews.get_review(ws.database, "round-1")
    ids = "-".join(str(key) for key in reviews.queue_of(ws.database, review.id))
    token = issue_token(ws, review=review, inspector="Ada")
    with httpx.Client(
        base_url=server.address, headers={"x-token": token}, timeout=PATIENCE
    ) as client, ThreadPoolExecutor(AT_ONCE) as threads:  # fmt: skip
        queries = ({"ids": ids, "size": 64, "black": -number / 1000} for number in numbers)
        for answer in threads.map(lambda query: client.get(f"{API}/sheet", params=query), queries):
            answer.raise_for_status()


def run_jobs(ws: Workspace, names: Sequence[str]) -> None:
    """Let the worker simulate small surveys."""
    spec = DemoSpec(count=20, size=24, bands=("r",))
    queued = {start_demo(ws, name=name, spec=spec).id for name in names}
    wait_until(lambda: not queued & {job.id for job in jobs.active(ws.database)}, seconds=30 * PATIENCE)
    ended = {job.id: job.state for job in jobs.recent(ws.database, limit=len(names))}
    if set(ended.values()) - {"done"}:
        raise SystemExit(f"Jobs ended otherwise than done: {ended}")


def held_by(ws: Workspace, server: Server) -> dict[str, float]:
    """Return what web process, worker and folder hold once the left sessions are forgotten."""
    time.sleep(TTL_SECONDS + 1)
    load(server, "home")  # Streamlit forgets the others when the next one is left
    web = psutil.Process(server.process.pid)
    workers = [one for one in web.children() if "worker" in one.cmdline()]
    worker = min(workers, key=psutil.Process.create_time)
    figures = Path(os.environ["YEAR_FIGURES"])
    figures.unlink(missing_ok=True)
    web.send_signal(signal.SIGUSR1)
    wait_until(figures.exists, seconds=PATIENCE)
    log = ws.folder / f"{DATABASE_FILE}-wal"
    return {
        "memory of the web process (MB)": web.memory_info().rss / 1e6,
        "memory of the worker (MB)": worker.memory_info().rss / 1e6,
        "file descriptors": web.num_fds(),
        "file descriptors of the worker": worker.num_fds(),
        "threads": web.num_threads(),
        "workers": len(workers),
        "write-ahead log (MB)": log.stat().st_size / 1e6 if log.exists() else 0.0,
        "logs (MB)": sum(file.stat().st_size for file in ws.folder.rglob("*.log")) / 1e6,
    } | json.loads(figures.read_text("utf-8"))


def marks(folder: Path, *, loads: int, sheets: int, works: int) -> Iterator[dict[str, float]]:
    """Yield what is held at the start, in the middle and at the end."""
    ws = full_workspace(folder / "workspace")
    os.environ["YEAR_FIGURES"] = str(folder / "figures.json")
    os.environ["STREAMLIT_SERVER_DISCONNECTED_SESSION_TTL"] = str(TTL_SECONDS)
    server = Server(ws.folder, worker=True, program=(str(WATCHED),))
    server.start()
    try:
        pages, numbers, job_numbers = itertools.cycle(PAGES), itertools.count(), itertools.count()
        for part in ((len(PAGES), 50, 1), *[(loads // 2, sheets // 2, works // 2)] * 2):
            asked = [next(pages) for _ in range(part[0])]
            names = [f"survey-{next(job_numbers)}" for _ in range(part[2])]
            with ThreadPoolExecutor(1) as beside, ThreadPoolExecutor(AT_ONCE) as threads:
                worked = beside.submit(run_jobs, ws, names)
                list(threads.map(lambda page: load(server, page), asked))
                ask_for_sheets(ws, server, [next(numbers) for _ in range(part[1])])
                worked.result()
            yield held_by(ws, server)
    finally:
        workers = psutil.Process(server.process.pid).children()
        server.kill()
        for worker in workers:
            worker.terminate()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="20 page loads, 100 sheets and 2 jobs.")
    parser.add_argument("--share", type=int, default=1, help="Do only one N-th of the full amount.")
    arguments = parser.parse_args()
    parts = {what: count // arguments.share for what, count in FULL.items()}
    if arguments.quick:
        parts = {"loads": 20, "sheets": 100, "works": 2}
    with tempfile.TemporaryDirectory() as folder:
        began = time.monotonic()
        taken = []
        for mark in marks(Path(folder), **parts):
            taken.append(mark)
            print(f"{time.monotonic() - began:5.0f} s: {mark}", file=sys.stderr)
        start, middle, end = taken
    print(
        f"{parts}, {time.monotonic() - began:.0f} s, load {os.getloadavg()[0]:.0f} of {os.cpu_count()} cores"
    )
    print(f"{'':<34}{'start':>10}{'middle':>10}{'end':>10}")
    for name in start:
        print(f"{name:<34}{start[name]:>10.1f}{middle[name]:>10.1f}{end[name]:>10.1f}")
    for name, goal in GOALS.items():
        figure = end[name] if name in AT_THE_END else end[name] - middle[name]
        what = f"{name}, {'at the end' if name in AT_THE_END else 'added by the second half'}"
        row = {"benchmark": "year", "figure": what, "unit": "", "ours": round(figure, 3)}
        print(json.dumps(row | {"peer": None, "ratio": None, "target": goal, "met": figure <= goal}))


if __name__ == "__main__":
    main()
