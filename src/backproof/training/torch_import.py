"""Import what needs PyTorch, or say that it is missing."""

import importlib
from typing import Any

from backproof.errors import ConfigError


def import_with_torch(module: str, user: str) -> Any:
    """Return a module that may need PyTorch (ConfigError, naming its user, where PyTorch is missing)."""
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name != "torch":
            raise
        raise ConfigError(f"{user} needs PyTorch: pip install torch; without it there is mlp-numpy") from None
