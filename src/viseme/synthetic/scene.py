"""One synthetic talking clip, described completely, and its frames. Knows rendering; refuses to know files."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from functools import lru_cache
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter, gaussian_filter1d

from viseme.core.errors import ConfigError
from viseme.face3d.camera import Camera
from viseme.face3d.interface import PARTS, FaceModel, load_face_model
from viseme.face3d.light import lamp
from viseme.face3d.look import Look
from viseme.face3d.render import render_head
from viseme.synthetic.motion import Motion
from viseme.synthetic.style import Style

__all__ = [
    "BACKGROUNDS",
    "DRAWN_STRENGTH",
    "Person",
    "TalkerSpec",
    "backdrop",
    "film",
    "light",
    "shoulders",
    "with_tongue",
]

DRAWN_STRENGTH = 0.85
"""Share of the articulation that is drawn: the tracker reads rendered lips 1.3 times as far apart as they are, and the
articulation is calibrated to what it reads on a real speaker."""

BACKGROUNDS = ("plain", "gradient", "room")
Background = Literal["plain", "gradient", "room"]
Over = Literal["nothing", "noise", "music"]


@dataclass(frozen=True, kw_only=True, slots=True)
class TalkerSpec:
    """Everything about a synthetic clip; the same spec gives the same clip."""

    seed: int = 0
    """Of whatever the other fields leave open: motion, looks, light, background, noise."""
    text: str | None = None
    """What is said; None = made-up sentences until `seconds` are filled."""
    language: str = "en-us"
    """espeak-ng voice; `viseme.synthetic.text.LANGUAGES` are those with made-up sentences."""
    variant: str = ""
    """espeak-ng voice variant: f1 .. f5, m1 .. m7, croak, whisper, ..."""
    rate_wpm: int = 165
    """Words a minute, 80 to 450."""
    pitch: int = 50
    """0 to 99."""
    seconds: float | None = None
    """Length of the frames; None = as long as the text and half a second either side."""
    audio_delay: Fraction = Fraction(0)
    """Seconds by which the audio comes later than the lips."""
    identity: int | None = None
    """Seed of the face; None = `seed`."""
    style: Style = field(default_factory=Style)
    width: int = 480
    """Pixels, even."""
    height: int = 360
    """Pixels, even."""
    rate: Fraction = Fraction(25)
    """Frames a second."""
    vfr: float = 0.0
    """Jitter of the frame times in frame periods, 0 to .4."""
    face_width: float = 0.36
    """Face width over frame width."""
    pose_deg: tuple[float, float, float] = (0.0, 0.0, 0.0)
    """Mean pitch (down), yaw (nose to image right) and roll (counter-clockwise), degrees."""
    background: Background = "room"
    antialias: int = 2
    """Samples per pixel along each axis, 1 to 4."""
    blur_px: float = 0.0
    """Standard deviation of a lens blur."""
    noise: float = 0.008
    """Standard deviation of sensor noise, of 1."""
    shutter: float = 0.3
    """Exposure in frame periods: three instants around the frame's time are averaged. 0 = sharp."""
    crf: int = 20
    """libx264 quality, lower is better."""
    second_face: bool = False
    """A silent listener stands beside the speaker (at image right)."""
    silent: bool = False
    """The face moves but says nothing, and there is no voice in the audio."""
    mismatched: bool = False
    """The mouth says another sentence than the audio."""
    over: Over = "nothing"
    """What lies over the voice."""
    snr_db: float = 15.0
    """Voice over `over`."""
    reverb_s: float = 0.0
    """Reverberation time; 0 = none."""
    audio: bool = True
    """False = a file without audio stream."""

    def __post_init__(self) -> None:
        if self.width < 32 or self.height < 32 or self.width % 2 or self.height % 2:
            raise ConfigError(f"a talker needs even width and height of at least 32, not {self.width} x {self.height}")
        if not 0 < self.rate <= 240:
            raise ConfigError(f"the frame rate must be above 0 and at most 240, not {self.rate}")
        if not 0 <= self.vfr <= 0.4:
            raise ConfigError(f"vfr is a share of the frame period from 0 to .4, not {self.vfr}")
        if self.seconds is not None and not 0 < self.seconds <= 3600:
            raise ConfigError(f"seconds must be above 0 and at most 3600, not {self.seconds}")
        if self.background not in BACKGROUNDS:
            raise ConfigError(f"there is no background {self.background!r}; known: {', '.join(BACKGROUNDS)}")
        if self.text is not None and not self.text.strip():
            raise ConfigError("the text is empty; say something, or leave --text out for made-up sentences")
        if not 0.05 <= self.face_width <= 1.0:
            raise ConfigError(f"face_width must be .05 to 1, not {self.face_width}")

    @property
    def voice(self) -> str:
        """As espeak-ng wants it."""
        return self.language + (f"+{self.variant}" if self.variant else "")


@dataclass(frozen=True)
class Person:
    """A face that can be drawn."""

    alpha: NDArray[np.float32]
    """(A,) identity."""
    albedo: NDArray[np.float32]
    """(V, 3)."""
    look: Look

    @classmethod
    def random(cls, seed: int, model: FaceModel) -> Person:
        """A person; the same seed gives the same one."""
        rng = np.random.default_rng([seed, 11])
        alpha = rng.normal(0, 0.8, model.id_basis.shape[-1]).clip(-2, 2).astype(np.float32)
        delta = rng.normal(0, 0.65, model.tex_basis.shape[-1]).clip(-1.5, 1.5).astype(np.float32)
        return cls(alpha, model.albedo(delta), Look.random(rng, melanin=float(delta[0])))


def backdrop(rng: np.random.Generator, kind: str, width: int, height: int) -> NDArray[np.float32]:
    """(H, W, 3) in [0, 1]: an even wall, a graded one, or a room out of focus."""
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    x, y = x / width, y / height
    base = rng.uniform(0.25, 0.75) + rng.uniform(-0.06, 0.06, 3)
    frame = np.broadcast_to(base, (height, width, 3)).copy()
    if kind == "plain":
        return frame.clip(0, 1).astype(np.float32)
    slope = rng.normal(0, 0.25, 2)
    frame *= (1 + slope[0] * (x - 0.5) + slope[1] * (y - 0.5))[..., None]
    if kind == "room":
        for _ in range(int(rng.integers(5, 10))):  # furniture
            left, top = rng.uniform(-0.2, 0.9), rng.uniform(-0.1, 0.9)
            right, bottom = left + rng.uniform(0.08, 0.5), top + rng.uniform(0.1, 0.7)
            inside = (x > left) & (x < right) & (y > top) & (y < bottom)
            frame[inside] = frame[inside] * rng.uniform(0.45, 1.25) + rng.normal(0, 0.025, 3)
        frame = gaussian_filter(frame, (height * 0.03, height * 0.03, 0))
        for _ in range(int(rng.integers(0, 7))):  # lamps
            distance = np.hypot((x - rng.uniform(0, 1)) * width / height, y - rng.uniform(0, 0.7))
            disc = 0.5 - 0.5 * np.tanh((distance - rng.uniform(0.02, 0.06)) / 0.012)
            frame += disc[..., None] * rng.uniform(0.1, 0.35) * rng.uniform(0.6, 1.0, 3)
    return frame.clip(0, 1).astype(np.float32)


def light(rng: np.random.Generator) -> NDArray[np.float64]:
    """(27,) a lamp from the upper front, a weak one from elsewhere, and a surround."""
    key = rng.uniform([-0.9, 0.1, 0.6], [0.9, 0.8, 1.2])
    fill = rng.uniform([-1.0, -0.3, 0.0], [1.0, 0.5, 0.8])
    warm = np.array([1.0, 1.0 - rng.uniform(0, 0.08), 1.0 - rng.uniform(0, 0.18)])
    around = [float(rng.uniform(0.22, 0.42))] * 3
    gamma = lamp(key.tolist(), colour=(rng.uniform(0.65, 0.95) * warm).tolist(), ambient=around)
    return gamma + lamp(fill.tolist(), colour=(rng.uniform(0.05, 0.3) * warm[::-1]).tolist())


def shoulders(pose: NDArray[np.float64], placed: NDArray[np.float64], rate: float) -> NDArray[np.float64]:
    """(T, 6) shoulders: they follow where the head goes, late and little, and turn by a quarter of its slow turns."""
    slow = gaussian_filter1d(pose, 0.5 * rate, axis=0, mode="nearest")
    body = np.zeros_like(pose)
    body[:, 1] = 0.35 * slow[:, 1]
    body[:, 2] = 0.2 * slow[:, 2]
    body[:, 3:] = slow[:, 3:] + placed
    return body


def with_tongue(vertices: NDArray[np.float32], model: FaceModel, raised: NDArray[np.float64]) -> NDArray[np.float32]:
    """Head vertices with the tongue's tip and back raised, and its blade put forward, by `raised` (3,), each 0..1.

    The default model's tongue has one unit, `tongueOut`, which leaves the mouth; audio need these three instead.
    """
    tip, back, out = np.clip(raised, 0, 1)
    tongue, forward, arch = _tongue(model.name)
    moved = vertices.copy()
    moved[tongue, 1] += 0.075 * tip * forward**2 + 0.05 * back * arch + 0.05 * out * forward
    moved[tongue, 2] += 0.05 * tip * forward + 0.17 * out * forward
    return moved


@lru_cache(maxsize=4)
def _tongue(name: str) -> tuple[NDArray[np.int64], NDArray[np.float32], NDArray[np.float32]]:
    """Tongue vertices, how far forward each lies, and how far up in the middle, 0..1."""
    model = load_face_model(name)
    tongue = np.unique(model.triangles[model.part == PARTS.index("tongue")]).astype(np.int64)
    z, y = model.mean[tongue, 2], model.mean[tongue, 1]
    along = np.clip((z - z.min()) / np.ptp(z), 0, 1)
    up = np.clip((y - y.min()) / np.ptp(y), 0, 1)
    return tongue, along**2 * (3 - 2 * along), np.exp(-(((along - 0.45) / 0.25) ** 2)) * up


def film(spec: TalkerSpec, motions: list[Motion]) -> Iterator[NDArray[np.uint8]]:
    """Draw the clip, one (H, W, 3) uint8 frame per time.

    Args:
        spec: What to draw.
        motions: The speaker's motion, and a listener's where `spec.second_face`; all on the same times. With a
            shutter, times come in threes: the frame is the mean of three instants.
    """
    model = load_face_model()
    rng = np.random.default_rng([spec.seed, 505])
    gamma = light(rng)
    behind = backdrop(rng, spec.background, spec.width, spec.height)
    camera = Camera.portrait(spec.width, spec.height, face_width=spec.face_width)
    people = [Person.random((spec.seed if spec.identity is None else spec.identity) + 7919 * i, model) for i in (0, 1)]
    shift_dm = _places(spec)
    instants = 3 if spec.shutter > 0 else 1
    betas = [motion.beta(model) for motion in motions]
    poses, bodies = [], []
    for motion, shift in zip(motions, shift_dm):
        pose = motion.pose.copy()
        pose[:, :3] += np.deg2rad(spec.pose_deg)
        bodies.append(shoulders(pose, np.array([shift, -0.12, 0.0]), float(spec.rate) * instants))
        pose[:, 3] += shift
        pose[:, 4] -= 0.12
        poses.append(pose)
    grain = np.random.default_rng([spec.seed, 606])
    for first in range(0, len(motions[0].times), instants):
        total = np.zeros((spec.height, spec.width, 3), np.float32)
        for k in range(first, first + instants):
            frame = behind
            for who in range(len(motions)):
                frame = render_head(
                    with_tongue(model.shape(people[who].alpha, betas[who][k]), model, motions[who].tongue[k]),
                    people[who].albedo,
                    gamma,
                    poses[who][k],
                    camera=camera,
                    model=model,
                    look=people[who].look,
                    background=frame,
                    antialias=spec.antialias,
                    body_pose=bodies[who][k],
                ).image
            total += frame
        total /= instants
        if spec.blur_px > 0:
            total = gaussian_filter(total, (spec.blur_px, spec.blur_px, 0))
        if spec.noise > 0:
            total += spec.noise * grain.standard_normal(total.shape, dtype=np.float32)
        yield (total.clip(0, 1) * 255 + 0.5).astype(np.uint8)


def _places(spec: TalkerSpec) -> list[float]:
    """Where people stand, decimetres from the middle."""
    if not spec.second_face:
        return [0.0]
    half = 0.25 * 1.45 / spec.face_width
    return [-half, half]
