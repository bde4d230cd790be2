"""Colours of classes, parts and lines on dark and on white ground, for pages, reports and papers."""

# Okabe & Ito (2008), Color Universal Design. A class keeps its hue on every page; on white ground the
# darker of the two oranges and of the two blues is taken, for 3:1 contrast.
CLASS_COLOURS = {
    "dark": {"lens": "#e69f00", "nonlens": "#56b4e9", "unlabelled": "#999999"},
    "light": {"lens": "#d55e00", "nonlens": "#0072b2", "unlabelled": "#767676"},
}
PART_COLOURS = {  # none of the classes' hues
    "dark": {"train": "#009e73", "validation": "#f0e442", "test": "#cc79a7"},
    "light": {"train": "#007a59", "validation": "#8a7f00", "test": "#a8447f"},
}
HUES = 5  # of the colours of lines, the first ones, are told apart at a glance
LINE_COLOURS = {
    "dark": ("#56b4e9", "#e69f00", "#009e73", "#cc79a7", "#f0e442", "#d55e00", "#0072b2", "#999999"),
    "light": ("#0072b2", "#d55e00", "#009e73", "#a8447f", "#8a7f00", "#1f86bf", "#a86f00", "#666666"),
}
SCALES = {  # from low to high, parts of viridis whose ends are both told from the ground
    "dark": ("#26828e", "#1f9e89", "#35b779", "#6ece58", "#b5de2b", "#fde725"),
    "light": ("#1f9e89", "#26828e", "#31688e", "#3e4989", "#482878", "#440154"),
}
INK = {
    "dark": {"text": "#e8eaed", "faint": "#a7afb8", "grid": "#2a2f36", "ground": "#111316"},
    "light": {"text": "#1a1e23", "faint": "#59626c", "grid": "#e2e6ea", "ground": "#ffffff"},
}


def on_white() -> dict[str, str]:
    """Return the colour on white ground of each colour of the dark theme, by #rrggbb."""
    pairs = dict(zip(LINE_COLOURS["dark"], LINE_COLOURS["light"], strict=True))
    pairs |= zip(SCALES["dark"], SCALES["light"], strict=True)
    for colours in (CLASS_COLOURS, PART_COLOURS, INK):
        pairs |= {dark: colours["light"][name] for name, dark in colours["dark"].items()}
    return pairs
