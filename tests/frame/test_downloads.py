"""Downloads that are made when they are asked for."""

import pytest
from streamlit.runtime.media_file_manager import MediaFileManager
from streamlit.runtime.media_file_storage import MediaFileStorageError
from streamlit.runtime.memory_media_file_storage import MemoryMediaFileStorage

from lensapp.core.acting import Actor, acting_as, current_actor
from lensapp.ui.shared import downloads


@pytest.fixture
def files() -> MediaFileManager:
    made = MediaFileManager(MemoryMediaFileStorage("/media"))
    downloads.keep_downloads(made)
    return made


def offer(files: MediaFileManager) -> str:
    return files.add_deferred(lambda: b"id,grade\n", "text/csv", "0.1", "sky.csv", element_id="export")


def cut_short(files: MediaFileManager) -> None:
    """Do what a run does that begins and ends without coming to the button."""
    files.clear_session_refs()
    files.remove_orphaned_files()


def test_a_click_while_the_page_runs_again_downloads_the_file(files):
    shown = offer(files)
    cut_short(files)
    address = files.execute_deferred(shown)
    for _ in range(3):  # runs of other people that end before the browser fetches it
        cut_short(files)
    fetched = files.read_file(address.rsplit("/", 1)[-1].split(".")[0])
    assert fetched is not None
    assert fetched.content == b"id,grade\n"


def test_a_file_is_made_in_the_name_of_who_was_shown_its_button(files):
    """Beside the page nobody is known: exports of a team were refused, others signed by the system."""
    with acting_as(Actor("Ada", "reader", account_id=7)):
        shown = files.add_deferred(lambda: str(current_actor()), "text/plain", "0.1", "who.txt")
    address = files.execute_deferred(shown)
    made = files.read_file(address.rsplit("/", 1)[-1].split(".")[0])
    assert b"name='Ada', role='reader', account_id=7" in made.content


def test_streamlit_itself_forgets_what_a_button_makes():
    plain = MediaFileManager(MemoryMediaFileStorage("/media"))  # if this fails, ours is no longer needed
    shown = offer(plain)
    cut_short(plain)
    with pytest.raises(MediaFileStorageError, match="not found"):
        plain.execute_deferred(shown)


def test_what_nobody_shows_any_more_is_forgotten_after_a_while(files, monkeypatch):
    shown, address = offer(files), files.execute_deferred(offer(files))
    cut_short(files)
    monkeypatch.setattr(downloads, "KEPT_SECONDS", -1.0)
    cut_short(files)
    cut_short(files)
    with pytest.raises(MediaFileStorageError, match="not found"):
        files.execute_deferred(shown)
    assert files.read_file(address.rsplit("/", 1)[-1].split(".")[0]) is None


def test_a_button_that_is_disabled_makes_nothing(files):
    shown = offer(files)
    files.remove_deferred("0.1", element_id="export")
    with pytest.raises(MediaFileStorageError, match="not found"):
        files.execute_deferred(shown)
