"""`viseme synth`: film a synthetic talking head whose every answer is known."""

from __future__ import annotations

from typing import Any

from viseme.cli.exits import ExitCode
from viseme.cli.lines import one_line
from viseme.cli.screen import Screen

__all__ = ["EXAMPLES", "FUNCTION", "run"]

FUNCTION = "viseme.synthetic.pipeline:synth"
EXAMPLES = (
    ("A sentence in a voice of Kokoro", 'viseme synth a.mp4 --voice kokoro:af_heart --text "All is known."'),
    ("Audio 120 ms late, and the truth as JSON", "viseme synth late.mp4 --audio-delay 120ms --truth late.json"),
    ("Noise 5 dB below the voice", "viseme synth noisy.mp4 --over noise --snr-db 5 --seconds 10s"),
)
"""What it does, and what to type."""


def run(arguments: dict[str, Any], screen: Screen) -> int:
    """Film and say what is true of the film."""
    from viseme.report.words import milliseconds
    from viseme.synthetic.pipeline import synth

    result = synth(**arguments)
    delay = "no delay to find" if result.audio_delay is None else f"audio at {milliseconds(result.audio_delay)}"
    screen.say(f"{one_line(result.path)}  {result.width} x {result.height}, {delay}\n")
    if result.text:
        screen.say(f"  says    {one_line(result.text)}\n")
    if result.voice:
        screen.say(f"  voice   {one_line(result.voice)}; {one_line(result.voice_licence)}\n")
    return ExitCode.DONE
