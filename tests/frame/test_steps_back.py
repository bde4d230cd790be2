"""One step of a reader is one step of the browser's Back, and leads to the page as it was left."""

from pathlib import Path

from lensapp.ui.shared import client_modules
from support.node import evaluate

FOLDER = Path(client_modules.__file__).parent
HISTORY = """({ inSteps }, steps) => {
  const entries = ['http://app/experiments'];
  let [at, calls, tops] = [0, [], []];
  const location = {
    get href() { return entries[at]; },
    get pathname() { return new URL(entries[at]).pathname; },
  };
  const whole = (url) => String(new URL(url, entries[at]));
  const history = {
    pushState(state, title, url) { entries.splice(at + 1, Infinity, whole(url)); at += 1; },
    replaceState(state, title, url) { entries[at] = whole(url); },
  };
  const { acted, wentBack } = inSteps(history, location, {
    later: (call) => calls.push(call), opened: () => tops.push(location.pathname),
  });
  for (const [what, url] of steps) {
    if (what === 'acts') acted();
    if (what === 'waits') { const due = calls; calls = []; for (const call of due) call(); }
    if (what === 'back') { at -= 1; wentBack(); }
    if (what === 'tops') return tops;
    if (what === 'address') history.pushState({}, '', url);
  }
  return entries.map((entry) => entry.replace('http://app', ''));
}"""


def entries(*steps: tuple[str, ...]) -> list[str]:
    """Return the browser's entries after what a reader does and what becomes of the address."""
    found: list[str] = evaluate("steps_back", HISTORY, steps, folder=FOLDER)
    return found


def test_what_is_left_keeps_its_own_address_when_that_of_the_next_page_is_written_first() -> None:
    assert entries(
        ("acts",), ("address", "/experiments?epochs=7"), ("waits",),
        ("acts",), ("address", "/experiments?run=a"), ("address", "/experiments?run=a&source=b"),
        ("address", "/train?run=a&source=b"), ("waits",),
    ) == ["/experiments", "/experiments?epochs=7", "/train?run=a&source=b"]  # fmt: skip


def test_what_a_page_adds_to_its_address_while_it_is_drawn_is_no_step() -> None:
    assert entries(
        ("address", "/experiments?dataset=d"), ("acts",), ("address", "/train"), ("address", "/train?run=a"),
        ("waits",), ("acts",), ("address", "/train?run=b"), ("waits",),
    ) == ["/experiments?dataset=d", "/train?run=a", "/train?run=b"]  # fmt: skip


def test_a_change_just_before_the_page_is_left_is_a_step_of_its_own() -> None:
    assert entries(
        ("acts",), ("address", "/experiments?epochs=7"), ("acts",), ("address", "/experiments?run=a"),
        ("address", "/train?run=a"),
    ) == ["/experiments", "/experiments?epochs=7", "/train?run=a"]  # fmt: skip


def test_who_goes_back_before_a_step_is_taken_does_not_take_it_afterwards() -> None:
    assert entries(
        ("acts",), ("address", "/train"), ("acts",), ("address", "/train?run=b"), ("back",), ("waits",)
    ) == ["/experiments", "/train?run=b"]


def test_a_page_begins_at_its_top_when_it_is_opened_and_not_by_back() -> None:
    assert entries(
        ("acts",), ("address", "/experiments?epochs=7"), ("waits",), ("acts",), ("address", "/train"),
        ("back",), ("tops",),
    ) == ["/train"]  # fmt: skip
