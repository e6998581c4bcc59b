"""`viseme train avatar`: train a personal 3D talking face on videos of one person who agreed to it."""

from __future__ import annotations

from typing import Any

from viseme.cli.exits import ExitCode
from viseme.cli.screen import Screen

__all__ = ["EXAMPLES", "FUNCTION", "run"]

FUNCTION = "viseme.avatar.train:train_avatar"
EXAMPLES = (
    ("From one video, with the person's statement", "viseme train avatar me.mp4 --consent consent.toml --out me.vis"),
    (
        "From half a minute, beginning with everybody's",
        "viseme train avatar me.mp4 --consent consent.toml --from talker",
    ),
    ("The paper's model, on a GPU", "viseme train avatar me*.mp4 --consent consent.toml --preset paper --device cuda"),
)
"""What it does, and what to type."""


def run(arguments: dict[str, Any], screen: Screen) -> int:
    """Train until the avatar is written, and a page about it beside it; progress goes to stderr."""
    from viseme.avatar.train import train_avatar
    from viseme.engine.loop import require_accelerate
    from viseme.report.avatars import write_avatar_report

    require_accelerate()  # before the minutes that preparing takes
    result = train_avatar(**arguments)
    page = result.out.with_suffix(".html")
    write_avatar_report(result, page)
    screen.say(f"{result}\nReport: {page}\n")
    return ExitCode.DONE
