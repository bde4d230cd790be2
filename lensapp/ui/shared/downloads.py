"""Downloads whose files are made when they are asked for, also while their page is run again."""

import time
from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

from streamlit.runtime.media_file_manager import MediaFileManager
from streamlit.runtime.media_file_storage import MediaFileKind

from lensapp.core.acting import acting_as, current_actor

KEPT_SECONDS = 60.0


class PatientFiles(MediaFileManager):
    """Streamlit's store of files, which does not forget a download that is still on somebody's screen.

    Streamlit drops what makes a file when any run ends that did not come to its button: a run that another
    change cut short, or that of another person while this page is in the midst of one. The button still
    shows, and a click on it fails. Here what makes files, and the files made, stay for a while.

    A file is made beside the page, where nobody knows who pressed the button: it is made in the name of who
    was shown it.
    """

    _makers_since: dict[str, float]
    _files_since: dict[str, float]

    def add_deferred(self, data_callable: Callable[[], Any], *args: Any, **kwargs: Any) -> str:
        """Register what makes a file, to be called in the name of who looks at the page now."""
        actor = current_actor()

        def made() -> Any:
            with nullcontext() if actor is None else acting_as(actor):
                return data_callable()

        return super().add_deferred(made, *args, **kwargs)

    def _remove_orphaned_deferred_callables(self) -> None:
        in_use = {name for files in self._files_by_session_and_coord.values() for name in files.values()}
        for file_id in _long_unused(self._makers_since, self._deferred_callables.keys() - in_use):
            self._drop_deferred_id(file_id)

    def _get_inactive_file_ids(self) -> set[str]:
        unused = super()._get_inactive_file_ids()
        made = {name for name in unused if self._file_metadata[name].kind == MediaFileKind.DOWNLOADABLE}
        return (unused - made) | _long_unused(self._files_since, made)


def _long_unused(since: dict[str, float], unused: set[str]) -> set[str]:
    """Return those without use for KEPT_SECONDS; `since` remembers when each was first seen so."""
    now = time.monotonic()
    for name in since.keys() - unused:
        del since[name]
    return {name for name in unused if now - since.setdefault(name, now) > KEPT_SECONDS}


def keep_downloads(files: MediaFileManager) -> None:
    """Let the download buttons of an app answer while their pages are run again.

    Streamlit has made the store of files when an app starts, and hands it on: it cannot be replaced.
    """
    files.__class__ = PatientFiles
    files.__dict__.update(_makers_since={}, _files_since={})
