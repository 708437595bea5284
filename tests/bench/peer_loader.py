"""`python -m tests.bench.peer_loader MAC BYTES_PER_S`: a chip in its loader, until standard input ends."""

import sys

from tests.boards.esp_loader import EspLoader

if __name__ == "__main__":
    with EspLoader(sys.argv[1], bytes_per_s=float(sys.argv[2])) as board:
        print(board.port, flush=True)
        sys.stdin.read()
