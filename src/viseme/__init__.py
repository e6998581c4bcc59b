"""Check and repair the lip sync of any real video.

    >>> import viseme
    >>> callable(viseme.check)
    True

Names are loaded when they are first read: `import viseme` alone imports no other package. `__init__.pyi` tells editors
and type checkers what they are.
"""

from __future__ import annotations

from viseme.core.lazy import lazy_names

__version__ = "0.1.0"

_TABLE = {
    "BadHash": "viseme.core.errors",
    "CheckEvidence": "viseme.core.evidence",
    "CheckResult": "viseme.core.results",
    "ClipScore": "viseme.core.scores",
    "ClipValue": "viseme.core.scores",
    "ConfigError": "viseme.core.errors",
    "CorpusList": "viseme.data.lists",
    "DataError": "viseme.core.errors",
    "DelayEstimate": "viseme.core.results",
    "DelaySegment": "viseme.core.results",
    "DemoResult": "viseme.cli.commands.demo",
    "Drift": "viseme.core.results",
    "FaceError": "viseme.core.errors",
    "FaceModelInfo": "viseme.face3d.models.catalog",
    "FaceState": "viseme.core.speakers",
    "FaceStrip": "viseme.core.evidence",
    "FaceTimeline": "viseme.core.speakers",
    "FailedCheck": "viseme.core.results",
    "FailedFile": "viseme.core.results",
    "FailedFix": "viseme.sync.repair_batch",
    "FailedScore": "viseme.core.scores",
    "FailedStandardize": "viseme.standardization.results",
    "FailureCause": "viseme.core.scores",
    "FilmedConversation": "viseme.synthetic.conversation.truth",
    "FixOutcome": "viseme.sync.repair_batch",
    "FixRefused": "viseme.core.errors",
    "FixResult": "viseme.sync.repair",
    "Kept": "viseme.media.compare",
    "KeptStream": "viseme.media.compare",
    "LiveEnd": "viseme.core.live",
    "LiveFace": "viseme.core.live",
    "LiveHeader": "viseme.core.live",
    "LiveReject": "viseme.core.live",
    "LiveStep": "viseme.core.live",
    "MediaError": "viseme.core.errors",
    "MetricProtocol": "viseme.core.scores",
    "MetricValue": "viseme.core.scores",
    "MissingExtra": "viseme.core.errors",
    "MissingWeights": "viseme.core.errors",
    "NoAudio": "viseme.core.errors",
    "NoVideo": "viseme.core.errors",
    "OutputError": "viseme.core.errors",
    "Reason": "viseme.core.results",
    "RejectedTrack": "viseme.core.results",
    "ScoreComparison": "viseme.core.scores",
    "ScoreResult": "viseme.core.scores",
    "SpeakersResult": "viseme.core.speakers",
    "StandardizeResult": "viseme.standardization.results",
    "StandardizedClip": "viseme.standardization.files",
    "StandardizedTrack": "viseme.standardization.results",
    "StateSegment": "viseme.core.speakers",
    "StudyAnalysis": "viseme.core.studies",
    "StudyFolder": "viseme.core.studies",
    "SynthResult": "viseme.synthetic.pipeline",
    "TrackResult": "viseme.core.results",
    "UnreadableMedia": "viseme.core.errors",
    "Verdict": "viseme.core.results",
    "VisemeError": "viseme.core.errors",
    "VoiceSegment": "viseme.core.speakers",
    "VoiceState": "viseme.core.speakers",
    "WeightsError": "viseme.core.errors",
    "check": "viseme.sync.pipeline",
    "check_many": "viseme.sync.batch",
    "compare_scores": "viseme.metrics.score_ranking",
    "demo": "viseme.cli.commands.demo",
    "evaluate_asw": "viseme.speakers.evaluate",
    "evaluate_ava": "viseme.speakers.evaluate",
    "evaluate_columbia": "viseme.speakers.evaluate",
    "evaluate_folder": "viseme.speakers.evaluate",
    "face_models": "viseme.face3d.models.catalog",
    "find_speakers": "viseme.speakers.pipeline",
    "find_speakers_live": "viseme.speakers.live",
    "fix": "viseme.sync.repair",
    "fix_many": "viseme.sync.repair_batch",
    "list_corpus": "viseme.data.lists",
    "read_lips": "viseme.expert.reading",
    "read_standardized": "viseme.standardization.files",
    "reproduce_figure5": "viseme.reproduce.figure5",
    "reproduce_table1": "viseme.reproduce.table1",
    "reproduce_table2": "viseme.reproduce.table2",
    "score": "viseme.metrics.pipeline",
    "standardize": "viseme.standardization.pipeline",
    "standardize_many": "viseme.standardization.batch",
    "study_analyse": "viseme.reproduce.user_study",
    "study_make": "viseme.reproduce.user_study",
    "synth": "viseme.synthetic.pipeline",
    "synth_conversation": "viseme.synthetic.conversation.film",
    "train_enet": "viseme.standardization.training.train",
    "train_expert": "viseme.expert.train",
    "train_speakers": "viseme.speakers.train",
    "train_sync": "viseme.sync.train",
    "write_report": "viseme.report.html",
}

__all__ = ["__version__", *sorted(_TABLE)]

__getattr__, __dir__ = lazy_names(__name__, _TABLE)
