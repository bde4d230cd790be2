"""The ES modules of our components without a browser, in Node.js."""

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

from lensapp.ui.gallery.routes import MODULES
from support.requirements import lacking

SECONDS = 60


def run_node(*arguments: str, text: str = "") -> subprocess.CompletedProcess[str]:
    """Run `node`, or skip where it is absent."""
    node = shutil.which("node") or shutil.which("nodejs")
    if not node:
        lacking("node", "needs Node.js (Debian's package nodejs)")
    command = [node, *arguments]
    return subprocess.run(command, input=text, capture_output=True, text=True, check=False, timeout=SECONDS)


def evaluate(module: str, function: str, value: object = None, *, folder: Path = MODULES.folder) -> Any:
    """Return what a function of one of the modules of a client makes of a value.

    `function` is JavaScript that takes the module and the value, both of it and its result plain JSON.
    """
    address = (folder / f"{module}.js").as_uri()
    script = (
        f"import * as module from {json.dumps(address)};\n"
        "import { readFileSync } from 'node:fs';\n"
        f"const answer = ({function})(module, JSON.parse(readFileSync(0, 'utf8')));\n"
        "process.stdout.write(JSON.stringify(answer));\n"
    )
    done = run_node("--input-type=module", "--eval", script, text=json.dumps(value))
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)
