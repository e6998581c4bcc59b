"""Corpora that people have on their own disks: what is in them, how much of it, and which part is which.

A reader looks at names alone and asserts the published counts; `write_manifest` makes the `manifest.csv` that
training and reproductions read:

    clips = read_voxceleb2(Path("vox2"), "dev")
    write_manifest(Path("vox2-mini"), minidev(clips), use="train")
    write_manifest(Path("vox2-mini"), read_voxceleb2(Path("vox2"), "test"), use="dev", add=True)
    # viseme reproduce table2 --data vox2-mini

`viseme list-corpus` (`list_corpus`) does the same from the command line.
"""

from viseme.data.grid import grid_words, read_grid
from viseme.data.interface import CorpusClip, Counts, corpora, counts_of, require_counts, write_manifest
from viseme.data.lists import CorpusList, list_corpus
from viseme.data.lrs import read_lrs2, read_lrs3
from viseme.data.lrw import read_hdtf, read_lrw
from viseme.data.voxceleb2 import minidev, pairs_up, read_voxceleb2

__all__ = [
    "CorpusClip",
    "CorpusList",
    "Counts",
    "corpora",
    "counts_of",
    "grid_words",
    "list_corpus",
    "minidev",
    "pairs_up",
    "read_grid",
    "read_hdtf",
    "read_lrs2",
    "read_lrs3",
    "read_lrw",
    "read_voxceleb2",
    "require_counts",
    "write_manifest",
]
