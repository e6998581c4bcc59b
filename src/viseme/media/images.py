"""Single images as arrays: resize, affine warp, blur, JPEG and PNG, boxes and text. Only this module uses Pillow.

Images are (H, W, 3) uint8 RGB. Pixel centres lie at +0.5, x right, y down. Refuses to know videos and faces.
"""

from __future__ import annotations

import io
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter, ImageFont

__all__ = [
    "decode_image",
    "draw_box",
    "draw_text",
    "encode_jpeg",
    "encode_png",
    "gaussian_blur",
    "resize",
    "resize_part",
    "text_size",
    "warp_affine",
]

Colour = tuple[int, int, int]
"""RGB, 0 to 255."""


def resize(image: NDArray[np.uint8], width: int, height: int) -> NDArray[np.uint8]:
    """The image at another size: the mean over each pixel's area when it shrinks, bilinear when it grows.

    Args:
        image: (H, W, 3).
        width: Pixels, 1 or more.
        height: Pixels, 1 or more.

    Returns:
        (height, width, 3).
    """
    shrinks = width < image.shape[1] or height < image.shape[0]
    kind = Image.Resampling.BOX if shrinks else Image.Resampling.BILINEAR
    return np.array(Image.fromarray(image).resize((width, height), kind))


def resize_part(image: NDArray[np.uint8], box: NDArray[np.floating], width: int, height: int) -> NDArray[np.uint8]:
    """A part of an image at another size, bilinear; a pixel of a result that shrinks is a mean over what it covers.

    Args:
        image: (H, W, 3).
        box: (4,) xyxy pixels, with fractions; the edge is repeated where it leaves the image.
        width: Pixels of the result, 1 or more.
        height: Pixels of the result, 1 or more.

    Returns:
        (height, width, 3).

    Raises:
        ValueError: the box is empty or not finite.

    Example:
        >>> image = np.arange(48, dtype=np.uint8).reshape(4, 4, 3)
        >>> bool((resize_part(image, np.array([1.0, 1.0, 3.0, 3.0]), 2, 2) == image[1:3, 1:3]).all())
        True
    """
    left, top, right, bottom = (float(v) for v in box)
    if not (right > left and bottom > top and np.isfinite(box).all()):
        raise ValueError(f"{box} is no box")
    low = np.floor([left, top]).astype(int) - 2
    high = np.ceil([right, bottom]).astype(int) + 2
    part = _with_edges(image, low, high)
    inner = (left - low[0], top - low[1], right - low[0], bottom - low[1])
    return np.array(Image.fromarray(part).resize((width, height), Image.Resampling.BILINEAR, box=inner))


def warp_affine(image: NDArray[np.uint8], matrix: NDArray[np.floating], width: int, height: int) -> NDArray[np.uint8]:
    """Turn, scale, shear and shift an image, bilinear; the edge is repeated where the result leaves the image.

    Args:
        image: (H, W, 3).
        matrix: (2, 3) from image pixels to result pixels: `result = matrix @ (x, y, 1)`.
        width: Pixels of the result.
        height: Pixels of the result.

    Returns:
        (height, width, 3). Fine structure aliases where the matrix shrinks by more than half: `resize` first.

    Raises:
        ValueError: the matrix has no inverse.

    Example:
        >>> image = np.arange(4, dtype=np.uint8)[None, :, None].repeat(2, 0).repeat(3, 2)
        >>> warp_affine(image, np.array([[1.0, 0, 1], [0, 1, 0]]), 4, 1)[0, :, 0].tolist()  # one pixel to the right
        [0, 0, 1, 2]
    """
    linear, shift = np.asarray(matrix, np.float64)[:, :2], np.asarray(matrix, np.float64)[:, 2]
    if not abs(np.linalg.det(linear)) > 0:
        raise ValueError(f"the matrix has no inverse: {matrix}")
    back = np.linalg.inv(linear)
    corners = (np.array([[0, 0], [width, 0], [0, height], [width, height]]) - shift) @ back.T
    low, high = np.floor(corners.min(0)).astype(int) - 1, np.ceil(corners.max(0)).astype(int) + 1
    part = _with_edges(image, low, high)
    origin = -back @ shift - low
    coefficients = (back[0, 0], back[0, 1], origin[0], back[1, 0], back[1, 1], origin[1])
    kind = Image.Transform.AFFINE
    return np.array(Image.fromarray(part).transform((width, height), kind, coefficients, Image.Resampling.BILINEAR))


def _with_edges(image: NDArray[np.uint8], low: NDArray[np.int_], high: NDArray[np.int_]) -> NDArray[np.uint8]:
    """Columns and rows `low` to `high` of an image; those outside repeat its edge."""
    height, width = image.shape[:2]
    (x0, y0), (x1, y1) = low, high
    if x0 >= 0 and y0 >= 0 and x1 <= width and y1 <= height:
        return np.ascontiguousarray(image[y0:y1, x0:x1])
    rows, columns = np.arange(y0, y1).clip(0, height - 1), np.arange(x0, x1).clip(0, width - 1)
    return np.ascontiguousarray(image[rows][:, columns])


def gaussian_blur(image: NDArray[np.uint8], sigma: float) -> NDArray[np.uint8]:
    """The image blurred by a Gaussian of standard deviation `sigma` pixels, 0 or more; the edge is repeated."""
    return np.array(Image.fromarray(image).filter(ImageFilter.GaussianBlur(sigma)))


def encode_jpeg(image: NDArray[np.uint8], quality: int) -> bytes:
    """The image as JPEG, 4:2:0, `quality` 1 to 100."""
    out = io.BytesIO()
    Image.fromarray(image).save(out, "JPEG", quality=quality)
    return out.getvalue()


def encode_png(image: NDArray[np.uint8]) -> bytes:
    """The image as PNG."""
    out = io.BytesIO()
    Image.fromarray(image).save(out, "PNG")
    return out.getvalue()


def decode_image(data: bytes) -> NDArray[np.uint8]:
    """(H, W, 3) of a JPEG or PNG.

    Raises:
        ValueError: the data are damaged or of another kind.
    """
    try:
        with Image.open(io.BytesIO(data), formats=("JPEG", "PNG")) as image:
            return np.array(image.convert("RGB"))
    except OSError as error:
        raise ValueError(f"not a readable JPEG or PNG: {error}") from error


def draw_box(image: NDArray[np.uint8], box: tuple[int, int, int, int], colour: Colour, thickness: int = 2) -> None:
    """Draw a rectangle into the image, in place.

    Args:
        image: (H, W, 3).
        box: xyxy, pixels; what lies outside the image is left out. The line lies half inside, half outside.
        colour: RGB.
        thickness: Pixels of the line; 0 fills the box.
    """
    height, width = image.shape[:2]
    outer, inner = (thickness + 1) // 2, thickness // 2
    x0, y0, x1, y1 = box[0] - outer, box[1] - outer, box[2] + outer, box[3] + outer
    line = outer + inner

    def fill(left: int, top: int, right: int, bottom: int) -> None:
        image[max(top, 0) : max(min(bottom, height), 0), max(left, 0) : max(min(right, width), 0)] = colour

    if thickness == 0 or x1 - x0 <= 2 * line or y1 - y0 <= 2 * line:
        fill(x0, y0, x1, y1)
        return
    fill(x0, y0, x1, y0 + line)
    fill(x0, y1 - line, x1, y1)
    fill(x0, y0 + line, x0 + line, y1 - line)
    fill(x1 - line, y0 + line, x1, y1 - line)


@lru_cache(maxsize=8)
def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size)


def text_size(text: str, size: int) -> tuple[int, int]:
    """Width and height, pixels, that `draw_text` needs for a line of text; the height is the same for every text."""
    font = _font(size)
    return round(font.getlength(text) + 0.499), _line_height(size)


def _line_height(size: int) -> int:
    font = _font(size)
    return sum(font.getmetrics()) if isinstance(font, ImageFont.FreeTypeFont) else size + 4


def draw_text(image: NDArray[np.uint8], text: str, at: tuple[int, int], colour: Colour, size: int = 14) -> None:
    """Write a line of text into the image, in place; what does not fit is cut off.

    Args:
        image: (H, W, 3).
        text: Latin letters, figures and signs; the font is the one that comes with Pillow.
        at: x and y of the upper left corner of the line, pixels.
        colour: RGB.
        size: Of the font, pixels.
    """
    height, width = image.shape[:2]
    wide, tall = text_size(text, size)
    x0, y0, x1, y1 = max(at[0], 0), max(at[1], 0), min(at[0] + wide, width), min(at[1] + tall, height)
    if x0 >= x1 or y0 >= y1:
        return
    part = Image.fromarray(np.ascontiguousarray(image[y0:y1, x0:x1]))
    ImageDraw.Draw(part).text((at[0] - x0, at[1] - y0), text, fill=colour, font=_font(size))
    image[y0:y1, x0:x1] = np.asarray(part)
