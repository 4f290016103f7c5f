"""Every setting of the service, and where its value comes from.

Flags win over `MAPAE_*` environment variables, these over `./mapae.toml`, that over
`$XDG_CONFIG_HOME/mapae/config.toml`, and all over the defaults. All mistakes are reported at once, with file and line.
"""

from mapae.settings.catalogue import SETTINGS, Setting
from mapae.settings.definition import Settings
from mapae.settings.load import OTHER_VARIABLES, load_settings, settings_files, text_of

__all__ = ["OTHER_VARIABLES", "SETTINGS", "Setting", "Settings", "load_settings", "settings_files", "text_of"]
