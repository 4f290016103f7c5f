"""Build the documentation into `site/`: English at the top, Korean under `ko/`. `make docs` runs it.

Each language is a site of its own, so that its menus, its search and its words for readers of screens are in that
language. No page loads anything from elsewhere. A broken link fails the build.
"""

import re
import shutil
import subprocess
import sys
from pathlib import Path
from subprocess import PIPE, STDOUT

ROOT = Path(__file__).resolve().parent.parent
DOCS = ROOT / "docs"
SITE = ROOT / "site"
STAGE = ROOT / ".cache" / "docs"
ZENSICAL = ROOT / ".cache" / "docs-venv" / "bin" / "zensical"


def main() -> None:
    shutil.rmtree(STAGE, ignore_errors=True)
    shutil.rmtree(SITE, ignore_errors=True)
    shutil.copytree(DOCS, STAGE / "en" / "docs", ignore=shutil.ignore_patterns("ko", "zensical.toml"))
    shutil.copytree(DOCS / "ko", STAGE / "ko" / "docs", ignore=shutil.ignore_patterns("zensical.toml"))
    (STAGE / "en" / "zensical.toml").write_text(with_every_page(DOCS / "zensical.toml"))
    (STAGE / "ko" / "zensical.toml").write_text(with_every_page(DOCS / "ko" / "zensical.toml"))
    for language, place in (("en", SITE), ("ko", SITE / "ko")):
        build = [ZENSICAL, "build", "--strict", "--clean"]
        built = subprocess.run(build, cwd=STAGE / language, check=False, text=True, stdout=PIPE, stderr=STDOUT)
        if built.returncode != 0:
            sys.exit(f"docs: {language}\n{built.stdout.partition('Traceback')[0]}")
        shutil.copytree(STAGE / language / "site", place, dirs_exist_ok=True)
    print(f"docs: {SITE.relative_to(ROOT)}/index.html and {SITE.relative_to(ROOT)}/ko/index.html")


def with_every_page(configuration: Path) -> str:
    """In the menu "folder/*" stands for the pages of a folder, the index first."""

    def pages(written: re.Match[str]) -> str:
        found = sorted(path.name for path in (configuration.parent / written[1]).glob("*.md"))
        found.sort(key=lambda name: name != "index.md")
        return ", ".join(f'"{written[1]}/{name}"' for name in found)

    return re.sub(r'"([\w/-]+)/\*"', pages, configuration.read_text())


if __name__ == "__main__":
    main()
