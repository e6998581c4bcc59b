"""The default face model, built from CC0 data; `tools/build_face_model.py` is the command."""
