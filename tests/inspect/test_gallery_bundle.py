import re
from pathlib import Path

from lensapp.core.inspect.grades import CONTAMINANTS, KEYS
from lensapp.ui.gallery import bundle, component

CLIENT = Path(component.__file__).parent / "client"


def test_every_module_stands_after_those_it_imports() -> None:
    for place, name in enumerate(component.MODULES):
        imported = re.findall(r'from "\./(\w+)\.js"', (CLIENT / f"{name}.js").read_text("utf-8"))
        assert set(imported) <= set(component.MODULES[:place])
    assert {path.stem for path in CLIENT.glob("*.js")} == {*component.MODULES, "recall"}


def test_the_bundle_is_one_module_with_one_entrance() -> None:
    joined = bundle()
    assert "import " not in re.sub(r"//.*|/\*[\s\S]*?\*/", "", joined)
    assert re.findall(r"^export .*", joined, re.MULTILINE) == [
        "export default function mount({ data, parentElement, setTriggerValue }) {"
    ]
    names = re.findall(r"^const \{ (.*) \} = \(\(\) => \{", joined, re.MULTILINE)
    exported = [name for group in names for name in group.split(", ")]
    assert len(set(exported)) == len(exported)


def test_no_key_means_two_things() -> None:
    actions = re.search(r"const ACTIONS = \{(.*?)\n\};", (CLIENT / "keys.js").read_text("utf-8"), re.DOTALL)
    assert actions is not None
    taken = re.findall(r"^  '?([^:']+)'?:", actions.group(1), re.MULTILINE)
    keys = [*KEYS, *(one.key for one in CONTAMINANTS), *taken]
    assert len(set(keys)) == len(keys)


def test_the_legend_names_every_key() -> None:
    source = (CLIENT / "keys.js").read_text("utf-8")
    tables = re.findall(r"^const (?:ACTIONS|SHIFTED) = \{(.*?)\n\};", source, re.DOTALL | re.MULTILINE)
    plain, shifted = (re.findall(r"^  '?([^:' .]+)'?:", table, re.MULTILINE) for table in tables)
    legend = "".join(re.findall(r"\[\[.*?\],", source))
    shown = {"ArrowRight": "→", "ArrowLeft": "←", "ArrowDown": "↓", "ArrowUp": "↑", "Escape": "Esc", "-": "−"}
    shown |= {"PageDown": "Page Down", "PageUp": "Page Up"}
    unnamed = {"=", "r"}  # + without Shift; nothing happens
    missing = [key for key in plain if key not in unnamed and f"'{shown.get(key, key)}'" not in legend]
    assert missing + [key for key in shifted if f"'⇧ {key.upper()}'" not in legend] == []
