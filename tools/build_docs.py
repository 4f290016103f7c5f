"""Build the documentation into `site/`: English at the top, Korean under `ko/`. `make docs` runs it.

Each language is a site of its own, so that its menus, its search and its words for readers of screens are in that
language. No page loads anything from elsewhere. A broken link fails the build.
"""

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
    shutil.copy(DOCS / "zensical.toml", STAGE / "en")
    shutil.copy(DOCS / "ko" / "zensical.toml", STAGE / "ko")
    for language, place in (("en", SITE), ("ko", SITE / "ko")):
        build = [ZENSICAL, "build", "--strict", "--clean"]
        built = subprocess.run(build, cwd=STAGE / language, check=False, text=True, stdout=PIPE, stderr=STDOUT)
        if built.returncode != 0:
            sys.exit(f"docs: {language}\n{built.stdout.partition('Traceback')[0]}")
        shutil.copytree(STAGE / language / "site", place, dirs_exist_ok=True)
    print(f"docs: {SITE.relative_to(ROOT)}/index.html and {SITE.relative_to(ROOT)}/ko/index.html")


if __name__ == "__main__":
    main()
