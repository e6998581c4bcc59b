"""Geometry and light of faces. Read `interface.py` first. Knows no audio, no networks, no training."""
