"""Landmark schemes: which point is where. Knows indices only.

`mediapipe478`: 468 mesh points and 2 x 5 iris points. "left" and "right" are the subject's own: the left eye of
a frontal subject is on the right of the image. Loops are taken from the edges in
`mediapipe.python.solutions.face_mesh_connections`, clockwise in the image from the subject's right.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "ALIGNMENT",
    "ALIGNMENT_SHAPE",
    "CHEEKS",
    "CHIN",
    "EYE_CORNERS",
    "FACE_OVAL",
    "IBUG68_EYES_AND_NOSE",
    "IBUG68_MOUTH",
    "INNER_MOUTH_CORNERS",
    "JAW",
    "LEFT_EYE",
    "LEFT_IRIS",
    "LIPS",
    "LIPS_INNER",
    "LIPS_OUTER",
    "LIP_MIDDLE",
    "LIP_OPENING_PAIRS",
    "LIP_POINTS",
    "LIP_POINTS_MIDDLE",
    "LIP_POINTS_MIRROR",
    "LOWER_INNER",
    "MIRROR",
    "MOUTH_CORNERS",
    "NOSE",
    "NUM_POINTS",
    "RIGHT_EYE",
    "RIGHT_IRIS",
    "RIGID",
    "RIGID_SHAPE",
    "UPPER_INNER",
]

NUM_POINTS = 478
"""Points of `mediapipe478`."""


def _indices(*values: int) -> NDArray[np.intp]:
    array = np.array(values, dtype=np.intp)
    array.setflags(write=False)
    return array


LIPS_OUTER = _indices(
    61, 185, 40, 39, 37, 0, 267, 269, 270, 409, 291, 375, 321, 405, 314, 17, 84, 181, 91, 146
)  # fmt: skip
"""(20,) outer lip line: right corner 61, over the upper lip (0 in the middle), left corner 291, lower lip (17)."""
LIPS_INNER = _indices(
    78, 191, 80, 81, 82, 13, 312, 311, 310, 415, 308, 324, 318, 402, 317, 14, 87, 178, 88, 95
)  # fmt: skip
"""(20,) inner lip line, in the order of `LIPS_OUTER`: 78, upper 13, 308, lower 14."""
LIPS = _indices(*LIPS_OUTER, *LIPS_INNER)
"""(40,) both lip lines."""
UPPER_INNER, LOWER_INNER = LIPS_INNER[1:10], LIPS_INNER[:10:-1]
"""(9,) each: upper and lower inner lip, opposite points in the same place; the corners have no opposite."""
LIP_MIDDLE = _indices(13, 14)
"""Middle of the upper and of the lower inner lip."""
LIP_OPENING_PAIRS = ((82, 87), (13, 14), (312, 317))
"""Opposite points of the inner lip line: right of the middle, middle, left of it."""
MOUTH_CORNERS = _indices(61, 291)
"""Right and left end of the outer lip line."""
INNER_MOUTH_CORNERS = _indices(78, 308)
"""Right and left end of the inner lip line."""
EYE_CORNERS = _indices(33, 263)
"""Outer corners of the right and of the left eye."""
CHEEKS = _indices(234, 454)
"""Right and left end of the face's width."""
CHIN = 152
"""Lowest point of the outline."""
NOSE = _indices(168, 6, 197, 195, 5, 4, 1, 19, 94, 2, 98, 97, 326, 327, 48, 278, 64, 294)
"""(18,) ridge from the bridge to the tip, then base and wings."""
FACE_OVAL = _indices(
    10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377, 152, 148, 176, 149,
    150, 136, 172, 58, 132, 93, 234, 127, 162, 21, 54, 103, 67, 109
)  # fmt: skip
"""(36,) outline of the face from the top of the forehead (10); the chin is 152."""
JAW = _indices(
    234, 93, 132, 58, 172, 136, 150, 149, 176, 148, 152, 377, 400, 378, 379, 365, 397, 288, 361, 323, 454
)  # fmt: skip
"""(21,) lower half of the outline, ear to ear through the chin."""
RIGHT_EYE = _indices(
    33, 246, 161, 160, 159, 158, 157, 173, 133, 155, 154, 153, 145, 144, 163, 7
)  # fmt: skip
"""(16,) from the outer corner (33) over the upper lid to the inner one (133) and back."""
LEFT_EYE = _indices(
    263, 466, 388, 387, 386, 385, 384, 398, 362, 382, 381, 380, 374, 373, 390, 249
)  # fmt: skip
"""(16,) the mirror images of `RIGHT_EYE`, in its order."""
RIGHT_IRIS = _indices(
    468, 469, 470, 471, 472
)  # fmt: skip
"""(5,) centre, then four points around it."""
LEFT_IRIS = _indices(
    473, 476, 475, 474, 477
)  # fmt: skip
"""(5,) the mirror images of `RIGHT_IRIS`, in its order."""
RIGID = _indices(
    10, 151, 9, 8, 168, 6, 197, 109, 67, 103, 54, 21, 162, 127, 108, 193, 122, 69, 104, 68, 71, 139, 33, 133,
    338, 297, 332, 284, 251, 389, 356, 337, 417, 351, 299, 333, 298, 301, 368, 263, 362
)  # fmt: skip
"""(41,) forehead, temples, nose bridge, eye corners: what speech moves least. The middle first, then mirror pairs."""

IBUG68_EYES_AND_NOSE = _indices(2, 33, 133, 362, 263)
"""(5,) points that stand for 33, 36, 39, 42, 45 of `ibug68`: base of the nose, then the corners of the right eye
(outer, inner) and of the left one (inner, outer)."""
IBUG68_MOUTH = _indices(61, 40, 37, 0, 267, 270, 291, 321, 314, 17, 84, 91, 78, 81, 13, 311, 308, 402, 14, 178)
"""(20,) points that stand for 48 to 67 of `ibug68`: the outer lip line from the right corner over the upper lip and
back over the lower one, then the inner one alike."""

_RIGID_SHAPE = """
 0.000   0.583   0.276
 0.000   0.288   0.335
 0.000  -0.031   0.375
 0.000  -0.184   0.350
 0.000  -0.315   0.339
 0.000  -0.455   0.409
 0.000  -0.587   0.489
-0.309   0.573   0.248
-0.570   0.523   0.141
-0.812   0.417  -0.042
-0.973   0.257  -0.256
-1.072   0.055  -0.463
-1.125  -0.164  -0.682
-1.147  -0.437  -0.858
-0.269   0.293   0.311
-0.128  -0.317   0.266
-0.097  -0.482   0.367
-0.507   0.284   0.236
-0.740   0.236   0.104
-0.900   0.126  -0.047
-1.006  -0.034  -0.234
-1.068  -0.227  -0.404
-0.725  -0.360  -0.030
-0.274  -0.392   0.054
 0.309   0.573   0.248
 0.570   0.523   0.141
 0.812   0.417  -0.042
 0.973   0.257  -0.256
 1.072   0.055  -0.463
 1.125  -0.164  -0.682
 1.147  -0.437  -0.858
 0.269   0.293   0.311
 0.128  -0.317   0.266
 0.097  -0.482   0.367
 0.507   0.284   0.236
 0.740   0.236   0.104
 0.900   0.126  -0.047
 1.006  -0.034  -0.234
 1.068  -0.227  -0.404
 0.725  -0.360  -0.030
 0.274  -0.392   0.054
"""
RIGID_SHAPE: NDArray[np.float64] = np.array(_RIGID_SHAPE.split(), dtype=np.float64).reshape(-1, 3)
RIGID_SHAPE.setflags(write=False)
"""(41, 3) mean place of `RIGID` in a face looking into the camera: +x image right, +y up, +z out of the face,
distance between the eyes = 1. Mean of one GRID speaker (s1, CC BY 4.0) looking ahead, made symmetric."""

ALIGNMENT = _indices(
    10, 338, 297, 332, 284, 251, 389, 109, 67, 103, 54, 21, 162, 151, 9, 8, 168, 6, 197, 195, 5, 4, 33, 133, 362,
    263, 127, 356, 34, 264, 143, 372, 245, 465, 122, 351, 193, 417
)  # fmt: skip
"""(38,) what lip motion is aligned by: forehead, temples, bridge and ridge of the nose, eye corners. Other than `RIGID`
it leaves out the brows' surroundings and has the nose's ridge; trained networks depend on it."""

_ALIGNMENT_SHAPE = """
 0.0000  0.5054  0.2126
 0.2133  0.5002  0.1928
 0.3935  0.4717  0.1169
 0.5606  0.4089 -0.0143
 0.6713  0.3105 -0.1699
 0.7396  0.1827 -0.3224
 0.7761  0.0441 -0.4841
-0.2133  0.5002  0.1928
-0.3935  0.4717  0.1169
-0.5606  0.4089 -0.0143
-0.6713  0.3105 -0.1699
-0.7396  0.1827 -0.3224
-0.7761  0.0441 -0.4841
 0.0000  0.3009  0.2382
 0.0000  0.0804  0.2504
 0.0000 -0.0233  0.2254
 0.0000 -0.1128  0.2109
 0.0000 -0.2121  0.2516
 0.0000 -0.3064  0.3000
 0.0000 -0.3957  0.3537
 0.0000 -0.4916  0.4087
 0.0000 -0.6024  0.4253
-0.5000 -0.1217 -0.0451
-0.1894 -0.1498  0.0111
 0.1894 -0.1498  0.0111
 0.5000 -0.1217 -0.0451
-0.7914 -0.1343 -0.6183
 0.7914 -0.1343 -0.6183
-0.7747 -0.1661 -0.3848
 0.7747 -0.1661 -0.3848
-0.6969 -0.1778 -0.2152
 0.6969 -0.1778 -0.2152
-0.1149 -0.2009  0.1128
 0.1149 -0.2009  0.1128
-0.0666 -0.2286  0.2219
 0.0666 -0.2286  0.2219
-0.0883 -0.1102  0.1603
 0.0883 -0.1102  0.1603
"""
ALIGNMENT_SHAPE: NDArray[np.float64] = np.array(_ALIGNMENT_SHAPE.split(), dtype=np.float64).reshape(-1, 3)
ALIGNMENT_SHAPE.setflags(write=False)
"""(38, 3) mean place of `ALIGNMENT` in a frontal face, mirror-symmetric: axes as `RIGID_SHAPE`, the outer eye corners
one unit apart, the origin in the middle of the points."""

_PAIRS = """
3:248 7:249 20:250 21:251 22:252 23:253 24:254 25:255 26:256 27:257 28:258 29:259 30:260 31:261 32:262 33:263
34:264 35:265 36:266 37:267 38:268 39:269 40:270 41:271 42:272 43:273 44:274 45:275 46:276 47:277 48:278 49:279
50:280 51:281 52:282 53:283 54:284 55:285 56:286 57:287 58:288 59:289 60:290 61:291 62:292 63:293 64:294 65:295
66:296 67:297 68:298 69:299 70:300 71:301 72:302 73:303 74:304 75:305 76:306 77:307 78:308 79:309 80:310 81:311
82:312 83:313 84:314 85:315 86:316 87:317 88:318 89:319 90:320 91:321 92:322 93:323 95:324 96:325 97:326 98:327
99:328 100:329 101:330 102:331 103:332 104:333 105:334 106:335 107:336 108:337 109:338 110:339 111:340 112:341
113:342 114:343 115:344 116:345 117:346 118:347 119:348 120:349 121:350 122:351 123:352 124:353 125:354 126:355
127:356 128:357 129:358 130:359 131:360 132:361 133:362 134:363 135:364 136:365 137:366 138:367 139:368 140:369
141:370 142:371 143:372 144:373 145:374 146:375 147:376 148:377 149:378 150:379 153:380 154:381 155:382 156:383
157:384 158:385 159:386 160:387 161:388 162:389 163:390 165:391 166:392 167:393 169:394 170:395 171:396 172:397
173:398 174:399 176:400 177:401 178:402 179:403 180:404 181:405 182:406 183:407 184:408 185:409 186:410 187:411
188:412 189:413 190:414 191:415 192:416 193:417 194:418 196:419 198:420 201:421 202:422 203:423 204:424 205:425
206:426 207:427 208:428 209:429 210:430 211:431 212:432 213:433 214:434 215:435 216:436 217:437 218:438 219:439
220:440 221:441 222:442 223:443 224:444 225:445 226:446 227:447 228:448 229:449 230:450 231:451 232:452 233:453
234:454 235:455 236:456 237:457 238:458 239:459 240:460 241:461 242:462 243:463 244:464 245:465 246:466 247:467
468:473 469:476 470:475 471:474 472:477
"""


def _mirror() -> NDArray[np.intp]:
    mirror = np.arange(NUM_POINTS, dtype=np.intp)
    for pair in _PAIRS.split():
        right, left = map(int, pair.split(":"))
        mirror[right], mirror[left] = left, right
    mirror.setflags(write=False)
    return mirror


MIRROR = _mirror()
"""(478,) the point that takes this point's place in a mirrored face: flip x, then `points[..., MIRROR, :]`.
Every edge of MediaPipe's tesselation goes to another edge under it, except three diagonals of quads."""

LIP_POINTS = _indices(
    *LIPS, 152, 148, 377, 176, 400, 149, 378, 150, 379, 136, 365, 172, 397, 199, 200, 18, 175,
    2, 164, 205, 425, 207, 427, 57, 287, 212, 432
)  # fmt: skip
"""(67,) points of lip motion: 20 outer lip, 20 inner lip, 17 jaw, 10 around the mouth."""
LIP_POINTS_MIRROR = _indices(*(LIP_POINTS.tolist().index(point) for point in MIRROR[LIP_POINTS].tolist()))
"""(67,) the place in `LIP_POINTS` that takes a place's part in a mirrored face."""
LIP_POINTS_MIDDLE: tuple[int, int] = (LIP_POINTS.tolist().index(13), LIP_POINTS.tolist().index(14))
"""Places in `LIP_POINTS` of the middle of the upper and of the lower inner lip."""
