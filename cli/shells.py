"""Completion set up in shells: typer's, with a script for bash in which words may hold colons."""

import os
from typing import Annotated

import typer

__all__ = ["BASH", "InstallCompletion", "ShowCompletion", "know_shells"]

_PROGRAM, _ASKED = "goodpix", "_GOODPIX_COMPLETE"

BASH = r"""
_goodpix_completion() {
    local IFS=$'\n' line=$COMP_LINE breaks=${COMP_WORDBREAKS//[^:=]} words=() word
    # bash ends words at colons and equals signs, which belong to ours: SE:STREAK, 201000:201010, COADD_SEG=8
    for word in "${COMP_WORDS[@]:0:COMP_CWORD+1}"; do
        if [[ ${#words[@]} -eq 0 || $line == [[:space:]]* ]]; then
            words+=("")
        fi
        words[-1]+=$word
        line=${line#*"$word"}
    done
    COMPREPLY=( $( env COMP_WORDS="${words[*]}" COMP_CWORD=$(( ${#words[@]} - 1 )) \
                   _GOODPIX_COMPLETE=complete_bash $1 ) )
    # a value follows an equals sign
    if [[ ${#COMPREPLY[@]} -eq 1 && $COMPREPLY == *= ]]; then
        compopt -o nospace
    fi
    # what bash completes begins after the last of these marks
    word=${words[-1]}
    if [[ $word == --*=* ]]; then
        word=${word#*=}
    fi
    if [[ -n $breaks ]]; then
        COMPREPLY=( "${COMPREPLY[@]#"${word%"${word##*[$breaks]}"}"}" )
    fi
}

complete -o default -F _goodpix_completion goodpix
""".strip()
"""Bash 4.4 or newer."""


# Imports in function bodies: what typer has no public names for is needed by few calls.


def know_shells() -> None:
    """Let typer know the shells, where one asks for a completion."""
    if _ASKED in os.environ:
        from typer._completion_classes import completion_init

        completion_init()


def _install(wanted: bool) -> None:
    if not wanted:
        return
    from typer._completion_shared import install

    shell, path = install(prog_name=_PROGRAM, complete_var=_ASKED)
    if shell == "bash":
        path.write_text(f"{BASH}\n")
    print(f"{shell} completion is installed in {path}: it works in a new terminal")
    raise typer.Exit


def _show(wanted: bool) -> None:
    if not wanted:
        return
    from typer._completion_shared import _get_shell_name, get_completion_script

    shell = _get_shell_name() or ""
    script = BASH if shell == "bash" else get_completion_script(prog_name=_PROGRAM, complete_var=_ASKED, shell=shell)
    print(script)
    raise typer.Exit


InstallCompletion = Annotated[
    bool,
    typer.Option(
        "--install-completion", callback=_install, is_eager=True, help="Install completion for the current shell."
    ),
]
ShowCompletion = Annotated[
    bool,
    typer.Option(
        "--show-completion",
        callback=_show,
        is_eager=True,
        help="Show completion for the current shell, to copy it or customise the installation.",
    ),
]
