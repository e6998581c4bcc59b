"""`python -m viseme.reproduce.speakers_bench`: conversations, mismatched audio and speed of finding speakers.

Conversations with voices, faces and scenes that no training meets; real clips marked `dev` under their own audio and
under that of other clips; wall clocks. Trains nothing.
"""
