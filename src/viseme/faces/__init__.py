"""Detect, track, cut shots, landmarks, smoothing, and why a face was not used. Refuses to know sound and 3D models.

>>> from viseme.faces import tracker
>>> list(tracker)
['mediapipe', 'mediapipe-tasks']
"""

from viseme.faces.interface import FaceEvent, FaceTrackChunk, FaceTracker, PictureLike, tracker

__all__ = ["FaceEvent", "FaceTrackChunk", "FaceTracker", "PictureLike", "tracker"]
