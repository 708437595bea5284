"""Python source parsed, by one thread at a time."""

import ast
import threading

# Python 3.11 counts the depth of a tree for the interpreter, not for each thread: where two threads parse at
# once, one of them fails with "AST constructor recursion depth mismatch".
_PARSING = threading.Lock()


def parsed(source: str | bytes) -> ast.Module:
    """The syntax tree of `source`. Raises SyntaxError. Keep what you find in it: parsing takes long."""
    with _PARSING:
        return ast.parse(source)
