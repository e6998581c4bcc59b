"""`python -m viseme.reproduce.speakers_bench`: conversations, mismatched audio, speed.

Conversations with voices, faces and scenes that no training meets; real clips marked `dev` under their own audio and
under that of other clips; wall clocks. Knows scorers and features; trains nothing.
"""
