"""Detect, track, cut shots, landmarks, smoothing, and why a face was not used. Refuses to know audio and 3D models.

>>> from viseme.faces import tracker
>>> list(tracker)
['mediapipe', 'task-file']
"""

from viseme.faces.geometry import face_boxes, face_width, head_angles, lip_opening
from viseme.faces.interface import (
    FaceEvent,
    FaceImages,
    FaceObserver,
    FaceTrack,
    FaceTrackChunk,
    FaceTracker,
    FrameLike,
    tracker,
)
from viseme.faces.thumbnails import FaceThumbnails

__all__ = [
    "FaceEvent",
    "FaceImages",
    "FaceObserver",
    "FaceThumbnails",
    "FaceTrack",
    "FaceTrackChunk",
    "FaceTracker",
    "FrameLike",
    "face_boxes",
    "face_width",
    "head_angles",
    "lip_opening",
    "tracker",
]
