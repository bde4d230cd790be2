"""How far inspectors agree in words: one sentence that says what it means, then the figures behind it."""

import math
from collections.abc import Sequence

from lensapp.core.inspect.agreement import Alpha
from lensapp.core.inspect.consensus_doubts import LEAST_ALPHA
from lensapp.core.inspect.pace import LEAST_SECONDS
from lensapp.core.numerals import fixed
from lensapp.services.inspect.team import Pair, Team
from lensapp.ui.shared.markup import plain, plain_all
from lensapp.ui.shared.widgets import counted, number

TENTATIVE_ALPHA, FIRM_ALPHA = 0.667, 0.8
LEAST_COMMON = 5  # candidates: κ of fewer is hardly more than a coin's
NO_KAPPA = f"fewer than {LEAST_COMMON} candidates in common, or one grade throughout"
WIDE_INTERVAL = 0.4  # wider than the limits above lie apart: few candidates, of which little can be said
WHAT_IS_LENS = "A grade of A or B says lens, of C or X non-lens."
ALPHA_HELP = (
    f"{WHAT_IS_LENS} Of α, 1 is full agreement, 0 is chance; the interval is a bootstrap over candidates. "
    "Krippendorff (2004, "
    f"Content Analysis, chapter 11) draws tentative conclusions from {TENTATIVE_ALPHA} on, firm ones from "
    f"{FIRM_ALPHA} on; up to {LEAST_ALPHA} Landis & Koch (1977) call agreement slight."
)
WHAT_DIFFERS = (
    "α (all inspectors) counts A against X as worse than A against B, κ (a pair) only equal grades: near "
    "misses lift α above κ."
)


def agreement_in_a_sentence(team: Team) -> str:
    """Return how well inspectors agree and what that allows, in one reading."""
    shared = team.shared
    if not shared.candidates:
        return "**No candidate has two votes yet**: how far inspectors agree is not known."
    same = f"the same grade on {number(shared.same_grade)} of {counted(shared.candidates, 'candidate')}"
    split = (
        f"they differ on lens or not on {number(shared.split)}"
        if shared.split
        else "they never differ on lens or not"
    )
    if math.isnan(team.alpha.value):
        return f"**{_who(team)} gave one grade throughout**: of agreement beyond chance that says nothing."
    settle = f"look at the {number(shared.candidates - shared.same_grade)} graded differently"
    if shared.split:
        settle = (
            f"settle the {number(shared.split)} split ones" if shared.split > 1 else "settle the split one"
        )
    how_well, meaning = _verdict(team.alpha.value, settle)
    hasty = [record.name for record in team.inspectors if 2 * record.hasty > record.graded]
    if team.alpha.value > LEAST_ALPHA and hasty:
        meaning = (
            f"That says little, and allows no labels: nobody judges a picture in less than {LEAST_SECONDS} s "
            f"({plain_all(hasty)})."
        )
    doubt = ""
    if team.alpha.high - team.alpha.low > WIDE_INTERVAL:
        doubt = " So few candidates leave it uncertain."
    return f"**{_who(team)} {how_well}**: {same}; {split}. {meaning}{doubt}"


def _who(team: Team) -> str:
    names = [plain(record.name) for record in team.inspectors]
    return " and ".join(names) if len(names) == 2 else "Inspectors"


def _verdict(alpha: float, settle: str) -> tuple[str, str]:
    """Return how well inspectors agree by the limits that Krippendorff proposes, and what that allows."""
    if alpha >= FIRM_ALPHA:
        return "agree well", "Their consensus can become labels."
    if alpha >= TENTATIVE_ALPHA:
        return "mostly agree", f"Enough for tentative conclusions: {settle} before votes become labels."
    if alpha > LEAST_ALPHA:
        return "agree in part", f"Enough to rank candidates, not for labels: {settle} together first."
    return (
        "agree hardly more than by chance",
        "Their consensus says little: agree on examples of each grade, then grade anew.",
    )


def alpha_text(alpha: Alpha) -> str:
    """Return Krippendorff's alpha in figures."""
    if math.isnan(alpha.value):
        shared = counted(alpha.units, "shared candidate")
        return f"Krippendorff's α is undefined: all votes on {shared} are the same."
    return (
        f"**Krippendorff's α = {fixed(alpha.value)}** ({fixed(alpha.low)} to {fixed(alpha.high)}), ordinal, "
        f"on {counted(alpha.units, 'candidate')} with two votes or more"
    )


def why_no_kappa(pair: Pair) -> str:
    """Return why a pair of inspectors has no κ that says something; empty where it has one."""
    if pair.candidates < LEAST_COMMON:
        return f"fewer than {LEAST_COMMON} candidates in common"
    return "one grade throughout" if math.isnan(pair.kappa) else ""


def kappa_text(pair: Pair) -> str:
    """Return Cohen's kappa of the only pair of inspectors in words: a figure would hold one number."""
    pairs = plain_all([pair.first, pair.second])
    if why := why_no_kappa(pair):
        return f"Cohen's κ of {pairs} is not given: {why} (n = {number(pair.candidates)})."
    return (
        f"**Cohen's κ = {fixed(pair.kappa)}** ({fixed(pair.low)} to {fixed(pair.high)}) of {pairs}, on "
        f"{counted(pair.candidates, 'candidate')} graded by both"
    )


def figures_text(team: Team) -> str:
    """Return α, and κ of an only pair, in a line each, and in a third line why the two differ."""
    lines: Sequence[str] = [alpha_text(team.alpha), *map(kappa_text, team.pairs[: len(team.pairs) == 1])]
    return "  \n".join([*lines, f":small[{WHAT_DIFFERS}]"])
