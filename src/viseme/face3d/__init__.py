"""Geometry and light of faces. Read `interface.py` first. Knows no sound, no networks, no training."""
