"""The network of an emulated Pico W: its radio, its router, and whether DNS, NTP and TCP are dead or alive.

Nothing leaves this machine. The router answers DNS and NTP itself, every name is HOST, and a connection to
any address reaches the same port of this machine's loopback.
"""

import asyncio
import struct
import time
from collections.abc import Callable
from typing import Any

from rp2040py.external.cyw43 import Cyw43439, nat, net
from rp2040py.external.cyw43.bus import GSPIBus

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]
Takes = Callable[[net.EthernetFrame, net.Ipv4Packet | None], bool]
SSID = "RP2040PY-GUEST"  # the emulator's one access point takes any password
HOST = "10.99.0.1"
_HOST_IP = bytes(map(int, HOST.split(".")))
_SECOND_NAME_SERVER = bytes([10, 99, 0, 53])
_DHCP_NAME_SERVERS = 6
_DNS_PORT, _NTP_PORT = 53, 123
_NTP_TO_UNIX_S = 2208988800
_SET_PINS = b"gpioout\0"  # of the Wi-Fi chip: 4 bytes of mask, 4 of levels
_LIGHT = 1 << 0
_WINDOW = 15  # packets that the driver may send ahead


class Network:
    """What the network does now. Every part can be switched while a board runs."""

    def __init__(self, two_name_servers: bool = False) -> None:
        self.dns = self.ntp = self.tcp = True
        self.listening = True  # False: every port refuses connections
        self.two_name_servers = two_name_servers


def _dns_answer(query: bytes) -> bytes:
    """HOST, whatever name `query` asks for."""
    end = 12
    while query[end]:
        end += query[end] + 1
    question = query[12 : end + 5]
    head = query[:2] + struct.pack("!5H", 0x8180, 1, 1, 0, 0)
    return head + question + struct.pack("!3HIH", 0xC00C, 1, 1, 60, len(_HOST_IP)) + _HOST_IP


def _ntp_answer(query: bytes) -> bytes:
    """This machine's time."""
    now = time.time() + _NTP_TO_UNIX_S
    stamp = int(now * 2**32).to_bytes(8, "big")
    version_4_server, stratum = 0x24, 1
    return bytes([version_4_server, stratum, 3, 0xEC]) + bytes(12) + stamp + query[40:48] + stamp * 2


class _Datagrams(nat.UdpRelay):
    """Answers DNS and NTP, when they live, in place of the real servers."""

    def __init__(self, state: Network, *args: Any) -> None:
        super().__init__(*args)
        self._state = state

    async def _relay_inner(
        self,
        guest_mac: bytes,
        guest_ip: bytes,
        guest_port: int,
        query: bytes,
        upstream: tuple[str, int],
        reply_src_ip: bytes,
        reply_src_port: int,
    ) -> None:
        if reply_src_port == _DNS_PORT and self._state.dns:
            answer = _dns_answer(query)
        elif reply_src_port == _NTP_PORT and self._state.ntp:
            answer = _ntp_answer(query)
        else:
            return
        udp = net.pack_udp(reply_src_ip, guest_ip, reply_src_port, guest_port, answer)
        packet = net.pack_ipv4(reply_src_ip, guest_ip, net.IP_PROTO_UDP, udp)
        self._queue_ethernet_frame(
            net.pack_ethernet(guest_mac, self._gateway_mac, net.ETHERTYPE_IPV4, packet)
        )


class _TwoNameServers(nat.DhcpServer):
    """Tells the board of a second name server."""

    def maybe_handle(self, eth: net.EthernetFrame) -> bytes | None:
        frame = super().maybe_handle(eth)
        if frame is None:
            return None
        ethernet = net.parse_ethernet(frame)
        packet = ethernet and net.parse_ipv4(ethernet.payload)
        datagram = packet and net.parse_udp(packet.payload)
        lease = datagram and net.parse_dhcp(datagram.payload)
        assert ethernet and packet and datagram and lease, "the emulator's own answer cannot be read"
        lease.options[_DHCP_NAME_SERVERS] = nat.GATEWAY_IP + _SECOND_NAME_SERVER
        told = net.pack_dhcp(lease.op, lease.xid, lease.chaddr, nat.GUEST_IP, lease.options)
        udp = net.pack_udp(packet.src_ip, packet.dst_ip, datagram.src_port, datagram.dst_port, told)
        return net.pack_ethernet(
            ethernet.dst_mac,
            ethernet.src_mac,
            net.ETHERTYPE_IPV4,
            net.pack_ipv4(packet.src_ip, packet.dst_ip, net.IP_PROTO_UDP, udp),
        )


class _Router(nat.NatBridge):
    """The router behind the access point."""

    def __init__(self, state: Network, takes: Takes, mcu: Any, send: Any) -> None:
        super().__init__(mcu, send)
        self._state = state
        self._takes = takes
        self._udp = _Datagrams(state, mcu, send)
        self._tcp = nat.TcpReflector(mcu, send, connect_fn=self._connect_here)
        if state.two_name_servers:
            self._dhcp = _TwoNameServers()

    async def _connect_here(self, _address: str, port: int) -> Streams:
        if not self._state.listening:
            raise ConnectionRefusedError
        return await asyncio.open_connection("127.0.0.1", port)

    def handle_outbound_ethernet_frame(self, frame: bytes) -> None:
        ethernet = net.parse_ethernet(frame)
        packet = net.parse_ipv4(ethernet.payload) if ethernet else None
        if ethernet and self._takes(ethernet, packet):
            return
        if self._state.tcp or packet is None or packet.proto != net.IP_PROTO_TCP:
            super().handle_outbound_ethernet_frame(frame)


class _Bus(GSPIBus):
    """Lets the driver send _WINDOW packets ahead of the last one received.

    The emulator as it comes counts its own answers instead, falls behind under MQTT traffic, and the driver
    then stops for good ("[CYW43] STALL").
    """

    _last = 0  # number of the last packet from the driver

    def __init__(self, on_light: Callable[[bool], None]) -> None:
        super().__init__()
        self._on_light = on_light

    @property
    def _bus_data_credit(self) -> int:
        return (self._last + _WINDOW) & 0xFF

    @_bus_data_credit.setter
    def _bus_data_credit(self, _value: int) -> None:
        """The emulator's own count is not used."""

    def _write_wlan(self, data: bytes) -> None:
        size, check = struct.unpack_from("<HH", data) if len(data) >= 12 else (0, 0)
        if size ^ check == 0xFFFF:
            self._last = data[4]
        at = data.find(_SET_PINS)
        if at >= 0:
            mask, values = struct.unpack_from("<II", data, at + len(_SET_PINS))
            if mask & _LIGHT:
                self._on_light(bool(values & _LIGHT))
        super()._write_wlan(data)

    def power_off(self) -> None:
        self._last = 0
        super().power_off()


class Radio(Cyw43439):
    """The Pico W's Wi-Fi chip, in a network that does as `state` says."""

    def __init__(self, state: Network) -> None:
        super().__init__()
        self.bus = _Bus(self.lit)
        self._state = state

    def attach(self, rp2040: Any) -> None:
        super().attach(rp2040)
        self.bus.nat_bridge = _Router(self._state, self.takes, rp2040, self.send)

    def send(self, frame: bytes) -> None:
        """Let the board receive an Ethernet frame."""
        self.bus.queue_rx_ethernet_frame(frame)

    def takes(self, _ethernet: net.EthernetFrame, _packet: net.Ipv4Packet | None) -> bool:
        """Look at a frame of the board; whether it is not for the router."""
        return False

    def lit(self, is_on: bool) -> None:
        """The light at the chip has been switched."""

    def thrown_out(self) -> None:
        """The access point ends the board's membership; the board may join again at once."""
        self.bus._queue_disassoc_events()
