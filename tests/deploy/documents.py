"""What the tests of `deploy/` read: YAML without a key twice, schemas, and the settings that a file gives to a node."""

from pathlib import Path

import yaml

from mapae.settings import Settings, load_settings

ROOT = Path(__file__).resolve().parent.parent.parent
DEPLOY = ROOT / "deploy"


class StrictLoader(yaml.SafeLoader):
    """YAML as it is written; a key that stands twice in one mapping is a mistake, not the end of the first one."""

    def construct_mapping(self, node, deep=False):
        keys = [self.construct_object(key, deep=deep) for key, _ in node.value if key.tag != "tag:yaml.org,2002:merge"]
        twice = {str(key) for key in keys if keys.count(key) > 1}
        assert not twice, f"{node.start_mark}: twice: {twice}"
        return super().construct_mapping(node, deep)


def read(path: Path) -> list:
    """Return every document of a YAML file."""
    return list(yaml.load_all(path.read_text("utf-8"), StrictLoader))


def settings_from(environment: dict[str, str], folder: Path) -> Settings:
    """Return what a node would take from these variables; whatever they say wrongly is refused.

    Files that they name lie in another machine, so each is replaced by one in `folder` that holds something like it.
    """
    inside = {
        "MAPAE_DATABASE_FILE": "postgresql://mapae:secret@postgres/mapae",
        "MAPAE_BOARD_FILE": "redis://:secret@valkey:6379",
    }
    given = {name: str(value) for name, value in environment.items() if name.startswith("MAPAE_")}
    for name in given.keys() & inside.keys():
        (folder / name).write_text(inside[name])
        given[name] = str(folder / name)
    given.pop("MAPAE_CONFIG", None)
    return load_settings({}, given, [])


def seconds(text: str) -> float:
    """Return the seconds of a duration like 40s."""
    assert text.endswith("s")
    return float(text[:-1])
