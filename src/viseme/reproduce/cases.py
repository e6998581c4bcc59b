"""`python -m viseme.reproduce.cases`: files on which this package once failed, what must happen, and what happens.

Asks what users ask (`check`, `find_speakers`, `fix`); knows the files by name, as `shared/cases/README.md` lists them.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import viseme
from viseme.core.errors import FixRefused, VisemeError
from viseme.core.results import CheckResult, Reason, Verdict
from viseme.core.speakers import FaceState, VoiceState
from viseme.media import read_frames
from viseme.media.stream_words import mp4_tags

__all__ = ["CASES", "Case", "Got", "main", "run_case"]

NEAR_S = 0.04
"""Seconds: a delay this near the truth is right."""


@dataclass(frozen=True)
class Got:
    """What happened with a case."""

    right: bool
    words: str
    seconds: float = 0.0


@dataclass(frozen=True, kw_only=True)
class Case:
    """A file and what must happen with it."""

    file: str
    expected: str
    judge: Callable[[Path, Path], Got]
    """The file and a folder to write into -> what happened."""


def _delay(truth: float, note: str = "") -> Callable[[Path, Path], Got]:
    """`check` tells a delay, and says a word about the file where it must."""

    def judge(path: Path, _: Path) -> Got:
        found = viseme.check(path)
        told = found.audio_delay is not None and abs(found.audio_delay - truth) <= NEAR_S
        said = not note or any(note in warning for warning in found.warnings)
        return Got(told and said, "; ".join([found.words, *found.warnings]))

    return judge


def _beyond(path: Path, _: Path) -> Got:
    found = viseme.check(path)
    right = found.audio_delay is None or abs(found.audio_delay - 3.5) <= NEAR_S
    return Got(right, found.words)


def _jumps(path: Path, folder: Path) -> Got:
    found = viseme.check(path)
    pieces = [piece.audio_delay for piece in found.estimate.pieces]
    right = len(pieces) == 2 and abs(pieces[0]) <= NEAR_S and abs(pieces[1] + 0.4) <= NEAR_S
    right &= found.verdict is not Verdict.IN_SYNC and found.estimate.drift is None
    try:
        viseme.fix(path, folder / "refused.mp4")
        return Got(False, "fix moved all of it at once")
    except FixRefused:
        mended = viseme.fix(path, folder / "mended.mp4", piecewise=True)
    return Got(right and mended.repaired, f"{found.words}; piecewise: {mended.residual.words}")


def _nobody(path: Path, _: Path) -> Got:
    found = viseme.find_speakers(path)
    states = {segment.state for face in found.faces for segment in face.segments}
    wrong = {FaceState.SPEAKING, FaceState.DUBBING_SUSPECTED} & states
    voices = [segment.state.value for segment in found.voice]
    return Got(not wrong and not voices, f"voices: {voices or 'none'}; {viseme.check(path).words}")


def _not_dubbed(path: Path, _: Path) -> Got:
    found = viseme.find_speakers(path)
    dubbed = sum(face.seconds(FaceState.DUBBING_SUSPECTED) for face in found.faces)
    dubbed += sum(segment.end - segment.start for segment in found.voice if segment.state is VoiceState.DUBBED)
    return Got(dubbed == 0, f"{dubbed:.1f} s dubbed")


def _heard(path: Path, folder: Path) -> Got:
    found = viseme.check(path)
    mended = viseme.fix(path, folder / path.name, delay=0.1)
    named = any("1" in warning and "audio stream" in warning for warning in found.warnings)
    return Got(named, "; ".join([*found.warnings, mended.kept.words, *mended.warnings]))


def _kept(*said: str, frames: int | None = None, quiet: bool = False) -> Callable[[Path, Path], Got]:
    """`fix` keeps every frame and stream; `said` are words of what it compared."""

    def judge(path: Path, folder: Path) -> Got:
        before = sum(1 for _ in read_frames(path))
        out = folder / path.name
        mended = viseme.fix(path, out, delay=0.12)
        after = sum(1 for _ in read_frames(out))
        right = before == after and (frames is None or after == frames) and not mended.kept.differences
        right &= mp4_tags(path) == mp4_tags(out) and all(word in mended.kept.words for word in said)
        notes = [w for w in mended.warnings if "measures" not in w]
        right &= not (quiet and notes)
        return Got(right, "; ".join([f"{after} of {before} frames", mended.kept.words, *notes]))

    return judge


def _both_halves(path: Path, folder: Path) -> Got:
    found = viseme.check(path)
    seen = sum(track.end - track.start for track in found.tracks)
    mended = viseme.fix(path, folder / path.name, delay=0.12)
    right = seen > 7.5 and len(found.warnings) <= 1
    return Got(right, f"{seen:.1f} s seen; {found.words}; {len(found.warnings)} notes; fixed: {mended.kept.words}")


def _found(path: Path, _: Path) -> Got:
    found = viseme.check(path)
    return Got(bool(found.tracks), _about(found))


def _sideways(path: Path, _: Path) -> Got:
    found = viseme.check(path)
    hinted = any("side" in warning for warning in found.warnings)
    return Got(hinted or found.audio_delay is not None, _about(found))


def _too_few(path: Path, _: Path) -> Got:
    found = viseme.check(path)
    return Got(Reason.TOO_FEW_FRAMES in found.reasons, found.words)


def _about(found: CheckResult) -> str:
    return "; ".join([f"{len(found.tracks)} faces", found.words, *found.warnings])


CASES: Sequence[Case] = (
    Case(file="antiphase.mov", expected="+137 ms, one channel, said", judge=_delay(0.137, "channel")),
    Case(
        file="first_silent_default_second.mkv", expected="+137 ms, the default track, named", judge=_delay(0.137, "1")
    ),
    Case(file="late3500.mp4", expected="+3500 ms, or withheld", judge=_beyond),
    Case(file="step400.mp4", expected="two pieces; mended piecewise", judge=_jumps),
    Case(file="hiss.mov", expected="no voice, nobody, no dubbing", judge=_nobody),
    Case(file="in_sync_called_dubbed.mp4", expected="nobody dubbed", judge=_not_dubbed),
    Case(file="jump10min.ts", expected="+137 ms in seconds", judge=_delay(0.137)),
    Case(file="cat.ts", expected="both halves, one note, fixed", judge=_both_halves),
    Case(file="spatial_audio_first.mov", expected="track 1 used and named", judge=_heard),
    Case(file="op1a.mxf", expected="116 frames", judge=_kept(frames=116)),
    Case(file="prores422_timecode.mov", expected="tag and timecode survive", judge=_kept()),
    Case(file="cover_chapters.mp4", expected="all survives, no note", judge=_kept("chapter", "cover", quiet=True)),
    Case(file="pip_grid_260.mp4", expected="the face is found", judge=_found),
    Case(file="sideways.mp4", expected="found, or a hint", judge=_sideways),
    Case(file="slides_1fps.mp4", expected="too few frames", judge=_too_few),
)


def run_case(case: Case, folder: Path) -> Got:
    """What happens with one case; an error is a wrong answer."""
    began = time.perf_counter()
    try:
        with tempfile.TemporaryDirectory(prefix="viseme") as work:
            got = case.judge(folder / case.file, Path(work))
    except VisemeError as error:
        got = Got(False, f"{type(error).__name__}: {error}")
    return Got(got.right, got.words, time.perf_counter() - began)


def main(words: Sequence[str] | None = None) -> int:
    """Print the table; 0 where all is right."""
    parser = argparse.ArgumentParser(prog="python -m viseme.reproduce.cases", description=__doc__)
    parser.add_argument("--cases", type=Path, default=Path("../shared/cases"), help="folder of the files")
    parser.add_argument("--only", nargs="*", help="names of some of them")
    options = parser.parse_args(words)
    if not options.cases.is_dir():
        print(f"{options.cases} is not here: give the folder with --cases")
        return 1
    wanted = [case for case in CASES if options.only is None or case.file in options.only]
    num_right = 0
    for case in wanted:
        got = run_case(case, options.cases)
        num_right += got.right
        mark = "right" if got.right else "WRONG"
        print(f"{mark}  {got.seconds:5.1f} s  {case.file:34s} {case.expected}\n         got: {got.words}", flush=True)
    print(f"{num_right} of {len(wanted)} right")
    return 0 if num_right == len(wanted) else 1


if __name__ == "__main__":
    raise SystemExit(main())
