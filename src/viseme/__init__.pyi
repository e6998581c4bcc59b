"""What `viseme` exports, for editors and type checkers; a test compares it with `__init__.py`."""

from viseme.avatar.animate import (
    AnimateResult as AnimateResult,
)
from viseme.avatar.animate import (
    animate as animate,
)
from viseme.avatar.dub import (
    DubResult as DubResult,
)
from viseme.avatar.dub import (
    dub as dub,
)
from viseme.avatar.inspection import (
    AvatarInspection as AvatarInspection,
)
from viseme.avatar.inspection import (
    avatar_inspect as avatar_inspect,
)
from viseme.avatar.live import (
    AnimateFrame as AnimateFrame,
)
from viseme.avatar.live import (
    AnimateStream as AnimateStream,
)
from viseme.avatar.live import (
    animate_live as animate_live,
)
from viseme.avatar.runner import (
    Avatar as Avatar,
)
from viseme.avatar.runner import (
    load_avatar as load_avatar,
)
from viseme.avatar.train import (
    train_avatar as train_avatar,
)
from viseme.avatar.voice.train import (
    train_voice as train_voice,
)
from viseme.cli.commands.demo import (
    DemoResult as DemoResult,
)
from viseme.cli.commands.demo import (
    demo as demo,
)
from viseme.core.avatars import (
    AvatarTrainResult as AvatarTrainResult,
)
from viseme.core.errors import (
    BadHash as BadHash,
)
from viseme.core.errors import (
    ConfigError as ConfigError,
)
from viseme.core.errors import (
    ConsentError as ConsentError,
)
from viseme.core.errors import (
    DataError as DataError,
)
from viseme.core.errors import (
    FaceError as FaceError,
)
from viseme.core.errors import (
    FixRefused as FixRefused,
)
from viseme.core.errors import (
    MediaError as MediaError,
)
from viseme.core.errors import (
    MissingExtra as MissingExtra,
)
from viseme.core.errors import (
    MissingWeights as MissingWeights,
)
from viseme.core.errors import (
    NoAudio as NoAudio,
)
from viseme.core.errors import (
    NoVideo as NoVideo,
)
from viseme.core.errors import (
    OutputError as OutputError,
)
from viseme.core.errors import (
    UnreadableMedia as UnreadableMedia,
)
from viseme.core.errors import (
    VisemeError as VisemeError,
)
from viseme.core.errors import (
    WeightsError as WeightsError,
)
from viseme.core.evidence import (
    CheckEvidence as CheckEvidence,
)
from viseme.core.evidence import (
    FaceStrip as FaceStrip,
)
from viseme.core.live import (
    LiveEnd as LiveEnd,
)
from viseme.core.live import (
    LiveFace as LiveFace,
)
from viseme.core.live import (
    LiveHeader as LiveHeader,
)
from viseme.core.live import (
    LiveReject as LiveReject,
)
from viseme.core.live import (
    LiveStep as LiveStep,
)
from viseme.core.results import (
    CheckResult as CheckResult,
)
from viseme.core.results import (
    DelayEstimate as DelayEstimate,
)
from viseme.core.results import (
    DelaySegment as DelaySegment,
)
from viseme.core.results import (
    Drift as Drift,
)
from viseme.core.results import (
    FailedCheck as FailedCheck,
)
from viseme.core.results import (
    FailedFile as FailedFile,
)
from viseme.core.results import (
    Reason as Reason,
)
from viseme.core.results import (
    RejectedTrack as RejectedTrack,
)
from viseme.core.results import (
    TrackResult as TrackResult,
)
from viseme.core.results import (
    Verdict as Verdict,
)
from viseme.core.score_comparison import (
    ScoreComparison as ScoreComparison,
)
from viseme.core.scores import (
    ClipScore as ClipScore,
)
from viseme.core.scores import (
    ClipValue as ClipValue,
)
from viseme.core.scores import (
    FailedScore as FailedScore,
)
from viseme.core.scores import (
    FailureCause as FailureCause,
)
from viseme.core.scores import (
    MetricProtocol as MetricProtocol,
)
from viseme.core.scores import (
    MetricValue as MetricValue,
)
from viseme.core.scores import (
    ScoreResult as ScoreResult,
)
from viseme.core.speakers import (
    FaceState as FaceState,
)
from viseme.core.speakers import (
    FaceTimeline as FaceTimeline,
)
from viseme.core.speakers import (
    SpeakersResult as SpeakersResult,
)
from viseme.core.speakers import (
    StateSegment as StateSegment,
)
from viseme.core.speakers import (
    VoiceSegment as VoiceSegment,
)
from viseme.core.speakers import (
    VoiceState as VoiceState,
)
from viseme.core.studies import (
    StudyAnalysis as StudyAnalysis,
)
from viseme.core.studies import (
    StudyFolder as StudyFolder,
)
from viseme.data.lists import (
    CorpusList as CorpusList,
)
from viseme.data.lists import (
    list_corpus as list_corpus,
)
from viseme.expert.reading import (
    read_lips as read_lips,
)
from viseme.expert.train import (
    train_expert as train_expert,
)
from viseme.face3d.models.catalog import (
    FaceModelInfo as FaceModelInfo,
)
from viseme.face3d.models.catalog import (
    face_models as face_models,
)
from viseme.media.compare import (
    Kept as Kept,
)
from viseme.media.compare import (
    KeptStream as KeptStream,
)
from viseme.metrics.pipeline import (
    score as score,
)
from viseme.metrics.score_ranking import (
    compare_scores as compare_scores,
)
from viseme.provenance.consent import (
    Consent as Consent,
)
from viseme.provenance.consent import (
    read_consent as read_consent,
)
from viseme.provenance.consent import (
    write_consent_template as write_consent_template,
)
from viseme.provenance.reading import (
    ProvenanceResult as ProvenanceResult,
)
from viseme.provenance.reading import (
    read_provenance as read_provenance,
)
from viseme.report.avatars import (
    write_avatar_report as write_avatar_report,
)
from viseme.report.html import (
    write_report as write_report,
)
from viseme.reproduce.figure5 import (
    reproduce_figure5 as reproduce_figure5,
)
from viseme.reproduce.lipsync3d import (
    reproduce_lipsync3d as reproduce_lipsync3d,
)
from viseme.reproduce.table1 import (
    reproduce_table1 as reproduce_table1,
)
from viseme.reproduce.table2 import (
    reproduce_table2 as reproduce_table2,
)
from viseme.reproduce.user_study import (
    study_analyse as study_analyse,
)
from viseme.reproduce.user_study import (
    study_make as study_make,
)
from viseme.speakers.evaluate import (
    evaluate_asw as evaluate_asw,
)
from viseme.speakers.evaluate import (
    evaluate_ava as evaluate_ava,
)
from viseme.speakers.evaluate import (
    evaluate_columbia as evaluate_columbia,
)
from viseme.speakers.evaluate import (
    evaluate_folder as evaluate_folder,
)
from viseme.speakers.live import (
    find_speakers_live as find_speakers_live,
)
from viseme.speakers.pipeline import (
    find_speakers as find_speakers,
)
from viseme.speakers.train import (
    train_speakers as train_speakers,
)
from viseme.standardization.batch import (
    standardize_many as standardize_many,
)
from viseme.standardization.files import (
    StandardizedClip as StandardizedClip,
)
from viseme.standardization.files import (
    read_standardized as read_standardized,
)
from viseme.standardization.pipeline import (
    standardize as standardize,
)
from viseme.standardization.results import (
    FailedStandardize as FailedStandardize,
)
from viseme.standardization.results import (
    StandardizedTrack as StandardizedTrack,
)
from viseme.standardization.results import (
    StandardizeResult as StandardizeResult,
)
from viseme.standardization.training.train import (
    train_enet as train_enet,
)
from viseme.sync.batch import (
    check_many as check_many,
)
from viseme.sync.pipeline import (
    check as check,
)
from viseme.sync.repair import (
    FixResult as FixResult,
)
from viseme.sync.repair import (
    fix as fix,
)
from viseme.sync.repair_batch import (
    FailedFix as FailedFix,
)
from viseme.sync.repair_batch import (
    FixOutcome as FixOutcome,
)
from viseme.sync.repair_batch import (
    fix_many as fix_many,
)
from viseme.sync.train import (
    train_sync as train_sync,
)
from viseme.synthetic.conversation.film import (
    synth_conversation as synth_conversation,
)
from viseme.synthetic.conversation.truth import (
    FilmedConversation as FilmedConversation,
)
from viseme.synthetic.pipeline import (
    SynthResult as SynthResult,
)
from viseme.synthetic.pipeline import (
    synth as synth,
)

__version__: str
from viseme.reproduce.table4 import (
    reproduce_table4 as reproduce_table4,
)
from viseme.reproduce.talker_tables import (
    reproduce_talker_tables as reproduce_talker_tables,
)
from viseme.talker.train import (
    train_talker as train_talker,
)
from viseme.talker.train_experts import (
    train_lip_expert as train_lip_expert,
)

__all__ = [
    "AnimateFrame",
    "AnimateResult",
    "AnimateStream",
    "Avatar",
    "AvatarInspection",
    "AvatarTrainResult",
    "BadHash",
    "CheckEvidence",
    "CheckResult",
    "ClipScore",
    "ClipValue",
    "ConfigError",
    "Consent",
    "ConsentError",
    "CorpusList",
    "DataError",
    "DelayEstimate",
    "DelaySegment",
    "DemoResult",
    "Drift",
    "DubResult",
    "FaceError",
    "FaceModelInfo",
    "FaceState",
    "FaceStrip",
    "FaceTimeline",
    "FailedCheck",
    "FailedFile",
    "FailedFix",
    "FailedScore",
    "FailedStandardize",
    "FailureCause",
    "FilmedConversation",
    "FixOutcome",
    "FixRefused",
    "FixResult",
    "Kept",
    "KeptStream",
    "LiveEnd",
    "LiveFace",
    "LiveHeader",
    "LiveReject",
    "LiveStep",
    "MediaError",
    "MetricProtocol",
    "MetricValue",
    "MissingExtra",
    "MissingWeights",
    "NoAudio",
    "NoVideo",
    "OutputError",
    "ProvenanceResult",
    "Reason",
    "RejectedTrack",
    "ScoreComparison",
    "ScoreResult",
    "SpeakersResult",
    "StandardizeResult",
    "StandardizedClip",
    "StandardizedTrack",
    "StateSegment",
    "StudyAnalysis",
    "StudyFolder",
    "SynthResult",
    "TrackResult",
    "UnreadableMedia",
    "Verdict",
    "VisemeError",
    "VoiceSegment",
    "VoiceState",
    "WeightsError",
    "__version__",
    "animate",
    "animate_live",
    "avatar_inspect",
    "check",
    "check_many",
    "compare_scores",
    "demo",
    "dub",
    "evaluate_asw",
    "evaluate_ava",
    "evaluate_columbia",
    "evaluate_folder",
    "face_models",
    "find_speakers",
    "find_speakers_live",
    "fix",
    "fix_many",
    "list_corpus",
    "load_avatar",
    "read_consent",
    "read_lips",
    "read_provenance",
    "read_standardized",
    "reproduce_figure5",
    "reproduce_lipsync3d",
    "reproduce_table1",
    "reproduce_table2",
    "reproduce_table4",
    "reproduce_talker_tables",
    "score",
    "standardize",
    "standardize_many",
    "study_analyse",
    "study_make",
    "synth",
    "synth_conversation",
    "train_avatar",
    "train_enet",
    "train_expert",
    "train_lip_expert",
    "train_speakers",
    "train_sync",
    "train_talker",
    "train_voice",
    "write_avatar_report",
    "write_consent_template",
    "write_report",
]
