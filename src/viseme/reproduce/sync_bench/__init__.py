"""`make bench`: known shifts, windows, mismatched audio, disturbances, calibration and speed of `viseme.check`.

Measured on clips marked `dev` and `dev-foreign` alone, which no training ever sees. Faces are followed once and kept
(`viseme.reproduce.measured_clips`); everything after them is the code that `viseme.check` runs, with its thresholds.
"""
