"""`viseme reproduce table1`: how much of the lips survives when only expression is kept, over held-out folds.

Table I of DSP (E1: mixed coefficients, group means) and Table 1 of LMID (E2: clip by clip, other people's identities),
on whatever clips there are: ratios may carry over where pixels do not. The order of the work is in `command`.
"""

from viseme.reproduce.table1.command import Table1Result, reproduce_table1

__all__ = ["Table1Result", "reproduce_table1"]
