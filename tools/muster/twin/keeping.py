"""Sessions, what waits in them, and retained messages, kept in a file over a restart of the twin.

AWS IoT Core keeps them too. The file has mode 0600 and is bounded by the limits of sessions and retained
messages; it is written when the twin stops. It is removed when it has been read: after kill -9 clients are
told that there is no session, which is better than one that lacks what they subscribed to since.
"""

import base64
import contextlib
import json
from pathlib import Path
from typing import Any

from muster.errors import MusterError
from muster.files import write_private
from muster.twin.log import log
from muster.twin.router import Router
from muster.twin.sessions import Message, Session

_log = log()

_VERSION = 1


def save(path: Path, router: Router) -> None:
    """Write what is to be kept to `path`; remove it when there is nothing."""
    sessions = [_session(one) for one in router.sessions if not one.is_clean]
    retained = [[topic, _text(one.payload), one.qos] for topic, one in router.retained.items()]
    if not sessions and not retained:
        path.unlink(missing_ok=True)
        return
    document = {"version": _VERSION, "sessions": sessions, "retained": retained}
    try:
        write_private(path, json.dumps(document).encode())
    except MusterError as error:
        _log.error("sessions and retained messages are not kept: %s", error)


def load(path: Path, router: Router) -> None:
    """Take back what `save` wrote; a file that cannot be read is left out."""
    try:
        document = json.loads(path.read_bytes())
        sessions = [_restored(one) for one in document["sessions"]]
        retained = [(topic, _bytes(payload), int(qos)) for topic, payload, qos in document["retained"]]
    except FileNotFoundError:
        return
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        _log.error("sessions and retained messages are lost: %s cannot be read (%s)", path, error)
        return
    for session in sessions:
        router.sessions.restore(session)
    for topic, payload, qos in retained:
        router.retain(topic, payload, qos)
    with contextlib.suppress(OSError):  # cannot be written, so it is not kept at the end either
        path.unlink()


def _session(session: Session) -> dict[str, Any]:
    return {
        "client": session.client_id,
        "ended": session.ended_s,
        "filters": session.filters,
        "inFlight": [[number, *_message(one)] for number, one in session.in_flight.items()],
        "waiting": [_message(one) for one in session.waiting],
    }


def _restored(source: dict[str, Any]) -> Session:
    session = Session(str(source["client"]), is_clean=False)
    session.ended_s = float(source["ended"])
    session.filters = {str(name): int(qos) for name, qos in source["filters"].items()}
    for number, *message in source["inFlight"]:
        session.in_flight[int(number)] = _restored_message(message)
    for message in source["waiting"]:
        session.put(_restored_message(message))
    return session


def _message(message: Message) -> list[Any]:
    return [message.topic, _text(message.payload), message.retain]


def _restored_message(source: list[Any]) -> Message:
    topic, payload, retain = source
    return Message(str(topic), _bytes(payload), bool(retain))


def _text(payload: bytes) -> str:
    return base64.b64encode(payload).decode()


def _bytes(text: str) -> bytes:
    return base64.b64decode(text)
