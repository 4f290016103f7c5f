"""`python -m mapae` and the command `mapae`."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command line; it needs the extra `server`."""
    try:
        import click  # noqa: F401
    except ModuleNotFoundError:
        sys.exit('The command line needs more packages: pip install "mapae[server]"')
    from mapae.cli.main import main as run

    run()


if __name__ == "__main__":
    main()
