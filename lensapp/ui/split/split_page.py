"""The split page: class balance and sky position of the parts, live as the sliders move."""

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from lensapp.core.errors import LensAppError
from lensapp.core.split.splits import LABELS, SplitSpec
from lensapp.services.data.demo import labelled_beside
from lensapp.services.data.filters import with_nonlenses_between
from lensapp.services.data.sources import is_labelled, ready_sources
from lensapp.services.split.datasets import freeze_split, name_to_come
from lensapp.services.split.known_lens_cut import KnownCut
from lensapp.services.split.part_sizes import too_few
from lensapp.services.split.previews import SplitPreview, preview_split
from lensapp.services.split.second_test import OF_SECOND_TEST
from lensapp.services.train.starter import install_starter
from lensapp.storage.records import Source
from lensapp.ui.shared.address import address, kept, open_address, several_of, span, text
from lensapp.ui.shared.filters import WHERE, ask_filter
from lensapp.ui.shared.forms import say_if_impossible, spec_fields, validated
from lensapp.ui.shared.markup import plain
from lensapp.ui.shared.page_head import current_round, lead_to_cutouts, page_head
from lensapp.ui.shared.state import get_workspace, go, say_what_stands_in, select, selected
from lensapp.ui.shared.widgets import (
    counted,
    empty_state,
    error_box,
    errors_shown,
    number,
    with_middle,
)
from lensapp.ui.split import figures
from lensapp.ui.split.folds_figure import show_folds
from lensapp.ui.split.known_lens_cut import choose_known_cut
from lensapp.ui.split.missing_class import offer_class
from lensapp.ui.split.versions import show_versions

DEFAULT_CUTS = (56, 70)
REMEDIES = {
    "without a label": "Networks learn from labelled cutouts only; these can still be scored and inspected. "
    "To add them, grade them in Inspect and feed the votes back under Catalogue.",
    "left out for balance": "Empty “Non-lenses per lens, at most” under “Groups, folds, seed” to keep them.",
    f"labelled {OF_SECOND_TEST!r}": "They show, or look like, what no training of this workspace may see; a "
    "lower near-duplicate tolerance under “Groups, folds, seed” keeps images that only look alike.",
}
TAKE_MIDDLE = "Take the middle of the larger cutouts"
MIDDLE_HELP = "Cutouts of a version have one size, here that of the smallest. Without it no version is made."
FRACTIONS = ("train", "validation", "test")
ASKED_ELSEWHERE = (*FRACTIONS, "where", "bands", "crop")


def show_split_page() -> None:
    """Show the parts of a split as its settings change, and the frozen versions."""
    stands = current_round()
    trains = stands.next_step.page == "train" and stands.next_step.starts is None
    page_head("Split", step="primary" if trains else "secondary", stands=stands)
    ready = ready_sources(get_workspace())
    if not ready:
        box = empty_state(
            "Nothing to split yet",
            "Class balance and sky positions of the training, validation and test parts appear here once "
            "labelled cutouts have been imported or simulated.",
            icon=":material/call_split:",
        )
        lead_to_cutouts(box, key="split-first")
        return
    labelled = [source.name for source in ready if is_labelled(get_workspace(), source)]
    if labelled:
        controls, picture = st.columns([1.3, 2.7], gap="large")
        with picture:
            parts, versions = st.container(), st.container()
        _show_split(controls, parts, {source.name: source for source in ready}, labelled, trains=trains)
        with versions:  # beside the form, which is as tall as the window
            show_versions()
    else:
        box = empty_state(
            "No source has labels yet",
            "A dataset version needs cutouts labelled lens and non-lens. Score them with the network that "
            "comes with the program, grade the best in Inspect and feed the votes back under Catalogue; or "
            "import a table with labels.",
            icon=":material/label_off:",
        )
        with box.container(horizontal=True, horizontal_alignment="center"):
            if st.button(
                "Score with the starter network",
                type="primary",
                icon=":material/rocket_launch:",
                key="split-score",
            ):
                go("score", run=install_starter(get_workspace()).name)
            if st.button("Import with labels", icon=":material/download:", key="split-import"):
                go("data")
        show_versions()


def _show_split(
    controls: DeltaGenerator,
    picture: DeltaGenerator,
    ready: dict[str, Source],
    labelled: list[str],
    *,
    trains: bool,
) -> None:
    """Show the form on the left, filter and parts on the right, groups of cutouts below.

    What freezes the settings stays in sight. It is not the coloured button once a
    version waits for a training, to which the next step `trains`.
    """
    with controls, st.container(key="split-form", gap="small"):
        fields = st.container(key="split-form-fields", gap="small")
        ending = st.container(key="split-form-start", gap="small")
    with fields:
        source_names = _choose_sources(ready, labelled)
    if not source_names:
        st.info("Choose at least one source.", icon=":material/call_split:")
        return
    used = [ready[name] for name in source_names]
    with picture:
        where, usable = ask_filter(get_workspace(), used, key="split-filter")
    with fields:
        spec, without, second = _choose_split(list(ready), used, where)
    if spec is None or not usable:
        return
    with ending:
        previewed = _preview(source_names, spec, without, second)
    if previewed is None:
        return
    spec, preview = previewed
    with picture:
        figures.show_balance(preview)
        _show_remarks(source_names, preview)
        _show_parts(preview)
    with ending:
        _show_what_is_frozen(preview)
        usual = name_to_come(get_workspace(), source_names, spec)
        name = _ask_to_freeze(preview, usual=usual, trains=trains)
    if name is not None:
        with ending, errors_shown():
            _freeze(source_names, spec, name, without, second)
    _show_groups(preview, {source.id: source.name for source in used})


def _show_groups(preview: SplitPreview, names: dict[int, str]) -> None:
    """Show the objects with both labels and the images that look alike, of sources with these names."""
    figures.show_groups(
        preview.conflicts,
        names,
        title=f"{counted(len(preview.conflicts), 'object')} with both labels",
        text="Cutouts less than 2″ apart, with the same pixels or, without positions, of the same ID, some "
        "labelled lens and some non-lens. As a rule one label is wrong; for a host with and without painted "
        "arcs both are right.",
    )
    figures.show_groups(
        preview.duplicate_groups,
        names,
        title=f"{counted(len(preview.duplicate_groups), 'group')} of near-duplicate images",
        text="They stay in one part, so that the test part holds no image seen in training.",
    )


def _preview(
    source_names: list[str], spec: SplitSpec, without: KnownCut | None, second: list[str]
) -> tuple[SplitSpec, SplitPreview] | None:
    """Return a split, with the middle of larger cutouts once that is asked for; None where it is refused."""

    def tried(asked: SplitSpec) -> tuple[SplitSpec, SplitPreview]:
        return asked, preview_split(
            get_workspace(), source_names=source_names, spec=asked, without=without, second_test=second
        )

    try:
        return with_middle(tried, spec, label=TAKE_MIDDLE, key="split-middle", help_text=MIDDLE_HELP)
    except LensAppError as error:
        error_box(error)
        return None


def _show_parts(preview: SplitPreview) -> None:
    """Show positions and magnitudes of the parts, and the folds where there are some."""
    if preview.magnitude_name:
        left, right = st.columns(2, gap="medium")
        with left:
            figures.show_sky_of_parts(preview)
        with right:
            figures.show_magnitudes(preview)
    else:
        figures.show_sky_of_parts(preview)
        figures.show_magnitudes(preview)
    if preview.fold_counts:
        show_folds([*preview.fold_counts.values()], preview.counts.get("test", {}), key="split-folds-scheme")
        st.caption(
            ":material/science: Each row is one training of a cross-validation, which shows how much the "
            "figures of a network scatter. Once the version is frozen, **Cross-validate** below starts it, "
            "and all networks are measured on the same folds. A single training does not use them."
        )


def _choose_sources(ready: dict[str, Source], labelled: list[str]) -> list[str]:
    """Ask for sources; first is the one selected, that with labels made beside it, or the newest of these."""
    current, names = ready.get(selected("source") or ""), list(ready)
    beside = None if current is None else labelled_beside(get_workspace(), current)
    wanted = [one.name for one in (current, beside) if one is not None and one.name in labelled]
    usual = [*wanted, *labelled][0]
    chosen = st.multiselect(
        "Sources",
        names,
        help="Sources with the same bands and pixel scale become one dataset; larger cutouts are cropped to "
        "their middle.",
        **kept("sources", several_of(names), [usual], key="split-sources"),
        select_all=False,
    )
    if current is not None and not wanted and chosen == [usual]:
        say_what_stands_in(current.name, usual, reason="no labels to split by")
    return chosen


def _choose_split(
    names: list[str], used: list[Source], where: str | None
) -> tuple[SplitSpec | None, KnownCut | None, list[str]]:
    """Return the split, known lenses to leave out and the second test part, as the controls say."""
    first, second = st.slider(
        "Parts (%)",
        1,
        99,
        **kept("parts", span(1, 99), DEFAULT_CUTS, key="split-cuts"),
        help="Training ends at the first handle, the test part begins at the second; between them lies the "
        "validation part. 56, 14 and 30 % are usual.",
    )
    st.caption(f"training {first} · validation {second - first} · test {100 - second} %")
    shared = [band for band in used[0].bands if all(band in source.bands for source in used)]
    rules = spec_fields(
        SplitSpec, key="split", only=("bands",), columns=1, offered={"bands": shared}, keep=""
    )
    with st.expander("Groups, folds, seed"):
        rules |= spec_fields(SplitSpec, key="split", skip=ASKED_ELSEWHERE, columns=1, keep="")
    parts = {"train": first / 100, "validation": (second - first) / 100, "test": (100 - second) / 100}
    others = [name for name in names if name not in {source.name for source in used}]
    asked = {"second_test", "without_known"}.intersection(st.query_params)
    with st.expander("Second test part, known lenses", expanded=bool(asked)):
        kept_apart = st.multiselect(
            "Second test part",
            others,
            **kept("second_test", several_of(others), [], key="split-second-test"),
            placeholder="none",
            help="Sources of known or real lenses on which every run is measured too; without labels all "
            "their cutouts are lenses. Once frozen, no training of this workspace takes their cutouts, or "
            "others of the same objects.",
        )
        without = choose_known_cut()
    return validated(SplitSpec, {**parts, **rules, "where": where}), without, kept_apart


def _show_remarks(source_names: list[str], preview: SplitPreview) -> None:
    """Show what a version leaves out, what it lacks, and what its parts are too small to measure."""
    lines, asides = [*preview.warnings], []
    for sentence in too_few(preview.counts):
        first, _, rest = sentence.partition(". ")
        lines.append(f"{first}.")
        asides.append(rest)
    if lines:
        listed = [f"- {plain(line)}" for line in lines] if len(lines) > 1 else [plain(lines[0])]
        st.warning("\n".join(listed), icon=":material/warning:")
        _offer_as_bright(preview)
    if asides:
        st.caption(":material/straighten: How many would do", help="\n\n".join(map(plain, asides)))
    for label in LABELS:
        if not any(part.get(label) for part in preview.counts.values()):
            offer_class(source_names, label)
    for reason, count in preview.left_out.items():
        st.caption(f"Left out: {counted(count, 'cutout')} {plain(reason)}. {REMEDIES.get(reason, '')}")
    for note in preview.notes:
        st.caption(f":material/info: {plain(note)}")


def _offer_as_bright(preview: SplitPreview) -> None:
    """Offer a filter that takes non-lenses as bright as the lenses, where they differ."""
    both, where = preview.brightness, " ".join(address().get(WHERE, []))
    if both is None or not preview.magnitude_name or not both.differs:
        return
    middle = both.lenses.lowest, both.lenses.highest
    wanted = with_nonlenses_between("", preview.magnitude_name, *middle)
    if wanted not in where:
        st.button(
            "Take non-lenses as bright as the lenses",
            icon=":material/filter_alt:",
            key="split-as-bright",
            on_click=open_address,
            args=(address() | {WHERE: [with_nonlenses_between(where, preview.magnitude_name, *middle)]},),
            help=f"The filter becomes {plain(wanted)}: the middle 80 % of the lenses' magnitudes.",
        )


def _show_what_is_frozen(preview: SplitPreview) -> None:
    """Show how many cutouts and groups a version would hold."""
    members = sum(sum(part.values()) for part in preview.counts.values())
    st.markdown(
        f"**{number(members)}** cutouts in **{number(preview.groups)}** groups",
        help="Cutouts of one object are a group and stay in one part. The largest group holds "
        f"{number(preview.largest_group)}.",
    )
    if preview.second is not None:
        lenses = int((preview.second["label"] == LABELS[0]).sum())
        st.markdown(
            f"**{number(len(preview.second['label']))}** more in the second test part, {number(lenses)} of "
            "them lenses."
        )
        st.caption("Freezing this is final: no training of this workspace will see them.")


def _ask_to_freeze(preview: SplitPreview, *, usual: str, trains: bool) -> str | None:
    """Show what freezes a version, called as `usual`; return its name, maybe empty, once it is pressed."""
    lacks_a_class = not all(sum(part[label] for part in preview.counts.values()) for label in LABELS)
    name = st.text_input(
        "Name of the version",
        placeholder=usual,
        help="Empty takes the name shown. The table of versions below says what it is made of.",
        **kept("name", text(), "", key="split-name"),
    )
    say_if_impossible(name)
    frozen = st.button(
        "Freeze this dataset version",
        key="split-freeze",
        icon=":material/lock:",
        type="secondary" if lacks_a_class or trains else "primary",  # what is missing comes first
        width="stretch",
    )
    st.caption("A frozen version never changes: its members are stored with a checksum, its test part stays.")
    return name.strip() if frozen else None


def _freeze(
    source_names: list[str], spec: SplitSpec, name: str, without: KnownCut | None, second: list[str]
) -> None:
    """Freeze a version, which the pages are about from then on."""
    dataset = freeze_split(
        get_workspace(),
        source_names=source_names,
        spec=spec,
        name=name or None,
        without=without,
        second_test=second,
    )
    select("dataset", dataset.name)
    if selected("source") not in source_names:  # the round goes on with what was frozen
        select("source", source_names[0])
    st.toast(f"{plain(dataset.name)} is frozen.", icon=":material/lock:")
    st.rerun()  # the next step is the coloured button now
