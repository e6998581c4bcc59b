"""`viseme evaluate`: found speakers against labels of ASW, AVA-ActiveSpeaker and Columbia, or clips against mismatched
audio.

Labels are read in `viseme.data.active_speakers`; every labelled instant is scored.
"""

from viseme.speakers.evaluate.corpora import evaluate_asw, evaluate_ava, evaluate_columbia
from viseme.speakers.evaluate.folder import evaluate_folder
from viseme.speakers.evaluate.results import Columbia, Evaluation

__all__ = ["Columbia", "Evaluation", "evaluate_asw", "evaluate_ava", "evaluate_columbia", "evaluate_folder"]
