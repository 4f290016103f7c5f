"""`mapae serve` with cheaper password hashes than its settings allow, so that a crowd fits into minutes.

    python -m mapae.lab.crowd.serving COST

Everything else comes from the environment, as always.
"""

from __future__ import annotations

import os
import sys
from dataclasses import replace

from mapae.settings import load_settings
from mapae.settings.definition import Settings
from mapae.web.server import serve


def settings_with(environment: dict[str, str], cost: int) -> Settings:
    """Return the settings of `environment`, with bcrypt of `cost`."""
    return replace(load_settings({}, environment, []), bcrypt_cost=cost)


if __name__ == "__main__":
    sys.exit(serve(settings_with(dict(os.environ), int(sys.argv[1])), say=lambda _started: None))
