"""Settings from a file: TOML, or the record of an earlier run."""

import tomllib
from pathlib import Path
from typing import Any

import msgspec

from backproof.errors import ConfigError


def read_settings(path: Path) -> dict[str, Any]:
    """Return the settings in a TOML file, or those of an earlier run from its record.json (ConfigError)."""
    try:
        text = path.read_text(encoding="utf-8-sig")
        if path.suffix.lower() != ".json":
            return tomllib.loads(text)
        settings = msgspec.json.decode(text)["config"]
    except OSError as error:
        raise ConfigError(f"cannot read the settings file {path}: {error.strerror}") from None
    except (UnicodeDecodeError, tomllib.TOMLDecodeError, msgspec.DecodeError, RecursionError) as error:
        raise ConfigError(f"settings file {path}: {error}") from None
    except (KeyError, TypeError):
        settings = None
    if not isinstance(settings, dict):
        raise ConfigError(f"settings file {path} is not a run's record: it has no table 'config'")
    return settings
