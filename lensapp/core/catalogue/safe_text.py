"""Text cells of exported tables: one line each, never a formula, and restored exactly.

Two rules, both reversible:

* `escape`: a backslash becomes two; control characters, and blanks at either end, become the escapes of
  Python's string literals (backslash n, backslash x20 …), because readers of CSV, FITS and XML trim,
  normalise or refuse them.
* `neutralise`: a text that a spreadsheet would take for a formula gets an apostrophe in front, and so
  does a text that begins with an apostrophe, so that removing one restores every text.

References
----------
OWASP, "CSV Injection": cells that begin with =, +, -, @, tab or carriage return.
"""

import re
import unicodedata

FORMULA_STARTS = "=+-@＝＋－＠\t\r\n"
_PROTECTED = re.compile(rf"^\s*[{re.escape(FORMULA_STARTS)}]|^'")
_ENDS = re.compile(r"^\s|\s$")
_ESCAPED = re.compile(r"\\(\\|n|r|t|x[0-9a-f]{2}|u[0-9a-f]{4}|U[0-9a-f]{8})")
_SHORT = {"\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t"}
_LONG = {short[1]: character for character, short in _SHORT.items()}
# Control, surrogate, private, unassigned and line-separating characters.
_UNSAFE_CATEGORIES = ("Cc", "Cs", "Co", "Cn", "Zl", "Zp")


def escape(text: str, *, ascii_only: bool = False) -> str:
    """Return `text` as one line without control characters; `ascii_only` escapes the rest beyond ASCII."""
    if text.isascii() and text.isprintable() and "\\" not in text and not _ENDS.search(text):
        return text
    return "".join(
        character_escape(character)
        if character == "\\"
        or (ascii_only and not character.isascii())
        or unicodedata.category(character) in _UNSAFE_CATEGORIES
        or (position in (0, len(text) - 1) and character.isspace())
        else character
        for position, character in enumerate(text)
    )


def character_escape(character: str) -> str:
    """Return the escape of a character in Python's string literals."""
    if character in _SHORT:
        return _SHORT[character]
    number = ord(character)
    if number < 0x100:
        return f"\\x{number:02x}"
    return f"\\u{number:04x}" if number < 0x10000 else f"\\U{number:08x}"


def unescape(text: str) -> str:
    """Return what `escape` was given."""
    return _ESCAPED.sub(lambda match: _LONG.get(match[1]) or chr(int(match[1][1:], 16)), text)


def neutralise(text: str) -> str:
    """Return `text`, with an apostrophe in front where a spreadsheet might compute it."""
    return "'" + text if _PROTECTED.match(text) else text


def restore(text: str) -> str:
    """Return what `neutralise` was given."""
    return text[1:] if text.startswith("'") else text
