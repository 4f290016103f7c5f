"""Every sentence of the pages, in every language, side by side.

`locales/texts.toml` holds one table per text and one line per language in it, so that a missing translation is a gap
that can be seen. A text may carry `{names}`; `en_one` is the English sentence for a count of one.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Final

LANGUAGES: Final = ("en", "ko")
"""The languages every text exists in; the first is the one to fall back to."""

_PLACEHOLDER = re.compile(r"\{([a-z_]+)\}")


@dataclass(frozen=True, slots=True)
class Text:
    """One text in every language.

    Attributes:
        forms: language to sentence; `en_one` where English counts one differently.
        names: the placeholders that every form may use.
    """

    forms: Mapping[str, str]
    names: frozenset[str]

    def say(self, language: str, values: Mapping[str, object]) -> str:
        """Return the sentence in `language` with `values` in its places.

        Raises:
            KeyError: a placeholder has no value, which is a mistake in a page.
        """
        form = f"{language}_one" if values.get("n") == 1 and f"{language}_one" in self.forms else language
        return self.forms[form].format_map(values)


class Texts:
    """The catalogue.

    Raises:
        ValueError: a text lacks a language, or its languages name different placeholders.
    """

    def __init__(self, tables: Mapping[str, Mapping[str, str]]) -> None:
        self._texts = {key: _read(key, forms) for key, forms in tables.items()}

    def __contains__(self, key: object) -> bool:
        return key in self._texts

    def names(self) -> frozenset[str]:
        """Return the name of every text."""
        return frozenset(self._texts)

    def say(self, key: str, language: str, **values: object) -> str:
        """Return the text `key` in `language`.

        Raises:
            KeyError: there is no such text, or a placeholder has no value.
        """
        return self._texts[key].say(language, values)


def _read(key: str, forms: Mapping[str, str]) -> Text:
    if missing := [language for language in LANGUAGES if not forms.get(language)]:
        raise ValueError(f"{key} has no text in {', '.join(missing)}")
    if unknown := forms.keys() - {*LANGUAGES, *(f"{language}_one" for language in LANGUAGES)}:
        raise ValueError(f"{key} has texts in unknown languages: {', '.join(sorted(unknown))}")
    names = {language: frozenset(_PLACEHOLDER.findall(forms[language])) for language in LANGUAGES}
    if len(set(names.values())) != 1:
        raise ValueError(f"{key} names other placeholders in each language")
    return Text(dict(forms), names[LANGUAGES[0]])


@cache
def texts() -> Texts:
    """Return the catalogue of the pages, read once."""
    source = files("mapae.web.pages").joinpath("locales/texts.toml").read_text(encoding="utf-8")
    groups = tomllib.loads(source)
    return Texts({f"{group}.{name}": forms for group, table in groups.items() for name, forms in table.items()})
