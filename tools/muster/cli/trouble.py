"""Failure of the command line turned into one sentence and an exit code."""

import json
import os
import sys

import click

from muster.errors import FAILED, GOOD, INTERRUPTED, MusterError


def guarded(command: click.Command, words: list[str], program: str) -> int:
    """Run `command`; its exit code. Expected trouble is one line on standard error, never a traceback.

    With `-o json` the trouble is told on standard output too, as {"status": "failed", "error": text}.
    """
    try:
        code = _run(command, words, program)
        sys.stdout.flush()
        return code
    except MusterError as error:
        return _tell(words, f"{program}: {error}", str(error), error.code)
    except click.UsageError as error:
        return _tell(words, *_wrong_use(error, program), error.exit_code)
    except click.ClickException as error:
        return _tell(words, f"{program}: {error.format_message()}", error.format_message(), error.exit_code)
    except (click.Abort, KeyboardInterrupt):
        return _tell(words, f"{program}: interrupted", "interrupted", INTERRUPTED)
    except BrokenPipeError:
        return _reader_left()


def _run(command: click.Command, words: list[str], program: str) -> int:
    try:
        code = command.main(args=words, prog_name=program, standalone_mode=False)
    except click.exceptions.NoArgsIsHelpError as error:
        if error.ctx.parent is not None:
            raise
        click.echo(error.ctx.get_help())  # the program's name alone is a question, not a mistake
        return GOOD
    return code if isinstance(code, int) else GOOD


def _wrong_use(error: click.UsageError, program: str) -> tuple[str, str]:
    """The line for people and the bare sentence, of a mistake that click found."""
    path = error.ctx.command_path if error.ctx else program
    if isinstance(error, click.exceptions.NoArgsIsHelpError):
        command = error.ctx.command
        names = command.list_commands(error.ctx) if isinstance(command, click.Group) else []
        text = f"Missing command, one of {', '.join(names)}."
    else:
        text = " ".join(error.format_message().split())
        text += "" if text.endswith((".", "?", "?)")) else "."
    return f"{path}: {text} See `{path} --help`.", text


def _tell(words: list[str], line: str, text: str, code: int) -> int:
    try:
        if wants_json(words):
            print(json.dumps({"status": "failed", "error": text}), flush=True)
        print(line, file=sys.stderr, flush=True)
    except BrokenPipeError:
        _reader_left()
    return code


def wants_json(words: list[str]) -> bool:
    """Whether the command line asks for JSON; asked when it may be too wrong to be parsed."""
    for word, following in zip(words, [*words[1:], ""], strict=True):
        if word == "--":
            return False
        if word in ("-ojson", "--output=json") or (word in ("-o", "--output") and following == "json"):
            return True
    return False


def _reader_left() -> int:
    """Whoever read the output is gone (`muster ... | head`): end in silence."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except BrokenPipeError:
            os.dup2(nowhere, stream.fileno())
    return FAILED
