"""What can be set on a virtual board from outside, and which values there are.

The board itself trusts its settings (firmware/boards/virtual): a value that it does not know would quietly be
taken for the default.
"""

import json
import re
from collections.abc import Callable, Mapping

from muster.errors import WRONG_USE, MusterError

_SECONDS = r"\d+(\.\d+)?"


def _pattern(pattern: str) -> Callable[[str], bool]:
    return lambda value: re.fullmatch(pattern, value) is not None


def _is_map_of_strings(value: str) -> bool:
    try:
        document = json.loads(value)
    except (ValueError, RecursionError):
        return False
    return isinstance(document, dict) and all(isinstance(one, str) for one in document.values())


# name -> (what it must be, is this value one?)
SETTINGS: Mapping[str, tuple[str, Callable[[str], bool]]] = {
    "AP": ("up, up:N, fails or dies:N", _pattern(rf"up(:\d)?|fails|dies:{_SECONDS}")),
    "CLOCK": ("Unix seconds", _pattern(r"\d{1,10}")),
    "DNS": ("ok, down, silent, silent:N or silent:N:M", _pattern(rf"ok|down|silent(:{_SECONDS}){{0,2}}")),
    "HOSTS": ("name=address, several with commas", _pattern(r"[^=,\s]+=[^=,\s]+(,[^=,\s]+=[^=,\s]+)*")),
    "JOIN_MS": ("milliseconds", _pattern(r"\d{1,9}")),
    "KIND": ("pico_w or esp32", _pattern("pico_w|esp32")),
    "NETWORK": (
        "up, down, drops:N, stuck, stuck:N, stuck-reset, stuck-reset:N or dead-radio",
        _pattern(rf"up|down|dead-radio|drops:{_SECONDS}|stuck(-reset)?(:{_SECONDS})?"),
    ),
    "NETWORKS": ('JSON such as {"name": "password"}', _is_map_of_strings),
    "NTP": ("ok, fail or slow:N", _pattern(rf"ok|fail|slow:{_SECONDS}")),
    "PIN_LOW": ("numbers of pins, with commas", _pattern(r"\d+(,\d+)*")),
    "SHOW_PINS": ("names of pins, with commas", _pattern(r"[A-Z0-9]+(,[A-Z0-9]+)*")),
    "RESET_CAUSE": ("a number as of machine.reset_cause()", _pattern(r"\d{1,2}")),
    "STACK": ("lwip", _pattern("lwip")),
    "TICKS_START": ("milliseconds", _pattern(r"\d{1,10}")),
    "UNIQUE_ID": ("an even number of hexadecimal digits", _pattern(r"([0-9a-fA-F]{2})+")),
}


def check(settings: Mapping[str, str]) -> None:
    """Raise MusterError when there is no such setting, or none with this value."""
    for name, value in settings.items():
        if name not in SETTINGS:
            raise MusterError(
                f"the virtual board has no setting {name}: choose one of {', '.join(SETTINGS)}.", WRONG_USE
            )
        what, is_right = SETTINGS[name]
        if not is_right(value):
            raise MusterError(f"the setting {name} must be {what}, not {value!r}.", WRONG_USE)
