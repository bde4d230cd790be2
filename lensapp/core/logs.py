"""Logs of the web app and the workers: files that rotate, in lines for people or, by a switch, as JSON."""

import json
import logging
import os
from contextlib import suppress
from datetime import UTC, datetime
from logging.handlers import RotatingFileHandler
from pathlib import Path

LOGGER = "lensapp"
FOLDER = "logs"
LARGEST_BYTES = 5_000_000
KEPT = 5
SWITCH = "LENSAPP_LOG"


class JsonLines(logging.Formatter):
    """One JSON object a line: time (UTC), level, logger, process, message and, of an error, its traceback."""

    def format(self, record: logging.LogRecord) -> str:
        """Return a record as a line."""
        told = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "process": record.process,
            "message": record.getMessage(),
        }
        if record.exc_info:
            told["traceback"] = self.formatException(record.exc_info)
        return json.dumps(told, ensure_ascii=False)


def keep_log(folder: Path, name: str, *, also: tuple[str, ...] = ()) -> logging.Handler | None:
    """Let this process write its log to `logs/NAME.log` in a workspace folder; six files of 5 MB at most.

    Parameters
    ----------
    also
        Loggers of libraries that belong into it.

    Returns
    -------
    The handler, or None where the folder cannot be written.
    """
    path = folder / FOLDER / f"{name}.log"
    try:
        path.parent.mkdir(exist_ok=True)
        handler = RotatingFileHandler(path, maxBytes=LARGEST_BYTES, backupCount=KEPT, encoding="utf-8")
    except OSError:
        return None
    if os.environ.get(SWITCH) == "json":
        handler.setFormatter(JsonLines())
    else:
        handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s %(message)s"))
    for one in (LOGGER, *also):
        logger = logging.getLogger(one)
        logger.addHandler(handler)
        logger.setLevel(min(logger.level or logging.INFO, logging.INFO))
    return handler


def turn_over(path: Path) -> None:
    """Put a file to which a process writes its output aside when it is large, before one begins anew."""
    with suppress(FileNotFoundError):
        if path.stat().st_size > LARGEST_BYTES:
            path.replace(path.with_name(f"{path.name}.1"))
