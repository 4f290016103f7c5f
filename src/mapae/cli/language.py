"""Which language the command line speaks: MAPAE_LANG, then LC_ALL, LC_MESSAGES, LANG; English or Korean."""

from __future__ import annotations

import os
from typing import Literal

Language = Literal["en", "ko"]


def language() -> Language:
    """Return the language the caller's environment asks for, English where it asks for none of ours."""
    for variable in ("MAPAE_LANG", "LC_ALL", "LC_MESSAGES", "LANG"):
        if wanted := os.environ.get(variable):
            return "ko" if wanted.lower().startswith("ko") else "en"
    return "en"


def say(en: str, ko: str) -> str:
    """Return the text in the caller's language."""
    return ko if language() == "ko" else en
