"""The emulated network, for tests: they import it after `needs`, which skips them without the emulator."""

from muster.emulated.network import HOST, SSID, Network

__all__ = ["HOST", "SSID", "Network"]
