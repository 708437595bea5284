"""Muster: bring MicroPython boards into a fleet on AWS IoT, or on its local twin."""
