"""The pre-provisioning hook: who may register, decided by a function of the operator's.

Source: AWS IoT Developer Guide, "Pre-provisioning hooks". On AWS it is a Lambda function; here it is a Python
callable that takes and returns the same documents.
"""

import asyncio
import importlib
import importlib.util
import logging
import threading
from pathlib import Path
from typing import Any

from muster.enrolment.admission import ALLOW, OVERRIDES
from muster.errors import MusterError
from muster.twin.settings import Hook

_log = logging.getLogger("muster.twin")


def load(name: Hook | str | None) -> Hook | None:
    """The hook that `name` means: a callable itself, "module:function" or "path/to/file.py:function".

    Raises MusterError when there is no such function.
    """
    if name is None or callable(name):
        return name
    place, _, function = name.rpartition(":")
    try:
        module = _from_file(Path(place)) if place.endswith(".py") else importlib.import_module(place)
        hook = getattr(module, function)
    except (ImportError, OSError, AttributeError, ValueError, SyntaxError) as error:
        raise MusterError(
            f"pre-provisioning hook {name!r} cannot be loaded ({error}): "
            "give module:function or file.py:function"
        ) from error
    if not callable(hook):
        raise MusterError(f"pre-provisioning hook {name!r} is not a function")
    return hook


def _from_file(path: Path) -> Any:
    spec = importlib.util.spec_from_file_location(f"muster_hook_{path.stem}", path)
    if spec is None or spec.loader is None:
        raise ImportError(f"{path} is not a Python file")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


async def ask(hook: Hook, event: dict[str, Any], limit_s: float) -> dict[str, str] | None:
    """The parameter overrides when the hook allows it, None when it denies, fails or takes too long."""
    answer = asyncio.get_running_loop().create_future()
    # A daemon thread: one that never returns must not keep the twin from stopping.
    threading.Thread(target=_run, args=(hook, event, answer), name="twin-hook", daemon=True).start()
    try:
        reply = await asyncio.wait_for(answer, limit_s)
    except asyncio.TimeoutError:
        _log.warning("pre-provisioning hook took longer than %g s: denied", limit_s)
        return None
    if not isinstance(reply, dict) or reply.get(ALLOW) is not True:
        return None
    overrides = reply.get(OVERRIDES) or {}
    if not isinstance(overrides, dict):
        return None
    return {str(key): str(value) for key, value in overrides.items()}


def _run(hook: Hook, event: dict[str, Any], answer: asyncio.Future) -> None:
    reply: object = None
    try:
        reply = hook(event)
    except Exception as error:  # the operator's code: whatever it raises means "no"
        _log.warning("pre-provisioning hook failed (%s): denied", type(error).__name__)
    loop = answer.get_loop()
    if not loop.is_closed():
        loop.call_soon_threadsafe(lambda: None if answer.done() else answer.set_result(reply))
