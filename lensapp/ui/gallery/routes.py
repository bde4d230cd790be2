"""The gallery's HTTP routes, for `st.App(..., routes=ROUTES)`.

Votes and pixels do not pass through Streamlit's session: a burst of keys would lose votes there, and
pictures would wait for reruns. Each request carries a signed token in the header `x-token`; only the
client's own modules, which hold nothing of a survey, are served without.
"""

from dataclasses import asdict, astuple, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from starlette.datastructures import QueryParams
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from lensapp.services.inspect.consensus import retired_lately
from lensapp.services.inspect.gallery import OpenReview, open_review
from lensapp.services.inspect.parts import PartSpec, part_columns, part_of, sortable, why_blind
from lensapp.services.inspect.picked import review_of_picked
from lensapp.services.inspect.shares import next_task, share_shown
from lensapp.services.inspect.similar import (
    features_made_to_search,
    make_features_to_search,
    review_more_like,
)
from lensapp.services.inspect.surroundings import surroundings, why_nothing_around_candidate
from lensapp.services.inspect.team import agreement_of
from lensapp.services.inspect.tokens import Claims, read_token
from lensapp.services.inspect.votes import (
    ViewPost,
    VotePost,
    feedback_on,
    late_notice,
    marks_of,
    record_votes,
    save_view,
    shared_name_notice,
    view_for,
)
from lensapp.storage.records import Job
from lensapp.storage.workspace import Workspace
from lensapp.ui.gallery.answers import (
    LASTING,
    MOST_IDS,
    UNCOMPRESSED,
    Refusal,
    asked_display,
    asked_ids,
    asked_one,
    asked_size,
    authorised,
    posted,
)
from lensapp.ui.over_http import FRESH
from lensapp.ui.shared.client_modules import ClientModules
from lensapp.ui.shared.job_controls import fraction_done, progress_text

API = "/api/gallery"
MODULES = ClientModules(Path(__file__).parent / "client", f"{API}/client", ("mount", "mount_sheet"))


@dataclass(frozen=True)
class Call:
    """One authorised request: its review, in whose name, the query and the body."""

    opened: OpenReview
    claims: Claims
    query: QueryParams
    body: bytes


def _open(ws: Workspace, token: str, query: QueryParams, body: bytes) -> Call:
    claims = read_token(ws, token)
    return Call(open_review(ws, claims.review_id), claims, query, body)


_authorised = authorised(_open, name_of=lambda call: call.claims.inspector)


def _caching(call: Call) -> dict[str, str]:
    """Let browsers keep what was asked for by its present key, since it never changes."""
    return LASTING if call.query.get("key") == call.opened.picture_key else FRESH


def _id_bytes(ids: Any) -> Response:
    body = np.asarray(ids, "<i8").tobytes()
    return Response(body, media_type="application/octet-stream", headers=FRESH | UNCOMPRESSED)


@_authorised
def sheet(call: Call) -> Response:
    """Answer with a WebP sprite sheet of `ids` at about `size` pixels, stretched as DisplaySpec says."""
    ids, opened = asked_ids(call.query), call.opened
    size = asked_size(call.query, opened.source, len(ids))
    body = opened.sheet(ids, display=asked_display(call.query), size=size)
    return Response(body, media_type="image/webp", headers=_caching(call))


@_authorised
def raw(call: Call) -> Response:
    """Answer with companded pixels of `ids`: int32 (n, bands, rows, columns), then uint16 codes."""
    ids = asked_ids(call.query)
    body = call.opened.raw(ids, size=asked_size(call.query, call.opened.source, len(ids)))
    return Response(body, media_type="application/octet-stream", headers=_caching(call) | UNCOMPRESSED)


@_authorised
def values(call: Call) -> Response:
    """Answer with the values of the one cutout in `ids`: int32 (1, bands, rows, columns), then float32."""
    body = call.opened.values(asked_one(call.query))
    return Response(body, media_type="application/octet-stream", headers=_caching(call) | UNCOMPRESSED)


@_authorised
def queue(call: Call) -> Response:
    """Answer with all cutout ids of the review in order, little-endian int64."""
    return _id_bytes(call.opened.queue)


@_authorised
def part(call: Call) -> Response:
    """Answer with the ids that a filter leaves, in the order asked for, little-endian int64.

    The header `x-tells-scores` is 1 where filter or order tell scores.
    """
    values: dict[str, Any] = {name: call.query[name] for name in ("where", "sort") if call.query.get(name)}
    values["show"] = tuple(word for word in call.query.get("show", "").split(",") if word)
    values["highest_first"] = call.query.get("highest") == "1"
    asked = part_of(call.opened, PartSpec.parse(values), inspector=call.claims.inspector)
    answer = _id_bytes(asked.ids)
    answer.headers["x-tells-scores"] = "1" if asked.tells_scores else "0"
    return answer


@_authorised
def columns(call: Call) -> Response:
    """Answer with what the review may be filtered by: {"columns", "sortable", "why_blind"}."""
    named = part_columns(call.opened)
    answer = {
        "columns": [{"name": one.name, "unit": one.unit, "text": one.is_text} for one in named],
        "sortable": [one.name for one in sortable(call.opened, named)],
        "why_blind": why_blind(call.opened),
    }
    return JSONResponse(answer, headers=FRESH)


@_authorised
def share(call: Call) -> Response:
    """Answer with the ids that the inspector is asked to grade, little-endian int64; all without a share."""
    own = share_shown(call.opened, call.claims.inspector)
    return _id_bytes(call.opened.queue if own is None else own)


@_authorised
def task(call: Call) -> Response:
    """Answer with the review that waits for the inspector next, {"review", "left"}, or with {}."""
    opened = call.opened
    following = next_task(opened.workspace, inspector=call.claims.inspector, after=opened.review.name)
    return JSONResponse({} if following is None else asdict(following), headers=FRESH)


@_authorised
def retired(call: Call) -> Response:
    """Answer with the ids that need no more votes, little-endian int64."""
    opened = call.opened
    return _id_bytes(opened.shown_ids(retired_lately(opened.workspace, opened.review).tolist()))


@_authorised
def around(call: Call) -> Response:
    """Answer with pictures of what lies around the one cutout in `ids`; see `surroundings`."""
    return JSONResponse(
        surroundings(call.opened, asked_one(call.query), display=asked_display(call.query)), headers=FRESH
    )


@_authorised
def candidates(call: Call) -> Response:
    """Answer with names and positions of `ids`; with scores when `scores=1`, known lenses when `known=1`.

    With `alone=1` each comes with why nothing can be shown around it, "" where something can.
    """
    rows = call.opened.facts(
        asked_ids(call.query),
        inspector=call.claims.inspector,
        with_scores=call.query.get("scores") == "1",
        with_known=call.query.get("known") == "1",
    )
    if call.query.get("alone") == "1":
        rows = [row | {"alone": why_nothing_around_candidate(call.opened, row["id"])} for row in rows]
    return JSONResponse(rows, headers=FRESH)


@_authorised
def post_votes(call: Call) -> Response:
    """Store votes {"client", "ops"}; answer {"seq"}, the last one stored. A repetition changes nothing.

    Other votes under running numbers that are stored answer 409 with these numbers, {"taken"}. `late` says
    that the review was closed before, so that the votes do not count, `shared` that another browser votes
    under the same name. Where the review gives inspectors feedback at once, `feedback` lists the blind tests
    among them.
    """
    post = VotePost.parse(posted(call.body, what="votes"))
    opened = call.opened
    last = record_votes(opened.workspace, review=opened.review, inspector=call.claims.inspector, post=post)
    feedback = feedback_on(opened, post)
    late = late_notice(opened.workspace, opened.review.id) if post.ops else None
    shared = shared_name_notice(
        opened.workspace, review=opened.review, inspector=call.claims.inspector, post=post
    )
    more = {"feedback": feedback, "late": late, "shared": shared}
    answer = {"seq": last} | {name: value for name, value in more.items() if value}
    return JSONResponse(answer, headers=FRESH)


@_authorised
def get_votes(call: Call) -> Response:
    """Answer with the inspector's marks: {cutout id: [grade, contaminant, seconds spent, comment, star]}."""
    opened = call.opened
    marks = marks_of(opened.workspace, review=opened.review, inspector=call.claims.inspector)
    shown_ids = opened.shown_ids(list(marks))
    values = {key: list(astuple(mark)) for key, mark in zip(shown_ids, marks.values(), strict=True)}
    return JSONResponse(values, headers=FRESH)


@_authorised
def more_like(call: Call) -> Response:
    """Make, or find, the review of the candidates most alike {"id"}; answer {"review": NAME}."""
    return JSONResponse({"review": review_more_like(call.opened, _posted_id(call)).name}, headers=FRESH)


@_authorised
def make_features(call: Call) -> Response:
    """Queue the features that the search for more like {"id"} needs; answer as `features` does."""
    return _told_of(make_features_to_search(call.opened, _posted_id(call)))


@_authorised
def features(call: Call) -> Response:
    """Answer how far the features of the source of the one in `ids` are: {"state", "words"}."""
    return _told_of(features_made_to_search(call.opened, asked_one(call.query)))


def _posted_id(call: Call) -> int:
    shown_id = posted(call.body, what="a candidate").get("id")
    if type(shown_id) is not int:
        raise Refusal(400, f"{shown_id!r} is not the id of a candidate. Reload the page.")
    return shown_id


def _told_of(job: Job | None) -> Response:
    """Answer with the state of a job, "none" for none, and how far it is in words."""
    if job is None:
        return JSONResponse({"state": "none", "words": ""}, headers=FRESH)
    done = f"{100 * fraction_done(job):.0f} %" if job.state == "running" and fraction_done(job) else ""
    words = " · ".join(filter(None, (done, progress_text(job))))
    return JSONResponse({"state": job.state, "words": words}, headers=FRESH)


@_authorised
def picked(call: Call) -> Response:
    """Make, or find, the review of candidates {"ids"}; answer {"review": NAME}."""
    ids = posted(call.body, what="candidates").get("ids")
    if not isinstance(ids, list) or not 1 <= len(ids) <= MOST_IDS or any(type(one) is not int for one in ids):
        raise Refusal(400, f"Pick 1 to {MOST_IDS} candidates. Reload the page.")
    return JSONResponse({"review": review_of_picked(call.opened, ids).name}, headers=FRESH)


@_authorised
def put_view(call: Call) -> Response:
    """Keep how and where the inspector looks: {"settings", "last", "changed"}."""
    post, opened = ViewPost.parse(posted(call.body, what="a view")), call.opened
    save_view(opened.workspace, review=opened.review, inspector=call.claims.inspector, post=post)
    return JSONResponse({}, headers=FRESH)


@_authorised
def agreement(call: Call) -> Response:
    """Answer with Cohen's kappa of the inspector with each other: [{"inspector", "kappa", "candidates"}]."""
    opened = call.opened
    pairs = agreement_of(opened.workspace, opened.review, inspector=call.claims.inspector)
    return JSONResponse(pairs, headers=FRESH)


@_authorised
def get_view(call: Call) -> Response:
    """Answer with how and where the inspector looked last, on any machine."""
    opened = call.opened
    view = view_for(opened.workspace, review=opened.review, inspector=call.claims.inspector)
    return JSONResponse(view.saved(), headers=FRESH)


ROUTES = [
    MODULES.route(),
    Route(f"{API}/labels", post_votes, methods=["POST"]),
    Route(f"{API}/labels", get_votes, methods=["GET"]),
    Route(f"{API}/view", put_view, methods=["POST"]),
    Route(f"{API}/view", get_view, methods=["GET"]),
    Route(f"{API}/alike", more_like, methods=["POST"]),
    Route(f"{API}/features", make_features, methods=["POST"]),
    Route(f"{API}/features", features),
    Route(f"{API}/agreement", agreement),
    Route(f"{API}/picked", picked, methods=["POST"]),
    Route(f"{API}/sheet", sheet),
    Route(f"{API}/raw", raw),
    Route(f"{API}/values", values),
    Route(f"{API}/queue", queue),
    Route(f"{API}/share", share),
    Route(f"{API}/task", task),
    Route(f"{API}/part", part),
    Route(f"{API}/columns", columns),
    Route(f"{API}/retired", retired),
    Route(f"{API}/candidates", candidates),
    Route(f"{API}/around", around),
]
