"""Templates of pages. The one place that says how they are filled: escaped, and nothing may be missing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jinja2

__all__ = ["page_templates"]


def page_templates(**filters: Callable[..., Any]) -> jinja2.Environment:
    """The templates of this package.

    Args:
        filters: What `|name` does in them.
    """
    pages = jinja2.Environment(
        loader=jinja2.PackageLoader("viseme.report", "templates"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    pages.filters |= filters
    return pages
