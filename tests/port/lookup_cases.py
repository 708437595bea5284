"""Names and time over UDP, against sockets of our own; run under MicroPython by test_network.py."""

import asyncio
import errno
import struct

from check import raises
from device.core.failures import AGAIN, Failure, Lost
from device.port import names
from device.port import network as port

_SERVER, _ROUTER = "10.0.0.1", "10.0.0.254"
_SINCE_1900_S = 2208988800


class Net:
    """Stands for the module `socket` and for the station. `answers`: {(server, port): a function}.

    Each function is given a packet and returns what comes back, a list of packets or (packet, sender); it may
    raise. Servers without one say nothing. `asked` is who was asked, `open` how many sockets are not closed.
    """

    AF_INET, SOCK_DGRAM = 2, 2

    def __init__(self, answers, servers=(_ROUTER, _SERVER)):
        self.answers = answers
        self.asked = []
        self.open = 0
        self._servers = servers

    def WLAN(self, _):
        return self

    STA_IF = 0

    def ifconfig(self):
        return ("10.0.0.7", "255.255.255.0") + self._servers

    def socket(self, family, kind):
        assert (family, kind) == (2, 2)
        self.open += 1
        return _Plug(self)

    def getaddrinfo(self, host, number):
        if host.endswith(".local"):
            if host == "no.local":
                raise OSError(-2)
            return [(2, 1, 0, "", ("10.0.0.9", number))]
        return [(2, 1, 0, "", (host, number))]


class _Plug:
    def __init__(self, net):
        self._net = net
        self._ready = []
        self._blocks = True

    def setblocking(self, on):
        self._blocks = on

    def sendto(self, packet, address):
        self._net.asked.append(address[0])
        answer = self._net.answers.get(address)
        for each in answer(bytes(packet)) if answer else ():
            self._ready.append(each if isinstance(each, tuple) else (each, address))

    def recvfrom(self, size):
        assert not self._blocks and size >= 512
        if not self._ready:
            raise OSError(errno.EAGAIN)
        return self._ready.pop(0)

    def close(self):
        self._net.open -= 1


class _In:
    """While this lasts, the board is in the net `net`, and patience is short."""

    def __init__(self, net):
        self.net = net

    def __enter__(self):
        self._real = names.socket, port.network, names._DNS_MS, names._NTP_MS
        names.socket = port.network = self.net
        names._DNS_MS = names._NTP_MS = 60
        return self.net

    def __exit__(self, *_):
        names.socket, port.network, names._DNS_MS, names._NTP_MS = self._real
        assert self.net.open == 0, "every socket is closed"


def _lookup(net, host="a.example"):
    with _In(net):
        return asyncio.run(port.lookup(host))


def _reply(query, address=b"\x0a\x01\x02\x03", code=0):
    record = b"\xc0\x0c\0\1\0\1\0\0\0\x3c\0\4" + address if address else b""
    counts = b"\0\1\0" + (b"\1" if record else b"\0") + b"\0\0\0\0"
    return query[:2] + bytes((0x81, 0x80 | code)) + counts + query[12:] + record


def _knows(query):
    return [_reply(query)]


def _knows_not(query):
    return [_reply(query, b"", 3)]


def test_the_name_server_of_the_network_is_asked():
    net = Net({(_SERVER, 53): _knows})
    assert _lookup(net) == "10.1.2.3" and net.asked == [_SERVER]


def test_a_name_server_that_is_silent_is_followed_by_the_router():
    net = Net({(_ROUTER, 53): _knows})
    assert _lookup(net) == "10.1.2.3" and net.asked == [_SERVER, _ROUTER]


def test_a_name_server_without_a_way_to_it_is_followed_by_the_router():
    def unreachable(query):
        raise OSError(errno.EHOSTUNREACH)

    net = Net({("0.0.0.0", 53): unreachable, (_ROUTER, 53): _knows}, (_ROUTER, "0.0.0.0"))
    assert _lookup(net) == "10.1.2.3"
    net = Net({(_SERVER, 53): unreachable, (_ROUTER, 53): unreachable})
    failure = raises(Lost, _lookup, net)
    assert failure.kind == AGAIN and "cannot resolve a.example" in str(failure)


def test_nobody_answers():
    net = Net({})
    failure = raises(Lost, _lookup, net)
    assert net.asked == [_SERVER, _ROUTER]
    for word in ("a.example", _SERVER, _ROUTER):
        assert word in str(failure)


def test_a_router_that_is_the_name_server_is_asked_once():
    net = Net({}, (_ROUTER, _ROUTER))
    raises(Lost, _lookup, net)
    assert net.asked == [_ROUTER]


def test_a_name_that_there_is_not():
    net = Net({(_SERVER, 53): _knows_not, (_ROUTER, 53): _knows})
    failure = raises(Failure, _lookup, net)
    assert not isinstance(failure, Lost), "Wi-Fi is not in doubt"
    assert "no address found for a.example (no such name)" in str(failure) and "check the endpoint" in str(
        failure
    )
    assert net.asked == [_SERVER]


def test_a_name_that_cannot_be_one_is_not_asked_for():
    for host in ("a..example", "x" * 64 + ".example"):
        net = Net({(_SERVER, 53): _knows})
        assert "no address found for" in str(raises(Failure, _lookup, net, host)), host
        assert net.asked == []


def test_answers_of_others_and_to_other_questions_do_not_count():
    def noise(query):
        other = bytes((query[0] ^ 1,)) + query[1:]
        wrong = b"\x06\x06\x06\x06"
        return [b"", query, _reply(other, wrong), (_reply(query, wrong), ("10.6.6.6", 53)), _reply(query)]

    assert _lookup(Net({(_SERVER, 53): noise})) == "10.1.2.3"


def test_numbers_are_addresses_already():
    net = Net({})
    assert _lookup(net, "192.168.1.20") == "192.168.1.20" and net.asked == []


def test_names_in_local_are_left_to_the_firmware():
    net = Net({})
    assert _lookup(net, "twin.local") == "10.0.0.9" and net.asked == []
    assert "cannot resolve no.local" in str(raises(Lost, _lookup, net, "no.local"))


def test_nobody_is_kept_waiting_by_a_look_up():
    async def both():
        turns = 0
        task = asyncio.create_task(port.lookup("a.example"))
        while not task.done():
            turns += 1
            await asyncio.sleep_ms(1)
        try:
            await task
        except Lost:
            return turns

    with _In(Net({})):
        assert asyncio.run(both()) > 10


def _at(unix_s, stratum=1):
    def answer(query):
        assert len(query) == 48 and query[0] & 7 == 3
        head = bytes((0x24, stratum)) + bytes(22)
        return [head + query[40:48] + bytes(8) + struct.pack("!II", unix_s + _SINCE_1900_S, 0)]

    return answer


def _time(net, hosts=("a.example", "b.example")):
    with _In(net):
        return asyncio.run(port.ask_time(hosts))


def test_the_time_is_asked_of_the_address_that_dns_gave():
    net = Net({(_SERVER, 53): _knows, ("10.1.2.3", 123): _at(1700000000)})
    assert _time(net) == 1700000000 and net.asked == [_SERVER, "10.1.2.3"]


def test_the_next_time_server_is_asked_when_one_is_of_no_use():
    def answer(query):
        return [_reply(query, b"\x0a\1\1" + (b"\1" if b"\1a\7" in query else b"\2"))]

    for first in (None, _at(1600000000, stratum=0), lambda query: [b"short"]):
        net = Net({(_SERVER, 53): answer, ("10.1.1.1", 123): first, ("10.1.1.2", 123): _at(1700000000)})
        assert _time(net) == 1700000000
        assert net.asked == [_SERVER, "10.1.1.1", _SERVER, "10.1.1.2"]

    def unreachable(query):
        raise OSError(errno.EHOSTUNREACH)

    net = Net({(_SERVER, 53): answer, ("10.1.1.1", 123): unreachable, ("10.1.1.2", 123): _at(1700000000)})
    assert _time(net) == 1700000000


def test_a_time_server_that_there_is_not_is_followed_by_the_next():
    def answer(query):
        return _knows(query) if b"\1b\7" in query else _knows_not(query)

    assert _time(Net({(_SERVER, 53): answer, ("10.1.2.3", 123): _at(1700000000)})) == 1700000000


def test_without_name_servers_the_time_is_not_asked_for_again_and_again():
    net = Net({})
    assert _time(net) is None and net.asked == [_SERVER, _ROUTER]
    assert _time(Net({}), ()) is None
