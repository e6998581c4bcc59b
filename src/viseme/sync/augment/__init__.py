"""What a training clip goes through so that one speaker stands for many: rate, vocal tract, face, tracker, room, noise.

Knows arrays; refuses to know files, networks and torch, so that processes that draw batches stay small. `crops` cuts
clips in time and puts the rest together: `lips` (lip points), `frames` (pixels), `audio` (mel power, where mixing,
rooms and channels are products and sums, so that a batch costs milliseconds).
"""
