"""What only a board on a cable can show: `make hw PORT=/dev/ttyACM0`."""
