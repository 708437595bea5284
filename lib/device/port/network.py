"""The network of a board. Joining and queries are in modules that are loaded on demand."""

import network


def link():
    """The Wi-Fi station of this board."""
    return network.WLAN(network.STA_IF)


def connected():
    """Whether the board has an address. A Pico W may report one although the link is dead."""
    return link().isconnected()


def begin(networks, country):
    """Start joining a network without waiting; see `wifi.begin`."""
    from device.port import wifi

    wifi.begin(networks, country)


async def join(networks, country):
    """Join one of the networks; see `wifi.join`."""
    from device.port import wifi

    await wifi.join(networks, country)


def switch_off():
    """Switch the radio off."""
    try:
        link().active(False)
    except OSError:
        pass  # it was never on


def leave():
    """Leave the network, to rejoin: Wi-Fi may be dead although the link reports that it is up."""
    try:
        link().disconnect()
    except OSError:
        pass  # it was not joined


def restart():
    """Switch the radio off; the next join switches it on again."""
    leave()
    switch_off()


def listen(host, port):
    """A listener on a TCP port; see `listening.listen`."""
    from device.port import listening

    return listening.listen(host, port)


async def lookup(host):
    """An IPv4 address of `host`, as text; see `names.lookup`. An address is returned unchanged."""
    if all(symbol in "0123456789." for symbol in host):
        return host
    from device.port import names

    return await names.lookup(host)


async def ask_time(hosts):
    """Unix seconds from one of `hosts`, or None; see `names.ask_time`."""
    from device.port import names

    return await names.ask_time(hosts)


def facts():
    """(name of the network, own address, signal in dBm), or None when the board is not on one."""
    station = link()
    if not station.isconnected():
        return None
    try:
        name = station.config("ssid")
        return (
            name.decode() if isinstance(name, bytes) else name,
            station.ifconfig()[0],
            station.status("rssi"),
        )
    except (OSError, ValueError, UnicodeError):
        return "", station.ifconfig()[0], 0


def scan():
    """[(name, signal in dBm, whether it is open)], the strongest first; blocks; see `wifi.scan`."""
    from device.port import wifi

    return wifi.scan()


async def open_access_point(name, password, country):
    """Open the board's own access point; return its address; see `access_point.start`."""
    from device.port import access_point

    return await access_point.start(name, password, country)


def close_access_point():
    """Close it."""
    from device.port import access_point

    access_point.stop()


def stations():
    """How many others are on the access point; None when it is closed."""
    from device.port import access_point

    return access_point.stations()


async def answer_names(address):
    """Answer every question for a name on the access point; see `access_point.answer_names`."""
    from device.port import access_point

    await access_point.answer_names(address)
