"""Where people may be sent on to: pages of this origin, and nowhere else."""

from __future__ import annotations

import re

_LOCAL_PATH = re.compile(r"/(?![/\\])[!-\[\]-~]{0,1023}")


def local_path(text: str) -> str:
    """Return `text` when it is a path of this origin, and else the empty text: nobody is sent elsewhere from here."""
    return text if _LOCAL_PATH.fullmatch(text) else ""
