"""What a shell needs to know to complete a `viseme` command line, from the arguments of the commands themselves.

The script is self-contained: pressing Tab starts no Python.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from viseme.cli.front_page import OPTIONS
from viseme.cli.signatures import Argument

__all__ = ["SHELLS", "Completed", "completion_script"]

EVERYWHERE = tuple(word for names in OPTIONS for word in names.replace(",", "").split() if word.startswith("-"))


@dataclass(frozen=True, kw_only=True)
class Completed:
    """What can be completed of one command."""

    name: str
    """One word or two."""
    summary: str
    arguments: tuple[tuple[Argument, str], ...]
    """With what each is."""

    @property
    def flags(self) -> Iterator[tuple[str, Argument, str]]:
        """Every spelling of every option."""
        return ((flag, argument, text) for argument, text in self.arguments for flag in argument.flags)

    @property
    def places(self) -> tuple[str, ...]:
        """What positional arguments may be, where not any file."""
        return tuple(choice for argument, _ in self.arguments if not argument.flags for choice in argument.choices)


def completion_script(shell: str, commands: Iterable[Completed]) -> str:
    """The script for a shell of `SHELLS`."""
    return SHELLS[shell](tuple(commands))


def _second_words(commands: Iterable[Completed]) -> dict[str, list[str]]:
    """First word of a command -> the second words that it may have."""
    words: dict[str, list[str]] = {}
    for command in commands:
        first, _, second = command.name.partition(" ")
        words.setdefault(first, []).extend([second] if second else [])
    return words


_BASH = r"""# bash completion of viseme; made by: viseme completion bash
_viseme() {
    local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} first= command= named= word i
    COMPREPLY=()
    if [[ $cur == = ]]; then cur=; elif [[ $prev == = ]]; then prev=${COMP_WORDS[COMP_CWORD-2]}; fi
    for ((i = 1; i < COMP_CWORD; i++)); do
        word=${COMP_WORDS[i]}
        [[ $word == -* || ${COMP_WORDS[i-1]} == --log ]] && continue
        if [[ -z $first ]]; then
            first=$word command=$word
        else
            case "$first $word" in
                @PAIRS@) command="$first $word" ;;
                *) named=1 ;;
            esac
        fi
    done
    local flags="@EVERYWHERE@" words= valued=
    case $command in
        '') words="@FIRST@" ;;
@CASES@
    esac
    [[ -n $named ]] && words=
    case $prev in
        @VALUED@) [[ $cur != -* ]] && valued=1 ;;
    esac
    case "$command $prev" in
@CHOICES@
    esac
    if [[ $cur == -* ]]; then
        COMPREPLY=($(compgen -W "$flags" -- "$cur"))
    elif [[ -n $words && ( -z $valued || $words == =* ) ]]; then
        COMPREPLY=($(compgen -W "${words#=}" -- "$cur"))
    fi
}
complete -o bashdefault -o default -F _viseme viseme
"""


def _bash(commands: tuple[Completed, ...]) -> str:
    seconds = _second_words(commands)
    cases, choices = [], []
    named = {c.name for c in commands}
    for first, kinds in seconds.items():
        if first not in named:
            cases.append(f'        {first}) words="{" ".join(kinds)}" ;;')
    for command in commands:
        flags = " ".join(flag for flag, _, _ in command.flags)
        words = " ".join([*seconds.get(command.name, ()), *command.places])
        cases.append(f'        \'{command.name}\') flags="$flags {flags}" words="{words}" ;;')
        for flag, argument, _ in command.flags:
            if argument.choices:
                choices.append(f"        '{command.name} {flag}') words=\"={' '.join(argument.choices)}\" ;;")
    valued = sorted({flag for c in commands for flag, argument, _ in c.flags if argument.num_values} | {"--log"})
    return _filled_in(
        _BASH,
        PAIRS="|".join(f'"{c.name}"' for c in commands if " " in c.name),
        EVERYWHERE=" ".join(EVERYWHERE),
        FIRST=" ".join(seconds),
        CASES="\n".join(cases),
        VALUED="|".join(valued),
        CHOICES="\n".join(choices),
    )


def _zsh(commands: tuple[Completed, ...]) -> str:
    """The script for bash, which zsh runs too."""
    return f"# zsh completion of viseme\nautoload -U +X bashcompinit && bashcompinit\n{_bash(commands)}"


_FISH = """# fish completion of viseme; made by: viseme completion fish
function __viseme_is
    set -l words (commandline -opc | string match -v -- '-*')
    set -e words[1]
    test "$words[1..2]" = "$argv"; or test "$words[1]" = "$argv"
end
function __viseme_first
    test (count (commandline -opc | string match -v -- '-*')) -le 1
end
"""


def _fish(commands: tuple[Completed, ...]) -> str:
    lines = [_FISH.rstrip()]
    names = {c.name: c.summary for c in commands}
    for first, kinds in _second_words(commands).items():
        lines.append(f"complete -c viseme -f -n __viseme_first -a {first} -d {_quoted(names.get(first, ''))}")
        for kind in kinds:
            about = _quoted(names[f"{first} {kind}"])
            alone = "" if first in names else "-f "
            lines.append(f"complete -c viseme {alone}-n '__viseme_is {first}' -a {kind} -d {about}")
    for command in commands:
        when = f"complete -c viseme -n '__viseme_is {command.name}'"
        placed = [argument for argument, _ in command.arguments if not argument.flags]
        alone = " -f" if all(argument.choices for argument in placed) else ""
        for argument, text in command.arguments:
            if not argument.flags:
                lines += [f"{when}{alone} -a {_quoted(' '.join(argument.choices))}"] if argument.choices else []
                continue
            spelt = " ".join(f"-l {f[2:]}" if f.startswith("--") else f"-s {f[1:]}" for f in argument.flags)
            value = "" if not argument.num_values else " -r"
            value += f" -f -a {_quoted(' '.join(argument.choices))}" if argument.choices else ""
            lines.append(f"{when} {spelt}{value} -d {_quoted(text.partition('. ')[0][:80])}")
    for flag in EVERYWHERE:
        spelt = f"-l {flag[2:]}" if flag.startswith("--") else f"-s {flag[1:]}"
        lines.append(f"complete -c viseme {spelt}{' -r' if flag == '--log' else ''}")
    return "\n".join(lines) + "\n"


def _quoted(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def _filled_in(script: str, **parts: str) -> str:
    for name, text in parts.items():
        script = script.replace(f"@{name}@", text)
    return script


SHELLS: Mapping[str, Callable[[tuple[Completed, ...]], str]] = MappingProxyType(
    {"bash": _bash, "zsh": _zsh, "fish": _fish}
)
"""Shell -> what makes its script."""
