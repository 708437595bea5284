"""Failure of the command line turned into one sentence and an exit code."""

import contextlib
import errno
import os
import sys
from typing import TextIO

import click

from muster.cli import output
from muster.cli.termination import outcome, terminable
from muster.errors import FAILED, GOOD, OUR_MISTAKE, MusterError
from muster.printable import printable

DEBUG = "MUSTER_DEBUG"  # environment variable: exceptions that nobody expected keep their traceback

_NEXT_STEP = {
    errno.ENOSPC: "make room, then give the same command again.",
    errno.EDQUOT: "make room, then give the same command again.",
    errno.EROFS: "choose a place that can be written.",
    errno.EACCES: "choose another place, or change its permissions.",
    errno.EPERM: "choose another place, or change its permissions.",
    errno.ENOENT: "check the name.",
    errno.EMFILE: "raise the limit of open files (`ulimit -n`).",
}


def guarded(command: click.Command, words: list[str], program: str) -> int:
    """Run `command`; its exit code. Whatever fails is one line on standard error, never a traceback.

    With `-o json` it is told on standard output too, as {"status": "failed", "error": text}.
    """
    try:
        with terminable():
            code = _run(command, words, program)
        if sys.stdout is not None:
            sys.stdout.flush()
        return code
    except MusterError as error:
        return _tell(words, f"{program}: {error}", str(error), error.code)
    except click.UsageError as error:
        return _tell(words, *_wrong_use(error, program), error.exit_code)
    except click.ClickException as error:
        return _tell(words, f"{program}: {error.format_message()}", error.format_message(), error.exit_code)
    except (click.Abort, KeyboardInterrupt) as stop:
        how, code = outcome(stop)
        return _tell(words, f"{program}: {how}", how, code)
    except BrokenPipeError:
        return _reader_left()
    except Exception as error:
        if os.environ.get(DEBUG):
            raise
        text, code = _unexpected(error)
        return _tell(words, f"{program}: {text}", text, code)


def _unexpected(error: Exception) -> tuple[str, int]:
    """The sentence and the exit code of what no command expected: the system's refusal, or our mistake.

    The text of the exception is left out of the second: nobody knows what is in it.
    """
    if isinstance(error, OSError) and error.strerror:
        what = printable(str(error.filename)) if error.filename else "a file or connection"
        next_step = _NEXT_STEP.get(error.errno or 0, f"{DEBUG}=1 shows where.")
        return f"{what} cannot be used ({error.strerror}): {next_step}", FAILED
    import traceback  # only now: it takes longer to load than all of this module

    last = traceback.extract_tb(error.__traceback__)[-1]
    place = f"{os.path.basename(last.filename)}, line {last.lineno}"
    return (
        f"an error in Muster itself: {type(error).__name__} in {place}. Please report it; with {DEBUG}=1 the"
        " same command prints the traceback.",
        OUR_MISTAKE,
    )


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
    _print(sys.stdout, output.failure(text) if wants_json(words) else None)
    _print(sys.stderr, line)
    return code


def _print(stream: TextIO | None, line: str | None) -> None:
    """Print, if that can be done: the disk may be full, the reader gone, the stream closed (None)."""
    if stream is None:
        return
    try:
        if line is not None:
            print(line, file=stream)
        stream.flush()
    except OSError:
        _discard(stream)


def _discard(stream: TextIO) -> None:
    """Let go what is not written yet: Python would try it again when it ends, and print a traceback."""
    with contextlib.suppress(OSError):  # a stream without a number needs no care
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)


def wants_json(words: list[str]) -> bool:
    """Whether the command line asks for JSON; click cannot say so after the first mistake in it."""
    for word, following in zip(words, [*words[1:], ""], strict=True):
        if word == "--":
            return False
        if word in ("-ojson", "--output=json") or (word in ("-o", "--output") and following == "json"):
            return True
    return False


def _reader_left() -> int:
    """Whoever read the output is gone (`muster ... | head`): end in silence."""
    for stream in (sys.stdout, sys.stderr):
        _print(stream, None)
    return FAILED
