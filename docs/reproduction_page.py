"""The page of the reproduction, from what its commands printed."""

import statistics
from typing import Any

from reproduction_cases import CASES, RECIPE, ROWS, SURVEYS, Case, Row, figure

GOAL = 0.9
PREAMBLE = """# Reproduction

What each document claims, what our implementation of its system gives on the demo survey, and how to read
the two. Made by `make reproduction` on two cores without a GPU, from `docs/reproduction.json`, where every
command that has run is kept: a killed run goes on. With a GPU give more epochs and make the surveys larger.

The demo survey is simulated and meant to be hard: a logistic regression on its central pixels reaches an
AUROC of 0.7 only, and 1 120 training cutouts, 224 of them lenses, are few. Figures on other data are not
comparable with it. Intervals are at 95 %, bootstrapped over the 600 test cutouts by objects of the sky;
figures of three seeds are their mean, with the standard deviation behind ±. Scatter is the mean standard
deviation of the score under four rotations. Networks are ranked only where three seeds were trained.
"""


def page(kept: dict[str, Any]) -> str:
    """Return the page in Markdown."""
    lines = [PREAMBLE, "```", *(f"python -m lensapp {command}" for command in SURVEYS), "```", ""]
    lines += networks(kept)
    for case in CASES:
        lines += section(case, kept)
    return "\n".join(lines).rstrip() + "\n"


def networks(kept: dict[str, Any]) -> list[str]:
    """Return the table of all networks on the demo survey."""
    lines = [
        "## Every network on the demo survey",
        "",
        "All from random weights with the recommended recipe, the best epoch by the AUROC of the validation "
        "part, and the budget that the row states.",
        "",
        "| network | document | options | epochs | processor s | AUROC | recall, < 10 false positives "
        "| scatter |",
        "|---" * 8 + "|",
    ]
    for row in ROWS:
        answers = answers_of(row, kept)
        options = f"`{row.settings}`" if row.settings else ""
        start = f"| `{row.network}` | {row.document} | {options} | {row.epochs} "
        if not answers:
            lines.append(f"{start}| – | {not_run(row.minutes)} | – | – |")
            continue
        seconds = [kept[row.commands(seed)[0]]["processor_seconds"] for seed in range(len(answers))]
        lines.append(
            f"{start}| {statistics.mean(seconds):.0f} | {spread(answers, 'auroc')} | "
            f"{spread(answers, 'tpr10')} | {statistics.mean(one['rotation_std'] for one in answers):.2%} |"
        )
    below = [row for row in ROWS if (answers := answers_of(row, kept)) and mean(answers, "auroc") < GOAL]
    missed = [f"- `{row.network}` {row.settings}: {row.note}" for row in below if row.note]
    if below:
        lines += ["", f"Below an AUROC of {GOAL:g} at these budgets, and why:", "", *missed]
    train, evaluate = ROWS[0].commands(0)
    example = ["", "The commands of a row, here of the first:", "", "```", f"python -m lensapp {train}"]
    return [*lines, *example, f"python -m lensapp {evaluate}", "```", ""]


def not_run(minutes: float | None) -> str:
    """Return why there is no figure: what it would take."""
    if minutes is None:
        return "not run"
    return f"not run: {minutes:.0f} processor minutes at this budget on two cores"


def answers_of(row: Row, kept: dict[str, Any]) -> list[Any]:
    """Return the evaluations of a row, one per seed that was trained at its budget and measured."""
    runs = [[kept.get(command, {}) for command in row.commands(seed)] for seed in range(row.seeds)]
    return [run[-1]["answer"] for run in runs if all("answer" in step for step in run)]


def mean(answers: list[Any], name: str) -> float:
    """Return the mean of a figure over seeds."""
    return statistics.mean(answer[name] for answer in answers)


def spread(answers: list[Any], name: str) -> str:
    """Return a figure with its interval, or the mean of several seeds with their scatter."""
    if len(answers) == 1:
        return figure(answers[0], name)
    values = [answer[name] for answer in answers]
    low = statistics.mean(answer["intervals"][name]["low"] for answer in answers)
    high = statistics.mean(answer["intervals"][name]["high"] for answer in answers)
    return f"{statistics.mean(values):.3f} ± {statistics.stdev(values):.3f} ({low:.3f}–{high:.3f})"


def section(case: Case, kept: dict[str, Any]) -> list[str]:
    """Return the lines of one case; what has not run says so."""
    done = [kept[one]["answer"] for one in case.commands if "answer" in kept.get(one, {})]
    whole = len(done) == len(case.commands)
    seconds = sum(kept.get(one, {}).get("processor_seconds", 0.0) for one in case.commands)
    lines = [f"## {case.document}", "", f"- **Claim.** {case.claim}."]
    for row in (row for row in ROWS if row.label in case.rows):
        answers = answers_of(row, kept)
        told = f"AUROC {spread(answers, 'auroc')}" if answers else not_run(row.minutes)
        if answers:
            told += f", scatter {mean(answers, 'rotation_std'):.2%}"
        lines.append(f"- **Ours**, `{row.network}` {row.settings}: {told}.")
    if case.figures is not None:
        told = case.figures(done) if whole else not_run(case.minutes)
        lines.append(f"- **Ours.** {told}")
    if case.reading and (whole and (case.commands or case.rows)):
        lines.append(f"- **Reading.** {case.reading}")
    if not case.commands:
        return [*lines, ""]
    shown = [f"python -m lensapp {one.replace(RECIPE, '…')}" for one in case.commands]
    return [*lines, f"- **Commands** ({seconds:.0f} processor seconds):", "", "```", *shown, "```", ""]
