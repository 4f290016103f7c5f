"""Build the documentation into `site/`: English at the top, Korean under `ko/`. `make docs` runs it.

Each language is a site of its own, so that its menus, its search and its words for readers of screens are in that
language. No page loads anything from elsewhere. A broken link fails the build.
"""

import shutil
import subprocess
import sys
from pathlib import Path

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
    shutil.copytree(DOCS / "images", STAGE / "ko" / "docs" / "images", dirs_exist_ok=True)
    shutil.copy(DOCS / "zensical.toml", STAGE / "en")
    shutil.copy(DOCS / "ko" / "zensical.toml", STAGE / "ko")
    for language, place in (("en", SITE), ("ko", SITE / "ko")):
        subprocess.run([ZENSICAL, "build", "--strict", "--clean"], cwd=STAGE / language, check=True)
        shutil.copytree(STAGE / language / "site", place, dirs_exist_ok=True)
    print(f"docs: {SITE.relative_to(ROOT)}/index.html and {SITE.relative_to(ROOT)}/ko/index.html")


if __name__ == "__main__":
    try:
        main()
    except subprocess.CalledProcessError as error:
        sys.exit(error.returncode)
