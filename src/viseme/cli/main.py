"""The `viseme` command: a lazy table, one line for an error, and an exit code that means something.

Nothing heavy is imported until a command runs, so that `viseme --help` answers at once.
"""

from __future__ import annotations

import os
import shlex
import sys
import traceback
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from importlib import import_module
from types import MappingProxyType

import viseme
from viseme.cli.event_log import EventLog
from viseme.cli.everywhere import Everywhere, perhaps, take_everywhere
from viseme.cli.exits import ExitCode, UsageError
from viseme.cli.front_page import front_page
from viseme.cli.layout import screen_width

__all__ = ["COMMANDS", "Command", "main"]


@dataclass(frozen=True)
class Command:
    """One line of the table."""

    module: str
    """Holds `Options` and `run`; imported when the command is used."""
    summary: str
    """For `viseme --help`."""


COMMANDS: Mapping[str, Command] = MappingProxyType(
    {
        "check": Command("viseme.cli.commands.check", "How late or early is the audio, and how sure is that?"),
        "fix": Command("viseme.cli.commands.fix", "Move the audio to where the lips are, and measure again."),
        "score": Command("viseme.cli.commands.score", "How good is a generated talking face, beside the real video?"),
        "find-speakers": Command("viseme.cli.commands.find_speakers", "Who speaks when, and whose voice is it?"),
        "dub": Command("viseme.cli.commands.dub", "Let the person in a video say another audio."),
        "animate": Command("viseme.cli.commands.animate", "Any speech to a moving 3D face: glTF, ARKit, cues, video."),
        "demo": Command("viseme.cli.commands.demo", "Check and fix the bundled samples; write a report."),
        "synth": Command("viseme.cli.commands.synth", "Film a synthetic talking head whose every answer is known."),
        "synth conversation": Command(
            "viseme.cli.commands.synth_conversation", "Film a conversation of synthetic people; who speaks is known."
        ),
        "train voice": Command("viseme.cli.commands.train_voice", "Train the network that moves a head by any voice."),
        "train enet": Command("viseme.cli.commands.train_enet", "Train the network that reads expression from faces."),
        "read-lips": Command("viseme.cli.commands.read_lips", "What do the lips say, by video alone?"),
        "standardize": Command(
            "viseme.cli.commands.standardize", "Keep the lip motion of every face, and nothing else."
        ),
        "avatar inspect": Command(
            "viseme.cli.commands.avatar_inspect", "What an avatar would learn from a video: pose and light taken out."
        ),
        "face-models": Command("viseme.cli.commands.face_models", "What face models there are, and their licences."),
        "provenance": Command(
            "viseme.cli.commands.provenance", "Is a video marked as synthetic, and who consented to it?"
        ),
        "train sync": Command("viseme.cli.commands.train_sync", "Train the networks that score lips against audio."),
        "train expert": Command("viseme.cli.commands.train_expert", "Train the network that represents speech."),
        "train avatar": Command(
            "viseme.cli.commands.train_avatar", "Train a talking face of one person who agreed to it."
        ),
        "train talker": Command("viseme.cli.commands.train_talker", "Train one talking-face generator for everybody."),
        "train lip-expert": Command(
            "viseme.cli.commands.train_lip_expert", "Train a network that tells whether lips fit audio."
        ),
        "reproduce table1": Command(
            "viseme.cli.commands.reproduce_table1", "Table I of the papers: lips with expression alone exchanged."
        ),
        "train speakers": Command("viseme.cli.commands.train_speakers", "Train the head that says who speaks."),
        "evaluate asw": Command("viseme.cli.commands.evaluate_asw", "Score a split of ASW beside the published rows."),
        "evaluate ava": Command("viseme.cli.commands.evaluate_ava", "Score AVA-ActiveSpeaker; write its predictions."),
        "evaluate columbia": Command("viseme.cli.commands.evaluate_columbia", "Score the Columbia panel discussion."),
        "evaluate folder": Command(
            "viseme.cli.commands.evaluate_folder", "Tell clips under their own audio from mismatched audio."
        ),
        "reproduce table2": Command(
            "viseme.cli.commands.reproduce_table2", "Table II of the papers: one sync network on every input."
        ),
        "reproduce figure5": Command(
            "viseme.cli.commands.reproduce_figure5", "Figure 5 of the papers: measures of sync under shift and turn."
        ),
        "reproduce lipsync3d": Command(
            "viseme.cli.commands.reproduce_lipsync3d", "LipSync3D's evaluation: personal faces on unseen sentences."
        ),
        "reproduce table4": Command(
            "viseme.cli.commands.reproduce_table4", "Table 4 of Yaman et al.: one talker under four sync losses."
        ),
        "reproduce talker-tables": Command(
            "viseme.cli.commands.reproduce_talker_tables", "Tables 1 and 2 of Yaman et al.: a talker on test sets."
        ),
        "list-corpus": Command(
            "viseme.cli.commands.list_corpus", "VoxCeleb2, LRS2, LRW, HDTF, ... on your disk: a table."
        ),
        "study make": Command("viseme.cli.commands.study_make", "A user study: a page for raters, a key for you."),
        "study analyse": Command("viseme.cli.commands.study_analyse", "What raters said: means, intervals, tests."),
        "expert import": Command(
            "viseme.cli.commands.expert_import", "A published AV-HuBERT file of yours to a speech expert."
        ),
        "weights list": Command("viseme.cli.commands.weights_list", "What weights there are, and their licences."),
        "weights convert": Command(
            "viseme.cli.commands.weights_convert", "Authors' weights to a file that runs without torch."
        ),
        "weights verify": Command("viseme.cli.commands.weights_verify", "Compare weights with their recorded hashes."),
        "completion": Command("viseme.cli.commands.completion", "Let bash, zsh or fish complete these words."),
    }
)

GROUPS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "check and repair": ("check", "fix", "demo"),
        "score": ("score",),
        "speakers": ("find-speakers", "read-lips"),
        "faces": ("standardize", "face-models"),
        "avatars": ("dub", "animate", "avatar inspect", "provenance"),
        "synthetic": ("synth", "synth conversation"),
        "research": (
            "train sync",
            "train speakers",
            "train voice",
            "train enet",
            "train expert",
            "train avatar",
            "train talker",
            "train lip-expert",
            "evaluate asw",
            "evaluate ava",
            "evaluate columbia",
            "evaluate folder",
            "reproduce table1",
            "reproduce table2",
            "reproduce figure5",
            "reproduce lipsync3d",
            "reproduce table4",
            "reproduce talker-tables",
            "study make",
            "study analyse",
            "list-corpus",
            "expert import",
            "weights list",
            "weights convert",
            "weights verify",
        ),
        "shell": ("completion",),
    }
)
"""Heading of `viseme --help` -> its commands."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code; errors are one line on stderr."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    words = shlex.join(["viseme", *arguments])
    everywhere, log = Everywhere(), None
    code = int(ExitCode.FAILED)
    try:
        everywhere = take_everywhere(arguments)
        if everywhere.log is not None:
            log = EventLog(everywhere.log, words)
        code = _run(arguments, everywhere, log)
    except KeyboardInterrupt:
        code = _end(ExitCode.INTERRUPTED, "interrupted", log)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # or the flush at exit would complain
        code = ExitCode.PIPE_CLOSED
    except UsageError as error:
        code = _end(ExitCode.USAGE, str(error), log)
    except Exception as error:
        code = _end(*_failure(error, everywhere.debug), log)
    finally:
        if log is not None:
            log.end(code)
    return code


def _run(arguments: list[str], everywhere: Everywhere, log: EventLog | None) -> int:
    if not arguments or arguments[0] in ("-h", "--help", "help"):
        sys.stdout.write(_help())
        sys.stdout.flush()
        return ExitCode.DONE if arguments else ExitCode.USAGE
    if arguments[0] == "--version":
        print(f"viseme {viseme.__version__}", flush=True)
        return ExitCode.DONE
    name, rest = _find_command(arguments)
    if name is None:
        return ExitCode.DONE
    module = import_module(COMMANDS[name].module)
    from viseme.cli.arguments import parse
    from viseme.cli.screen import Screen

    options = parse(name, module, rest)
    if isinstance(options, int):
        return options
    with Screen(debug=everywhere.debug, quiet=everywhere.quiet, log=log) as screen:
        return module.run(options, screen)


def _help(prefix: str = "") -> str:
    groups = {
        heading: {n: COMMANDS[n].summary for n in members if n.startswith(prefix)}
        for heading, members in GROUPS.items()
    }
    return front_page(groups, screen_width())


def _find_command(arguments: list[str]) -> tuple[str | None, list[str]]:
    """The command and what follows it; (None, []) when the group's help was asked for and given."""
    first = arguments[0]
    pair = " ".join(arguments[:2])
    if len(arguments) > 1 and pair in COMMANDS:
        return pair, arguments[2:]
    if first in COMMANDS:
        return first, arguments[1:]
    members = [n for n in COMMANDS if n.startswith(first + " ")]
    if not members and first == "version":
        raise UsageError("the version is shown by: viseme --version")
    if not members and os.path.exists(first):
        raise UsageError(f"a command comes before the file: viseme check {shlex.join(arguments)}")
    if not members:
        words = sorted({n.split()[0] for n in COMMANDS})
        raise UsageError(f"there is no command {first!r}{perhaps(first, words)}; see viseme --help")
    if len(arguments) > 1 and arguments[1] in ("-h", "--help"):
        sys.stdout.write(_help(first + " "))
        sys.stdout.flush()
        return None, []
    kinds = [n.split()[1] for n in members]
    if len(arguments) < 2:
        raise UsageError(f"{first} what? one of: {', '.join(members)}")
    name = f"{first} {arguments[1]}"
    if name not in COMMANDS:
        raise UsageError(f"there is no command {name!r}{perhaps(arguments[1], kinds)}; one of: {', '.join(members)}")
    return name, arguments[2:]


def _failure(error: Exception, debug: bool) -> tuple[int, str]:
    """Exit code and message of an error; its traceback is printed where that is asked for."""
    from viseme.core.errors import ConfigError, FixRefused, VisemeError
    from viseme.core.extras import missing_package

    if isinstance(error, ModuleNotFoundError):
        error = missing_package(error) or error
    if debug:
        traceback.print_exception(type(error), error, error.__traceback__, file=sys.stderr)
    code = ExitCode.USAGE if isinstance(error, ConfigError) else ExitCode.FAILED
    if isinstance(error, FixRefused):
        code = ExitCode.REFUSED
    if isinstance(error, VisemeError):
        return code, str(error)
    if isinstance(error, OSError):
        return code, f"{error.filename}: {error.strerror}" if error.filename else str(error)
    hint = "" if debug else "; run it again with --debug to see where, and please report it"
    return code, f"unexpected {type(error).__name__}: {error}{hint}"


def _end(code: int, message: str, log: EventLog | None) -> int:
    """Say what went wrong, on stderr and in the log."""
    from viseme.cli.lines import one_line

    print(f"viseme: error: {one_line(message)}", file=sys.stderr, flush=True)
    if log is not None:
        with suppress(Exception):  # a log that cannot be written has been told, or is the error
            log.add("error", message)
    return code


if __name__ == "__main__":
    sys.exit(main())
