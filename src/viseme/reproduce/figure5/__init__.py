"""`viseme reproduce figure5`: how far each measure of lip sync moves when the face is shifted, turned or scaled.

Figure 5 of Yaman et al. on whatever clips and networks there are. Two modes: `crop` changes the aligned crop and so
asks the network; `frame` changes the frame before faces are sought and so asks everything. The order of the work is in
`command`.
"""

from viseme.reproduce.figure5.command import Figure5Result, reproduce_figure5

__all__ = ["Figure5Result", "reproduce_figure5"]
