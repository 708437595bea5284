"""The production line: boards are plugged in, flashed, watched until they run, and unplugged."""
