"""Run the bench and print; `--json FILE` also writes every trial."""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import date
from pathlib import Path

from viseme.data.manifest import ManifestRow, read_held_out
from viseme.reproduce.measured_clips import MeasuredClip, one_face_clips
from viseme.reproduce.sync_bench.disturbed import disturbed_lines
from viseme.reproduce.sync_bench.questions import Question, known_shifts, mismatched_audio
from viseme.reproduce.sync_bench.speed import speed_lines
from viseme.reproduce.sync_bench.summary import summary_lines
from viseme.reproduce.sync_bench.trials import Examiner, Trial
from viseme.sync.checkpoint import load_sync_weights

__all__ = ["main"]


def main(arguments: list[str] | None = None) -> int:
    """Run and print; always 0."""
    options = _parser().parse_args(arguments)
    everything = []
    if (options.data / "manifest.csv").exists():
        clips = _clips(options, "dev")
        mismatched = _clips(options, "dev-foreign")
        for weights in options.weights:
            examiner = Examiner(load_sync_weights(weights))
            print(f"\n{examiner.name}   {len(clips)} clips, {date.today().isoformat()}, seed 0", flush=True)
            if not options.no_shifts:
                trials = list(_asked(examiner, clips, mismatched, options.each))
                print("\n".join(summary_lines(trials)), flush=True)
                everything += [{"weights": examiner.name, **t.to_json()} for t in trials]
            if options.disturb:
                for line in disturbed_lines(examiner, _rows(options, "dev"), clips, options.work):
                    print(line, flush=True)
    else:
        print(f"{options.data} is not here: nothing was measured on real clips")
    if options.speed:
        for line in speed_lines(options.work):
            print(line, flush=True)
    if options.json:
        options.json.write_text(json.dumps(everything), encoding="utf-8")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"), help="folder of manifest.csv")
    parser.add_argument("--work", type=Path, default=Path("runs/bench"), help="where tracks are kept")
    parser.add_argument("--weights", nargs="*", default=[None], help="names or files, one table each")
    parser.add_argument("--each", type=int, default=4, help="a third of the shifts of each clip")
    parser.add_argument("--disturb", action="store_true", help="also rotation, scale, JPEG, babble: tracks again")
    parser.add_argument("--speed", action="store_true", help="also time `viseme.check`, whole files and cold starts")
    parser.add_argument("--no-shifts", action="store_true", help="leave out shifts, windows and mismatched audio")
    parser.add_argument("--json", type=Path, help="where to write every trial")
    return parser


def _rows(options: argparse.Namespace, use: str) -> list[ManifestRow]:
    return read_held_out(options.data, (use,))


def _clips(options: argparse.Namespace, use: str) -> list[MeasuredClip]:
    """Clips with one face at a time; what is left out is told on stderr, once a reason."""
    reasons: Counter[str] = Counter()
    kept = one_face_clips(
        _rows(options, use), options.work, on_left_out=lambda why: reasons.update([why.rpartition(": ")[2]])
    )
    for reason, num in reasons.items():
        print(f"left out: {num} {use} clips, {reason}", file=sys.stderr)
    return kept


def _asked(
    examiner: Examiner, clips: Sequence[MeasuredClip], mismatched: Sequence[MeasuredClip], each: int
) -> Iterator[Trial]:
    """Known shifts first, then audio of others, then clips whose own audio does not fit."""
    unclear = [clip.name for clip in clips if examiner.true_delay(clip) is None]
    if unclear:
        print(f"no shifts of {len(unclear)} clips: their delay is neither known nor found", file=sys.stderr)
    turns = max(1, each // 2)
    yield from examiner.trials(known_shifts(clips, 3 * each))
    yield from examiner.trials(mismatched_audio(clips, turns))
    for _ in range(turns):
        yield from examiner.trials(Question(group="mismatched", lips=clip, audio=None) for clip in mismatched)


if __name__ == "__main__":
    sys.exit(main())
