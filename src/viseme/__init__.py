"""Check and repair the lip sync of any real video.

    >>> import viseme
    >>> callable(viseme.check)
    True

Public names are loaded when first used: `import viseme` alone loads neither torch nor a face tracker.
`viseme.standardize` is a room with several functions; the command is `viseme.standardization.standardize`.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

__version__ = "0.1.0"

_LAZY = {
    "CheckResult": "viseme.core.results",
    "DelayEstimate": "viseme.core.results",
    "VisemeError": "viseme.core.errors",
    "Verdict": "viseme.core.results",
    "check": "viseme.sync.pipeline",
    "check_many": "viseme.sync.batch",
    "demo": "viseme.cli.commands.demo",
    "evaluate_asw": "viseme.speakers.evaluate",
    "evaluate_ava": "viseme.speakers.evaluate",
    "evaluate_columbia": "viseme.speakers.evaluate",
    "evaluate_folder": "viseme.speakers.evaluate",
    "face_models": "viseme.face3d.models.catalog",
    "find_speakers": "viseme.speakers.pipeline",
    "find_speakers_live": "viseme.speakers.live",
    "fix": "viseme.sync.repair",
    "list_corpus": "viseme.data.lists",
    "reproduce_table1": "viseme.reproduce.table1",
    "reproduce_table2": "viseme.reproduce.table2",
    "standardize": "viseme.standardization",
    "synth": "viseme.synthetic.pipeline",
    "synth_conversation": "viseme.synthetic.conversation_film",
    "train_enet": "viseme.standardization.train",
    "train_speakers": "viseme.speakers.train",
    "train_sync": "viseme.sync.train",
}

__all__ = ["__version__", *sorted(_LAZY)]


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(f"module 'viseme' has no attribute {name!r}")
    module = import_module(_LAZY[name])
    return module if module.__name__ == f"viseme.{name}" else getattr(module, name)


def __dir__() -> list[str]:
    return sorted(__all__)
