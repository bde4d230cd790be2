"""What Prometheus is told of a workspace; needs the extra prometheus-client."""

import shutil
import time
from collections.abc import Iterator

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from lensapp.services.care.disk import disk_use
from lensapp.storage.care.counts import count_for_monitor
from lensapp.storage.workspace import Workspace

STATES = ("queued", "running", "paused", "done", "failed", "cancelled")
DISK_SECONDS = 300.0


class WorkspaceMetrics(Collector):
    """Jobs by state, votes, workers and the room that is taken and left, as they are when asked for.

    The folder is walked every five minutes at most; on a shared disk that takes a while.
    """

    def __init__(self, ws: Workspace) -> None:
        self._ws = ws
        self._sizes: dict[str, int] = {}
        self._walked_at = -DISK_SECONDS

    def collect(self) -> Iterator[Metric]:
        """Yield the families.

        Raises
        ------
        StorageError
            When the database does not answer.
        """
        counts = count_for_monitor(self._ws.database)
        jobs = GaugeMetricFamily("lensapp_jobs", "Jobs by state.", labels=["state"])
        for state in STATES:
            jobs.add_metric([state], counts.jobs.get(state, 0))
        yield jobs
        yield CounterMetricFamily("lensapp_votes", "Votes cast, undone ones included.", value=counts.votes)
        yield GaugeMetricFamily("lensapp_workers_alive", "Workers heard of lately.", value=counts.workers)
        if counts.heartbeat_age_seconds is not None:
            text = "Seconds since any worker was heard of."
            yield GaugeMetricFamily(
                "lensapp_last_heartbeat_age_seconds", text, value=counts.heartbeat_age_seconds
            )
        yield from self._disk()

    def _disk(self) -> Iterator[Metric]:
        if time.monotonic() - self._walked_at >= DISK_SECONDS:
            self._sizes = {usage.kind: usage.bytes for usage in disk_use(self._ws).kinds}
            self._walked_at = time.monotonic()
        taken = GaugeMetricFamily("lensapp_disk_used_bytes", "Room taken by kind of file.", labels=["kind"])
        for kind, size in self._sizes.items():
            taken.add_metric([kind], size)
        yield taken
        free = shutil.disk_usage(self._ws.folder).free
        yield GaugeMetricFamily("lensapp_disk_free_bytes", "Room left on the workspace's disk.", value=free)
