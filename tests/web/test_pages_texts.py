"""The words of the pages: all of them in both languages, none of them anywhere but in the catalogue."""

import re
from html.parser import HTMLParser
from importlib.resources import files
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jinja2 import Environment

from mapae.accounts.passwords import PasswordPolicy
from mapae.errors import PasswordRefused
from mapae.web.pages.languages import choose_language
from mapae.web.pages.moments import ago, duration, moment, moment_text
from mapae.web.pages.page import FLASHES, environment, marked
from mapae.web.pages.texts import LANGUAGES, Texts, texts

PAGES = Path(str(files("mapae.web.pages")))
TEMPLATES = sorted(path.name for path in (PAGES / "templates").glob("*.html"))
SENTENCE = re.compile(r"[^.!?]*[.!?](?=\s|$)")
SPOKEN_ATTRIBUTES = {"alt", "title", "aria-label", "placeholder", "data-show", "data-hide", "content"}
NOT_SPOKEN = {"width=device-width, initial-scale=1", "noindex"}


def sources() -> str:
    return "\n".join(
        path.read_text(encoding="utf-8") for ending in ("py", "html") for path in PAGES.rglob(f"*.{ending}")
    )


def test_every_text_is_there_in_every_language():
    for key in sorted(texts().names()):
        for language in LANGUAGES:
            values = dict.fromkeys(("n", "when", "most", "field", "device", "limit"), 2)
            assert texts().say(key, language, **values).strip(), (key, language)


@pytest.mark.parametrize(
    ("forms", "why"),
    [
        ({"en": "Sign in"}, "no text in ko"),
        ({"en": "Sign in", "ko": ""}, "no text in ko"),
        ({"en": "In {n} days", "ko": "며칠 뒤"}, "other placeholders"),
        ({"en": "Sign in", "ko": "로그인", "fr": "Connexion"}, "unknown languages"),
    ],
)
def test_a_text_with_a_gap_stops_the_start(forms, why):
    with pytest.raises(ValueError, match=why):
        Texts({"sign_in.title": forms})


def test_korean_sentences_are_polite_throughout():
    for key in sorted(texts().names()):
        spoken = texts().say(key, "ko", n=2, when="", most=2, field="", device="", limit=2)
        for sentence in SENTENCE.findall(spoken):
            assert re.search(r"(요|니다)[.!?]$", sentence.strip()), (key, sentence)


def test_a_count_of_one_is_said_as_one():
    assert texts().say("ago.days", "en", n=1) == "yesterday"
    assert texts().say("ago.days", "ko", n=1) == "어제"
    assert texts().say("duration.minutes", "en", n=1) == "1 minute"
    assert texts().say("duration.minutes", "ko", n=1) == "1분"


def test_every_text_is_used_and_every_used_text_exists():
    source = sources()
    named = set(re.findall(r'\b(?:t|say)\(\s*"([a-z_]+\.[a-z_]*[a-z])"', source))
    assert named - texts().names() == set()
    built = {prefix for prefix in re.findall(r'"?([a-z_]+\.[a-z_]*)(?:"\s*~|\{)', source) if prefix.count(".") == 1}
    unused = {key for key in texts().names() - named if not any(key.startswith(prefix) for prefix in built)}
    assert unused == set()


def test_every_flash_has_its_words():
    assert {f"flash.{name}" for name in FLASHES} == {key for key in texts().names() if key.startswith("flash.")}


@pytest.mark.parametrize(
    "password",
    [
        "short",
        "x" * 2000,
        "\ud800" * 20,
        "abababababababababab",
        "12345678901234567890",
        "password password",
        "jane@example.com",
    ],
)
def test_every_reason_to_refuse_a_password_has_its_own_words(password):
    with pytest.raises(PasswordRefused) as refused:
        PasswordPolicy().check(password, context=("Mapae", "jane@example.com", "Jane"))
    assert f"new_password.{refused.value.why}" in texts()


class Words(HTMLParser):
    """Collects what a reader would see or hear of a template whose expressions have been taken out."""

    def __init__(self):
        super().__init__()
        self.found: list[str] = []
        self.silent = 0

    def handle_starttag(self, tag, attrs):
        self.silent += tag in {"script", "style"}
        self.found += [
            value for name, value in attrs if name in SPOKEN_ATTRIBUTES and value not in NOT_SPOKEN and value
        ]

    def handle_endtag(self, tag):
        self.silent -= tag in {"script", "style"}

    def handle_data(self, text):
        if not self.silent:
            self.found.append(text)


@pytest.mark.parametrize("name", TEMPLATES)
def test_no_template_has_words_of_its_own(name):
    source = (PAGES / "templates" / name).read_text(encoding="utf-8")
    for hole in (r"\{#.*?#\}", r"\{%.*?%\}", r"\{\{.*?\}\}"):
        source = re.sub(hole, "", source, flags=re.DOTALL)
    reader = Words()
    reader.feed(source)
    assert [text for text in reader.found if re.search(r"[^\W\d_]", text) and "url=" not in text] == []


def test_every_template_compiles_once_and_escapes_what_it_is_given():
    made: Environment = environment()
    assert environment() is made
    assert set(made.list_templates()) >= set(TEMPLATES)
    assert made.from_string("{{ name }}").render(name="<script>") == "&lt;script&gt;"


@pytest.mark.parametrize(
    ("asked", "remembered", "accept", "chosen"),
    [
        (None, None, "", "en"),
        (None, None, "ko-KR,ko;q=0.9,en;q=0.8", "ko"),
        (None, None, "fr, en;q=0.3, ko;q=0.7", "ko"),
        (None, None, "ko;q=0, en;q=0.1", "en"),
        (None, None, "ko;q=nan, ko;q=x, ;;;,", "en"),
        (None, "ko", "en", "ko"),
        ("en", "ko", "ko", "en"),
        ("fr", "xx", "ko", "ko"),
    ],
)
def test_the_language_is_what_is_asked_for_then_remembered_then_preferred(asked, remembered, accept, chosen):
    assert choose_language(asked, remembered=remembered, accept_language=accept, offered=("en", "ko")) == chosen


@pytest.mark.slow
@given(st.text())
def test_any_accept_language_gives_a_language(accept):
    assert choose_language(None, remembered=None, accept_language=accept, offered=("ko",)) == "ko"


@pytest.mark.parametrize(
    ("seconds", "en", "ko"),
    [
        (0, "1 second", "1초"),
        (59, "59 seconds", "59초"),
        (60, "1 minute", "1분"),
        (61, "2 minutes", "2분"),
        (600, "10 minutes", "10분"),
        (3601, "2 hours", "2시간"),
        (90 * 86_400, "90 days", "90일"),
    ],
)
def test_a_wait_is_rounded_up(seconds, en, ko):
    assert (duration(seconds, "en"), duration(seconds, "ko")) == (en, ko)


@pytest.mark.parametrize(
    ("seconds", "en", "ko"),
    [
        (-5, "just now", "방금"),
        (59, "just now", "방금"),
        (60, "1 minute ago", "1분 전"),
        (3 * 3600 + 100, "3 hours ago", "3시간 전"),
        (86_400, "yesterday", "어제"),
        (9 * 86_400, "9 days ago", "9일 전"),
    ],
)
def test_the_past_is_rounded_down(seconds, en, ko):
    now_ms = 1_800_000_000_000
    assert (ago(now_ms - seconds * 1000, now_ms, "en"), ago(now_ms - seconds * 1000, now_ms, "ko")) == (en, ko)


def test_a_moment_is_written_in_koreas_time_with_its_offset_and_in_utc():
    at_ms = 1_795_419_660_000  # 2026-11-23T07:41:00Z
    assert moment_text(at_ms, "ko") == "2026. 11. 23. 오후 4:41 (UTC+9)"
    assert moment_text(at_ms, "en") == "23 Nov 2026, 07:41 UTC"
    assert moment(at_ms, "en") == '<time datetime="2026-11-23T07:41:00Z" data-local>23 Nov 2026, 07:41 UTC</time>'


@given(st.text(alphabet="ab`<&"))
def test_what_stands_between_backticks_is_code_and_all_of_it_is_escaped(text):
    shown = re.sub(r"</?code>", "`", marked(text))
    assert shown.replace("&lt;", "<").replace("&amp;", "&") == text
    assert "<" not in shown
