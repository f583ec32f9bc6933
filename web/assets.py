"""Style, script and plotly's own script: files of the installed packages, nothing from elsewhere."""

from __future__ import annotations

import hashlib
from functools import cache
from importlib.util import find_spec
from pathlib import Path

_STATIC = Path(__file__).parent / "static"


@cache
def files() -> dict[str, tuple[Path, str]]:
    """Name → (file, content type) of everything under /static."""
    return {
        "kedge.css": (_STATIC / "kedge.css", "text/css"),
        "kedge.js": (_STATIC / "kedge.js", "text/javascript"),
        "icon.svg": (_STATIC / "icon.svg", "image/svg+xml"),
        "plotly.min.js": (_plotly(), "text/javascript"),
    }


def _plotly() -> Path:
    # Importing plotly takes a second; only where it lies is wanted.
    found = find_spec("plotly")
    if found is None or found.origin is None:
        raise RuntimeError("plotly is not installed: install Kedge again")
    return Path(found.origin).parent / "package_data" / "plotly.min.js"


@cache
def version() -> str:
    """Changes when any of the files does, so that browsers may keep them for ever."""
    digest = hashlib.sha256()
    for file, _type in files().values():
        digest.update(file.read_bytes())
    return digest.hexdigest()[:12]


@cache
def style() -> str:
    """The style sheet's text, for the one page that is shown before signing in."""
    return files()["kedge.css"][0].read_text(encoding="utf-8")
