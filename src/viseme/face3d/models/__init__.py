"""Which face models there are, where they come from and under what licence; loaders for those a user brings along.

`face_models()` lists them; `viseme.face3d.interface.load_face_model` loads one. Only `default` ships.
"""

from viseme.face3d.models.catalog import FaceModelInfo, face_models

__all__ = ["FaceModelInfo", "face_models"]
