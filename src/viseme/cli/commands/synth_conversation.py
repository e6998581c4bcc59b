"""`viseme synth conversation`: film a conversation of synthetic people, with its truth beside it."""

from __future__ import annotations

from typing import Any

from viseme.cli.exits import ExitCode
from viseme.cli.lines import one_line
from viseme.cli.screen import Screen

__all__ = ["EXAMPLES", "FUNCTION", "run"]

FUNCTION = "viseme.synthetic.conversation.film:synth_conversation"
EXAMPLES = (
    ("Two to four people, 12 s", "viseme synth conversation talk.mp4"),
    (
        "Three people whom one camera shows for a minute",
        "viseme synth conversation talk.mp4 --people 3 --seconds 60s --still",
    ),
)
"""What it does, and what to type."""


def run(arguments: dict[str, Any], screen: Screen) -> int:
    """Film, and say who speaks how long."""
    from viseme.synthetic.conversation.film import synth_conversation

    talk = synth_conversation(**arguments)
    for warning in talk.warnings:
        screen.warn(warning)
    truth = talk.to_json()
    screen.say(f"{one_line(talk.path)}  {truth['width']} x {truth['height']}, {truth['seconds']:.1f} s\n")
    for person in truth["people"]:
        spans = person["dubbed_lips"] or person["speaking"]
        length = sum(end - start for start, end in spans)
        says = "is dubbed" if person["dubbed_lips"] else "speaks"
        screen.say(f"  person {person['id']}  {says} {length:.1f} s in {len(spans)} pieces\n")
    unseen = sum(end - start for start, end in truth["unseen_voice_heard"])
    screen.say(f"  voice without a face  {unseen:.1f} s\n")
    return ExitCode.DONE
