"""`network` on the virtual board: one Wi-Fi station that behaves according to the settings.

MUSTER_BOARD_NETWORKS   {"name": "password"} in JSON: the networks on the air; absent: any name and password
MUSTER_BOARD_NETWORK    up (default)
                        down: no access point answers
                        drops:N: lost N s after each connect
                        stuck:N: from N s after the first join, nothing gets through, although the
                            station reports that it is connected, until disconnect() and connect()
                        stuck-reset:N: the same, until active(False) and active(True)
                        dead-radio: active(True) does nothing
MUSTER_BOARD_JOIN_MS    how long joining takes (default 20)
"""

import json

import utime
import vboard

STA_IF = 0
AP_IF = 1
_ESP32 = vboard.setting("KIND") == "esp32"
STAT_IDLE = 1000 if _ESP32 else 0
STAT_CONNECTING = 1001 if _ESP32 else 1
STAT_GOT_IP = 1010 if _ESP32 else 3
STAT_NO_AP_FOUND = 201 if _ESP32 else -2
STAT_WRONG_PASSWORD = 202 if _ESP32 else -3
STAT_CONNECT_FAIL = 203 if _ESP32 else -1

_MOOD, _, _AFTER_MS = vboard.setting("NETWORK", "up").partition(":")
_AFTER_MS = float(_AFTER_MS or 0) * 1000  # N of the mode

_hostname = "muster"
_country = "XX"


def hostname(name=None):
    """Get or set the host name, at most 32 characters."""
    global _hostname
    if name is None:
        return _hostname
    if len(name) > 32:
        raise ValueError("hostname too long")
    _hostname = name
    return None


def country(code=None):
    """Get or set the two-letter country code."""
    global _country
    if code is None:
        return _country
    if len(code) != 2:
        raise ValueError("country code must have two letters")
    _country = code
    return None


def ipconfig(*args, **kwargs):
    """Accepts anything and does nothing."""


def link():
    """The number of the current join, or None; a connection ends with its join."""
    return WLAN._since if WLAN()._state() == STAT_GOT_IP else None


def is_stuck():
    """Whether nothing gets through although the station reports that it is connected."""
    if _MOOD[:5] != "stuck" or WLAN._cured or WLAN._first is None:
        return False
    return utime.ticks_diff(utime.ticks_ms(), WLAN._first) >= _AFTER_MS


class WLAN:
    """The station interface: one radio, shared by all objects. There is no access point."""

    IF_STA = STA_IF
    IF_AP = AP_IF
    PM_NONE = 0
    PM_PERFORMANCE = 1
    PM_POWERSAVE = 2

    # On the class, because there is one radio.
    _active = False
    _joined = None  # (name, password) of the last connect
    _since = 0
    _first = None  # ticks of the first join that succeeded
    _cured = False  # when it got stuck

    def __init__(self, interface=STA_IF):
        if interface != STA_IF:
            raise ValueError("the virtual board has no access point")

    def active(self, on=None):
        if on is None:
            return self._active
        WLAN._active = bool(on) and _MOOD != "dead-radio"
        if not on:
            WLAN._cured = WLAN._cured or is_stuck()
            WLAN._joined = None
        return None

    def connect(self, ssid=None, key=None, *, bssid=None):
        if not self._active:
            raise OSError("Wifi Not Started" if _ESP32 else 1)
        WLAN._joined = (_text(ssid), _text(key or ""))
        WLAN._since = utime.ticks_ms()

    def disconnect(self):
        if _MOOD == "stuck":
            WLAN._cured = WLAN._cured or is_stuck()
        WLAN._joined = None

    def isconnected(self):
        return self.status() == STAT_GOT_IP

    def status(self, what=None):
        vboard.check()
        if what == "rssi":
            return -50
        return self._state()

    def _state(self):
        if self._joined is None:
            return STAT_IDLE
        now = utime.ticks_ms()
        age_ms = utime.ticks_diff(now, self._since)
        if age_ms < int(vboard.setting("JOIN_MS", "20")):
            return STAT_CONNECTING
        name, password = self._joined
        wanted = _on_air().get(name) if vboard.setting("NETWORKS") else password
        if wanted is None or _MOOD == "down" or (_MOOD == "drops" and age_ms > _AFTER_MS):
            return STAT_NO_AP_FOUND
        if wanted != password:
            return STAT_WRONG_PASSWORD
        if self._first is None:
            WLAN._first = now
        return STAT_GOT_IP

    def scan(self):
        """Tuples (ssid, bssid, channel, RSSI, security, hidden)."""
        if _MOOD == "down":
            return []
        return [(name.encode(), b"\x02\x00\x00\x00\x00\x01", 6, -50, 3, 0) for name in _on_air()]

    def config(self, name=None, **settings):
        if name == "mac":
            import machine

            return (machine.unique_id() + b"\0\0")[:6]
        if name == "ssid" or name == "essid":
            return self._joined[0] if self._joined else ""
        return None

    def ifconfig(self, addresses=None):
        """(address, mask, gateway, name server)."""
        address = "127.0.0.1" if self.isconnected() else "0.0.0.0"
        return (address, "255.0.0.0", "127.0.0.1", "127.0.0.1")

    def ipconfig(self, what=None, **settings):
        return {"addr4": self.ifconfig()[:2], "gw4": "127.0.0.1", "has_dhcp4": True}.get(what)


def _text(value):
    return value.decode() if isinstance(value, bytes) else value


def _on_air():
    return json.loads(vboard.setting("NETWORKS", "{}"))
