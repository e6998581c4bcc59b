"""How good an answer is: one file a metric, each a pure function with its accumulator.

Knows numbers and labels; refuses to know files, networks and where a video came from. Counts are additive over files;
a ratio is taken last, and comes with n and an interval.
"""
