"""`viseme reproduce table2`: the same sync network on every visual input, with many and with few clips to learn from.

Table II of DSP, DSP-0 and LMID on whatever clips there are: one trainer, one estimator and one budget for all inputs,
so that only what is seen differs. Also the protocols of PM and VocaLiST (K5 to K15) and recovery of known shifts by
length, turn of the head and blur. The order of the work is in `command`.
"""

from viseme.reproduce.table2.command import Table2Result, reproduce_table2

__all__ = ["Table2Result", "reproduce_table2"]
