"""What survives a repair: everything that was in the file, in every container that is edited in place."""

# ruff: noqa: SIM905 - command lines are read more easily as they are typed
from __future__ import annotations

import json
import shutil
import subprocess
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from viseme.core.errors import FixRefused
from viseme.media import shift_audio
from viseme.media.compare import compare_files
from viseme.media.in_place import Unsuitable
from viseme.media.mxf_shift import sound_places

pytestmark = pytest.mark.skipif(
    shutil.which("ffmpeg") is None or shutil.which("ffprobe") is None, reason="ffmpeg makes the inputs"
)

VIDEO = ["-f", "lavfi", "-i", "testsrc2=s=96x64:r=25:d=2"]
AUDIO = ["-f", "lavfi", "-i", "aevalsrc=0.3*sin(2*PI*(300+200*t)*t):s=48000:d=2"]
CHAPTERS = ";FFMETADATA1\ntitle=A film\nartist=Me\n" + "".join(
    f"[CHAPTER]\nTIMEBASE=1/1\nSTART={i}\nEND={i + 1}\ntitle=Part {i}\n" for i in range(2)
)
AT_WILL = {"encoder", "ENCODER", "duration", "DURATION", "start_pts", "start_time", "duration_ts", "bit_rate", "size"}
AT_WILL |= {"nb_frames", "filename", "probe_score", "max_bit_rate"}
KINDS: dict[str, list[str]] = {
    "ap4h.mov": [*AUDIO, *"-c:v prores_ks -profile:v 4444 -c:a pcm_s24le -timecode 10:00:00:00".split()],
    "keys.mov": [
        *AUDIO,
        *"-c:v mpeg4 -c:a aac -movflags use_metadata_tags -metadata com.apple.quicktime.make=Apple".split(),
    ],
    "old.mov": [*AUDIO, *"-ac 2 -c:v mjpeg -c:a pcm_s16be -movflags +faststart".split()],
    "hdr.mp4": [
        *AUDIO,
        *"-c:v libx265 -pix_fmt yuv420p10le -tag:v hvc1 -c:a aac -color_primaries bt2020 -color_trc smpte2084".split(),
        "-x265-params",
        "log-level=error:master-display=G(13250,34500)B(7500,3000)R(34000,16000)WP(15635,16450)L(10000000,1)"
        ":max-cll=1000,400",
    ],
    "pieces.mp4": [*AUDIO, *"-c:v mpeg4 -c:a aac -movflags frag_keyframe+empty_moov".split()],
    "two.mxf": [*AUDIO, *AUDIO, *"-map 0 -map 1 -map 2 -c:v mpeg2video -c:a pcm_s24le -timecode 09:59:58:00".split()],
    "ntsc.mxf": [*AUDIO, *"-r 30000/1001 -c:v mpeg2video -c:a pcm_s16le".split()],
    "two.ts": [
        *AUDIO,
        *AUDIO,
        *"-map 0 -map 1 -map 2 -c:v mpeg2video -c:a mp2 -metadata:s:a:0 language=deu".split(),
        *"-program title=One:st=0:st=1 -program title=Two:st=0:st=2".split(),
    ],
    "disc.m2ts": [*AUDIO, *"-c:v mpeg2video -c:a ac3 -mpegts_m2ts_mode 1".split()],
    "a.webm": [*AUDIO, *"-c:v libvpx -c:a libopus".split()],
}


def made(folder: Path, name: str, arguments: list[str]) -> Path:
    """A file made by ffmpeg."""
    path = folder / name
    subprocess.run(["ffmpeg", "-v", "error", "-y", *VIDEO, *arguments, str(path)], check=True, cwd=folder)
    return path


def everything(folder: Path, name: str) -> Path:
    """Two languages, subtitles, chapters, a cover; in Matroska a font besides."""
    (folder / "s.srt").write_text("1\n00:00:00,500 --> 00:00:01,500\nhello\n")
    (folder / "c.txt").write_text(CHAPTERS)
    (folder / "font.ttf").write_bytes(bytes(range(256)) * 4)
    made(folder, "cover.png", ["-frames:v", "1"])
    maps = [
        *AUDIO,
        *AUDIO,
        "-i",
        "s.srt",
        "-i",
        "c.txt",
        *"-map_metadata 4 -map_chapters 4 -c:v mpeg4 -c:a aac".split(),
    ]
    flags = "-metadata:s:a:0 language=deu -metadata:s:a:1 language=eng -disposition:a:0 0 -disposition:a:1 default"
    maps += [*flags.split(), *"-map 0 -map 1 -map 2 -map 3 -metadata:s:s:0 language=fra".split()]
    if name.endswith(".mkv"):
        more = "-c:s ass -disposition:s:0 forced+hearing_impaired -metadata:s:a:1 title=Director"
        files = "-attach font.ttf -metadata:s:t:0 mimetype=application/x-truetype-font -attach cover.png"
        return made(folder, name, [*maps, *more.split(), *files.split(), "-metadata:s:t:1", "mimetype=image/png"])
    more = "-i cover.png -map 5 -c:v:1 copy -disposition:v:1 attached_pic -c:s mov_text"
    at = maps.index("-map_metadata")
    return made(folder, name, [*maps[:at], *more.split()[:2], *maps[at:], *more.split()[2:]])


def facts(path: Path) -> Any:
    """All that ffprobe says of a file, without times and what a writer signs with."""
    asked = "ffprobe -v error -print_format json -show_streams -show_format -show_chapters -show_programs".split()
    told = json.loads(subprocess.run([*asked, str(path)], check=True, capture_output=True).stdout)
    return _without(told)


def _without(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: _without(v) for k, v in value.items() if k not in AT_WILL}
    return [_without(v) for v in value] if isinstance(value, list) else value


@pytest.mark.parametrize("name", [*KINDS, "all.mkv", "all.mp4"])
def test_a_shift_changes_nothing_that_ffprobe_knows(tmp_path: Path, name: str) -> None:
    source = made(tmp_path, name, KINDS[name]) if name in KINDS else everything(tmp_path, name)
    for amount in ("-0.137", "0.06"):
        out = tmp_path / f"out{source.suffix}"
        report = shift_audio(source, out, shift=Fraction(amount))
        assert report.method != "re-encoded audio"
        assert report.kept.differences == ()
        assert all(s.identical for s in report.kept.streams)
        before, after = facts(source), facts(out)
        if name != "pieces.mp4":  # there the frames come later instead
            assert after == before


D10 = (
    "-vf scale=720:576,pad=720:608:0:32 -c:v mpeg2video -pix_fmt yuv422p -b:v 50M -minrate 50M -maxrate 50M "
    "-bufsize 2M -rc_init_occupancy 2M -rc_max_vbv_use 1 -rc_min_vbv_use 1 -g 1 -intra_vlc 1 -non_linear_quant 1 "
    "-qmin 1 -qmax 3 -flags +ildct+low_delay -dc 10 -ps 1 -frames:v 8 -ac 4 -c:a pcm_s24le -f mxf_d10"
)


def samples_of(path: Path) -> bytes:
    words = ["ffmpeg", "-v", "error", "-i", str(path), *"-map 0:a -c:a pcm_s24le -f s24le -".split()]
    return subprocess.run(words, check=True, capture_output=True).stdout


def test_d10_keeps_everything_and_its_samples_move(tmp_path: Path) -> None:
    source, out = made(tmp_path, "d10.mxf", [*AUDIO, *D10.split()]), tmp_path / "out.mxf"
    before = samples_of(source)
    for ms, lost in ((-40, 0), (60, 1)):
        report = shift_audio(source, out, shift=Fraction(ms, 1000))
        assert (report.method, report.kept.differences) == ("samples", ())
        assert len(report.warnings) == lost, "audio that is cut at the end is told"
        assert all(s.identical for s in report.kept.streams)
        assert facts(out) == facts(source)
        after, num = samples_of(out), abs(ms) * 48 * 4 * 3
        kept, silent = (before[num:], after[-num:]) if ms < 0 else (before[:-num], after[:num])
        assert kept == (after[:-num] if ms < 0 else after[num:])
        assert not any(silent)
    broken = bytearray(source.read_bytes())
    at = broken.index(bytes.fromhex("060e2b34010201010d010301060110")) + 20
    broken[at + 1 : at + 3] = b"\xff\xff"
    (tmp_path / "broken.mxf").write_bytes(broken)
    with open(tmp_path / "broken.mxf", "rb") as file, pytest.raises(Unsuitable, match="fewer samples"):
        sound_places(file)


def test_what_was_compared_is_said(tmp_path: Path) -> None:
    source = everything(tmp_path, "all.mkv")
    kept = shift_audio(source, tmp_path / "out.mkv", shift=Fraction(-1, 10)).kept
    assert kept.words == "50 frames identical, 2 audio streams, 1 subtitle, 1 attached file, 2 chapters, cover"


def test_what_cannot_be_kept_is_named_and_strict_refuses(tmp_path: Path) -> None:
    source = everything(tmp_path, "all.mkv")
    told: list[str] = []
    report = shift_audio(source, tmp_path / "out.mp4", shift=Fraction(1, 10), on_warning=told.append)
    assert tuple(told) == report.warnings
    assert any("the attached file font.ttf cannot be kept" in t for t in told)
    assert any("subtitle track 1 (fra" in t for t in told)
    assert not any("cover" in t or "chapter" in t or "language" in t for t in told)
    with pytest.raises(FixRefused, match="nothing was written"):
        shift_audio(source, tmp_path / "strict.mp4", shift=Fraction(1, 10), strict=True)
    assert not (tmp_path / "strict.mp4").exists()
    shift_audio(source, tmp_path / "strict.mkv", shift=Fraction(1, 10), strict=True)


def test_a_long_shift_of_a_transport_stream_keeps_its_programs(tmp_path: Path) -> None:
    source = made(tmp_path, "two.ts", KINDS["two.ts"])
    report = shift_audio(source, tmp_path / "out.ts", shift=Fraction(-17, 10))
    assert report.kept.differences == ()
    assert len(facts(tmp_path / "out.ts")["programs"]) == 2


def test_canary_a_frame_less_and_another_byte_are_noticed(tmp_path: Path) -> None:
    source = made(tmp_path, "a.ts", [*AUDIO, *"-c:v mpeg2video -c:a mp2".split()])
    short = made(tmp_path, "short.ts", [*AUDIO, *"-frames:v 40 -c:v mpeg2video -c:a mp2".split()])
    other = made(tmp_path, "other.ts", [*AUDIO, *"-vf negate -c:v mpeg2video -c:a mp2".split()])
    for path, words in ((short, "40 frames instead of 50"), (other, "other frames than before")):
        told = compare_files(source, path, moved=(0,)).differences
        assert any(words in t for t in told), told


def test_an_unknown_codec_is_kept_in_place_and_named_elsewhere(tmp_path: Path) -> None:
    source = made(
        tmp_path, "a.mov", [*AUDIO, *AUDIO, *"-map 0 -map 1 -map 2 -c:v mpeg4 -c:a:0 alac -c:a:1 aac".split()]
    )
    source.write_bytes(source.read_bytes().replace(b"alac", b"zlac"))
    assert shift_audio(source, tmp_path / "b.mov", shift=Fraction(-1, 10)).kept.differences == ()
    told = shift_audio(source, tmp_path / "b.mkv", shift=Fraction(-1, 10)).warnings
    assert any("audio track 1 (zlac) cannot be kept in .mkv" in t for t in told), told
