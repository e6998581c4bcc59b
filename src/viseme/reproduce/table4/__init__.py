"""`viseme reproduce table4`: one talker under four sync losses, equal in everything else.

Table 4 of Yaman et al. on whatever clips there are, at a size that two cores train or at theirs: image quality, mouth
landmarks, sync by networks that took no part in training, and how stable both experts are on real clips (Figure 1). The
order of the work is in `command`.
"""

from viseme.reproduce.table4.command import Table4Result, reproduce_table4

__all__ = ["Table4Result", "reproduce_table4"]
