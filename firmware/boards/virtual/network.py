"""`network` on the virtual board: one radio, a station and an access point, that behave as they are set.

MUSTER_BOARD_NETWORKS   {"name": "password"} in JSON: the networks on the air; absent: any name and password
MUSTER_BOARD_NETWORK    up (default)
                        down: no access point answers
                        drops:N: lost N s after each connect
                        stuck:N: from N s after the first join, nothing gets through, although the
                            station reports that it is connected, until disconnect() and connect()
                        stuck-reset:N: the same, until active(False) and active(True)
                        dead-radio: active(True) does nothing
MUSTER_BOARD_JOIN_MS    how long joining takes (default 20)
MUSTER_BOARD_AP         up:N: the board's own access point works, and N phones are joined to it (default 0)
                        fails: it does not start; an ESP32 says so, a Pico W does not
                        dies:N: it is gone N s after each start
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
_AP_MOOD, _, _AP_NUMBER = vboard.setting("AP", "up").partition(":")
if _ESP32:
    AUTH_OPEN = 0
    AUTH_WPA2_PSK = 3
_WPA2 = 3 if _ESP32 else 0x400004
_AP_ADDRESS = "127.0.0.1"

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
    return WLAN._since if WLAN._has_route and WLAN()._state() == STAT_GOT_IP else None


def any_link():
    """The same for whoever has come to the board, who may also be on its access point."""
    joined = link()
    return WLAN._ap_since if joined is None and has_access_point() else joined


def has_access_point():
    """Whether the board's own access point is open."""
    return WLAN(AP_IF).active()


def is_stuck():
    """Whether nothing gets through although the station reports that it is connected."""
    if _MOOD[:5] != "stuck" or WLAN._cured or WLAN._first is None:
        return False
    return utime.ticks_diff(utime.ticks_ms(), WLAN._first) >= _AFTER_MS


class WLAN:
    """An interface of the one radio, shared by all objects: the station, or the access point."""

    IF_STA = STA_IF
    IF_AP = AP_IF
    PM_NONE = 0
    PM_PERFORMANCE = 1
    PM_POWERSAVE = 2

    # On the class, because there is one radio. The access point's: when it started, its settings, and those
    # that it started with, which a Pico W before MicroPython 1.25 keeps until it starts again.
    _ap_since = None
    _ap_settings = {"ssid": "ESP_0001F4" if _ESP32 else "PICO4F2A", "security": 0 if _ESP32 else _WPA2}
    _ap_now = {}
    _active = False
    _has_route = True  # a Pico W loses it with its access point, until the station is switched on anew
    _joined = None  # (name, password) of the last connect
    _since = 0
    _first = None  # ticks of the first join that succeeded
    _cured = False  # when it got stuck

    def __init__(self, interface=STA_IF):
        if interface not in (STA_IF, AP_IF):
            raise ValueError("no such interface")
        self._is_ap = interface == AP_IF

    def active(self, on=None):
        if self._is_ap:
            return self._ap_active(on)
        if on is None:
            return self._active
        WLAN._has_route = self._has_route or bool(on and not self._active)
        WLAN._active = bool(on) and _MOOD != "dead-radio"
        vboard.has_radio = True
        if not on:
            WLAN._cured = WLAN._cured or is_stuck()
            WLAN._joined = None
        return None

    def _ap_active(self, on):
        if on is None:
            age_ms = 0 if self._ap_since is None else utime.ticks_diff(utime.ticks_ms(), self._ap_since)
            if _AP_MOOD == "dies" and age_ms >= float(_AP_NUMBER) * 1000:
                WLAN._ap_since = None
            return self._ap_since is not None
        WLAN._ap_since = None
        if on:
            key = self._ap_settings.get("key", "picoW123")
            is_weak = self._ap_settings["security"] and len(key) < 8
            if _AP_MOOD == "fails" or _MOOD == "dead-radio" or is_weak:
                if _ESP32:
                    raise OSError("Wifi Unknown Error 0x0101")
                return None
            WLAN._ap_since = utime.ticks_ms()
            WLAN._ap_now = dict(self._ap_settings)
            WLAN._has_route = _ESP32
            print("virtual board: access point %s" % self._ap_text())
        return None

    def _ap_text(self):
        name, security = self._ap_now["ssid"], self._ap_now["security"]
        return "%s, %s" % (name, {0: "open", _WPA2: "WPA2"}.get(security, "security %r" % security))

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
        if self._is_ap:
            return bool(self.status("stations"))
        return self.status() == STAT_GOT_IP

    def status(self, what=None):
        vboard.check()
        if what == "rssi":
            if _ESP32 and self._state() != STAT_GOT_IP:
                raise OSError("Wifi Not Connected")
            return -50
        if what == "stations":
            if not self._is_ap:
                raise ValueError("AP required")
            count = int(_AP_NUMBER or 0) if _AP_MOOD == "up" and self.active() else 0
            return [(bytes((2, 0, 0, 0, 1, number)),) for number in range(count)]
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
        """Tuples (ssid, bssid, channel, RSSI, security, hidden), one for each access point; blocks."""
        if not self._active:
            raise OSError("STA must be active")
        vboard.check()
        utime.sleep_ms(50)
        if _MOOD == "down":
            return []
        found = [(b"", b"\x02\x00\x00\x00\x00\x09", 1, -40, 3, 1)]
        for name, password in _on_air().items():
            for rssi in (-70, -50):  # two access points of one network
                bssid = bytes((2, 0, 0, 0, 0, -rssi))
                found.append((name.encode(), bssid, 6, rssi, 3 if password else 0, 0))
        return found + [(b"\xff\xfe", b"\x02\x00\x00\x00\x00\x08", 1, -90, 3, 0)]

    def config(self, name=None, **settings):
        if self._is_ap and settings:
            if settings.get("security", 0) not in (0, _WPA2) and _ESP32:
                raise OSError("Wifi Invalid Argument")
            self._ap_settings.update(settings)
            if _ESP32 and self.active():
                WLAN._ap_now = dict(self._ap_settings)
                print("virtual board: access point %s" % self._ap_text())
            return None
        if self._is_ap and name in ("ssid", "essid"):
            return self._ap_settings["ssid"]
        if name == "mac":
            import machine

            return (machine.unique_id() + b"\0\0")[:6]
        if name == "ssid" or name == "essid":
            return self._joined[0] if self._joined else ""
        return None

    def ifconfig(self, addresses=None):
        """(address, mask, gateway, name server)."""
        if self._is_ap:
            return (_AP_ADDRESS if self.active() else "0.0.0.0", "255.255.255.0", _AP_ADDRESS, _AP_ADDRESS)
        address = "127.0.0.1" if self.isconnected() else "0.0.0.0"
        return (address, "255.0.0.0", "127.0.0.1", "127.0.0.1")

    def ipconfig(self, what=None, **settings):
        return {"addr4": self.ifconfig()[:2], "gw4": "127.0.0.1", "has_dhcp4": True}.get(what)


def _text(value):
    return value.decode() if isinstance(value, bytes) else value


def _on_air():
    return json.loads(vboard.setting("NETWORKS", "{}"))
