"""Completion scripts for shells, made from the commands' rows.

The scripts carry commands and flags in them, so that completing one starts no process; names of
containers and images are asked from the daemon (and none is started for that).
"""

from __future__ import annotations

from wherry.cli import commands
from wherry.cli.globalflags import GLOBAL_FLAGS
from wherry.cli.help import visible

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from wherry.cli.flags import Flag

SHELLS = ("bash", "zsh", "fish")

_ASK = "WHERRY_NO_DAEMON=1 wherry"
_LISTS = {
    "containers": f"{_ASK} ps -a --format '{{{{.Names}}}}' 2>/dev/null",
    "running": f"{_ASK} ps --format '{{{{.Names}}}}' 2>/dev/null",
    "images": f"{_ASK} images --format '{{{{.Repository}}}}:{{{{.Tag}}}}' 2>/dev/null",
    "networks": f"{_ASK} network ls --format '{{{{.Name}}}}' 2>/dev/null",
    "volumes": f"{_ASK} volume ls -q 2>/dev/null",
}

_BASH = """\
# bash completion for wherry; load with: source <(wherry completion bash)
_wherry() {{
    local current=${{COMP_WORDS[COMP_CWORD]}} word name= count=0
    for word in "${{COMP_WORDS[@]:1:COMP_CWORD-1}}"; do
        case $word in -*) continue ;; esac
        case " {groups} " in
            *" $name "*) [ $count -eq 1 ] && name="$name $word" ;;
            *) [ $count -eq 0 ] && name=$word ;;
        esac
        count=$((count + 1))
    done
    local flags="{flags}" words="{words}"
    case $name in
{cases}
    esac
    COMPREPLY=()
    case $current in
        -*) mapfile -t COMPREPLY < <(compgen -W "$flags" -- "$current") ;;
        *) if [ "$words" = FILES ]; then
               mapfile -t COMPREPLY < <(compgen -f -- "$current")
           else
               mapfile -t COMPREPLY < <(compgen -W "$words" -- "$current")
           fi ;;
    esac
    type __ltrim_colon_completions >/dev/null 2>&1 && __ltrim_colon_completions "$current"
}}
complete -o default -F _wherry wherry
"""

_ZSH = """\
#compdef wherry
# zsh completion for wherry; load with: source <(wherry completion zsh)
_wherry() {{
    local word name= count=0
    for word in ${{words[2,CURRENT-1]}}; do
        [[ $word == -* ]] && continue
        if (( count == 0 )); then name=$word
        elif (( count == 1 )) && [[ " {groups} " == *" $name "* ]]; then name="$name $word"
        fi
        (( count += 1 ))
    done
    local -a flags=({flags}) choices=({words})
    case $name in
{cases}
    esac
    if [[ $PREFIX == -* ]]; then compadd -- $flags
    elif [[ $choices == FILES ]]; then _files
    else compadd -- $choices
    fi
}}
compdef _wherry wherry
"""

_FISH_HEAD = """\
# fish completion for wherry; load with: wherry completion fish | source
function __wherry_name
    set -l words (commandline -opc)
    set -l plain (string match -v -- '-*' $words[2..-1])
    if contains -- "$plain[1]" {groups}
        echo "$plain[1] $plain[2]"
    else
        echo "$plain[1]"
    end
end
function __wherry_is
    test (string trim -- (__wherry_name)) = "$argv[1]"
end
complete -c wherry -f
"""


def script(shell: str) -> str:
    """The script for one of `SHELLS`."""
    if shell == "fish":
        return _fish()
    cases = _bash_cases() if shell == "bash" else _zsh_cases()
    template = _BASH if shell == "bash" else _ZSH
    return template.format(
        groups=" ".join(commands.GROUPS),
        flags=_words(GLOBAL_FLAGS),
        words=" ".join([*_top_words()]),
        cases="\n".join(cases),
    )


def _top_words() -> list[str]:
    return sorted([*commands.members(""), *commands.GROUPS])


def _words(flags: tuple[Flag, ...]) -> str:
    shown = visible(flags)
    names = [f"--{flag.name}" for flag in shown] + [
        f"-{flag.short}" for flag in shown if flag.short
    ]
    return " ".join([*names, "--help"])


def _group_words(group: str) -> str:
    return " ".join(name.split()[1] for name in commands.members(group))


def _bash_cases() -> Iterator[str]:
    for group in commands.GROUPS:
        yield f'        "{group}") flags=--help words="{_group_words(group)}" ;;'
    for name in commands.COMMANDS:
        command = commands.load(name)
        listed = _LISTS.get(command.complete)
        words = f'"$({listed})"' if listed else "FILES" if command.complete else '""'
        yield f'        "{name}") flags="{_words(command.flags)}" words={words} ;;'


def _zsh_cases() -> Iterator[str]:
    for group in commands.GROUPS:
        yield f'        "{group}") flags=(--help) choices=({_group_words(group)}) ;;'
    for name in commands.COMMANDS:
        command = commands.load(name)
        listed = _LISTS.get(command.complete)
        words = f'${{(f)"$({listed})"}}' if listed else "FILES" if command.complete else ""
        yield f'        "{name}") flags=({_words(command.flags)}) choices=({words}) ;;'


def _fish() -> str:
    lines = [_FISH_HEAD.format(groups=" ".join(commands.GROUPS)).rstrip()]
    for name in _top_words():
        summary = commands.GROUPS.get(name) or commands.load(name).summary
        lines.append(f"complete -c wherry -n '__wherry_is \"\"' -a {name} -d {_quoted(summary)}")
    for group in commands.GROUPS:
        for name in commands.members(group):
            summary = _quoted(commands.load(name).summary)
            word = name.split()[1]
            lines.append(f"complete -c wherry -n '__wherry_is {group}' -a {word} -d {summary}")
    for name in commands.COMMANDS:
        lines += _fish_command(name)
    return "\n".join([*lines, ""])


def _fish_command(name: str) -> Iterator[str]:
    command = commands.load(name)
    when = f"complete -c wherry -n '__wherry_is \"{name}\"'"
    listed = _LISTS.get(command.complete)
    if listed:
        yield f"{when} -a {_quoted(f'({listed})')}"
    elif command.complete:
        yield f"{when} -F"
    for flag in visible(command.flags):
        short = f" -s {flag.short}" if flag.short else ""
        value = "" if flag.kind == "bool" else " -r"
        yield f"{when} -l {flag.name}{short}{value} -d {_quoted(flag.help)}"


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"
