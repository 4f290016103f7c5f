"""Move the news of `changelog.d/` into CHANGELOG.md as one release.

python tools/gather_changelog.py 0.1.0 2026-12-01
"""

import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
KINDS = ("security", "added", "changed", "fixed", "removed")
PLACE = "<!-- the next release goes here -->\n"
NAME = re.compile(r"[a-z0-9-]+\.(security|added|changed|fixed|removed)\.md")


def main(version: str, day: str) -> None:
    fragments = sorted(path for path in (ROOT / "changelog.d").glob("*.md") if path.name != "README.md")
    if strange := [path.name for path in fragments if not NAME.fullmatch(path.name)]:
        sys.exit(f"not named <words>.<kind>.md: {', '.join(strange)}")
    if not fragments:
        sys.exit("changelog.d holds no news")
    changelog = ROOT / "CHANGELOG.md"
    changelog.write_text(changelog.read_text().replace(PLACE, PLACE + release(version, day, fragments), 1))
    for path in fragments:
        path.unlink()


def release(version: str, day: str, fragments: list[Path]) -> str:
    lines = [f"\n## {version} ({day})\n"]
    for kind in KINDS:
        news = [path.read_text().strip() for path in fragments if path.name.endswith(f".{kind}.md")]
        if news:
            lines.append(f"\n### {kind.capitalize()}\n\n")
            lines += [f"* {each.replace(chr(10), f'{chr(10)}  ')}\n" for each in news]
    return "".join(lines)


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(*sys.argv[1:])
