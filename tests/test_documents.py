"""Everything the documentation says can be done, done; every link of it followed."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from snippets import BLOCK, Page

ROOT = Path(__file__).resolve().parent.parent
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)|(?:src|srcset)=\"([^\"]+)\"")
RUNS = ("python", "console")
MADE_BY_THE_CODE = {"look-up"}


def name_of(page: Path) -> str:
    return str(page.relative_to(ROOT))


def has_code(page: Path) -> bool:
    return page.parent.name not in MADE_BY_THE_CODE and any(
        language in RUNS for language, _, _ in BLOCK.findall(page.read_text())
    )


@pytest.mark.slow
@pytest.mark.parametrize(
    "page",
    [page for page in PAGES if page.parent != ROOT or page.name.startswith("README") if has_code(page)],
    ids=name_of,
)
def test_the_code_of_the_page_runs_as_it_is_written(page, tmp_path):
    assert Page(tmp_path).read(page.read_text()) > 0


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_link_to_a_file_leads_to_one(page):
    targets = [(link or source).partition("#")[0] for link, source in LINK.findall(BLOCK.sub("", page.read_text()))]
    missing = [link for link in targets if link and "://" not in link and not (page.parent / link).exists()]
    assert not missing


def headings(page: Path) -> list[str]:
    return re.findall(r"^(#+) ", BLOCK.sub("", page.read_text()), re.MULTILINE)


def korean_pages() -> list[tuple[Path, Path]]:
    korean = sorted((ROOT / "docs" / "ko").rglob("*.md"))
    pairs = [(ROOT / "docs" / page.relative_to(ROOT / "docs" / "ko"), page) for page in korean]
    return [(ROOT / "README.md", ROOT / "README.ko.md"), *pairs]


@pytest.mark.parametrize(("english", "korean"), korean_pages(), ids=name_of)
def test_a_page_has_the_same_sections_and_code_in_both_languages(english, korean):
    assert headings(english) == headings(korean)
    assert [block[:2] for block in BLOCK.findall(english.read_text())] == [
        block[:2] for block in BLOCK.findall(korean.read_text())
    ]


def test_what_everyone_reads_first_is_there_in_both_languages():
    pairs = {english.relative_to(ROOT).as_posix() for english, _ in korean_pages()}
    assert {"README.md", "docs/index.md", "docs/learn/first-sign-in.md"} <= pairs


@pytest.mark.slow
def test_the_look_up_pages_say_what_the_code_says():
    checked = subprocess.run(
        [sys.executable, ROOT / "tools" / "generate_reference.py", "--check"],
        check=False, capture_output=True, text=True,
    )  # fmt: skip
    assert checked.returncode == 0, f"{checked.stdout}{checked.stderr}run: make docs"


def test_every_decision_is_listed_and_numbered_once():
    decisions = sorted(path.name for path in ROOT.glob("docs/decisions/[0-9]*.md"))
    assert re.findall(r"\((\d{4}-[a-z-]+\.md)\)", (ROOT / "docs" / "decisions" / "index.md").read_text()) == decisions
    numbers = [int(name[:4]) for name in decisions]
    assert numbers == sorted(set(numbers))


@pytest.mark.parametrize("language", ["docs", "docs/ko"])
def test_every_page_has_its_place_in_the_menu(language):
    menu = (ROOT / language / "zensical.toml").read_text()
    pages = {path.relative_to(ROOT / language).as_posix() for path in (ROOT / language).rglob("*.md")}
    ours = {page for page in pages if not page.startswith("ko/")}
    assert [
        page for page in sorted(ours) if f'"{page}"' not in menu and f'"{page.rpartition("/")[0]}/*"' not in menu
    ] == []
