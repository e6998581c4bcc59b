"""Where files lie that a user brought and the package does not ship."""

from __future__ import annotations

import os
from pathlib import Path

__all__ = ["cache_folder"]


def cache_folder() -> Path:
    """`VISEME_CACHE`, or `viseme` in the user's cache."""
    root = os.environ.get("VISEME_CACHE")
    return Path(root) if root else Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "viseme"
