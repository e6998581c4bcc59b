"""Data standardisation: a face video in, lip motion alone out. Read `interface.py` first. Knows no sound."""
