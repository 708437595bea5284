"""AWS's SDK provisions a fleet in a process of its own, so that its processor time can be told apart.

`python -m tests.bench.sdk_fleet HOME PORT COUNT PARALLEL` prints {"seconds", "cpu_s"} as JSON.
"""

import json
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from device.core import paths
from tests.bench.provisioning_client import Credentials, provision
from tests.bench.twin_rate import new_request


def main(home: Path, port: int, count: int, parallel: int) -> None:
    """Each device makes its key, claims, registers, connects as itself and publishes its boot status."""
    ca, claim = (home / "ca.pem").read_bytes(), home / "claim"
    shared = Credentials((claim / paths.CERTIFICATE).read_bytes(), (claim / paths.PRIVATE_KEY).read_bytes())
    begun_s, before_s = time.monotonic(), time.process_time()
    with ThreadPoolExecutor(parallel) as pool:
        list(
            pool.map(lambda number: provision(port, ca, shared, f"sdk-{number}", new_request()), range(count))
        )
    print(json.dumps({"seconds": time.monotonic() - begun_s, "cpu_s": time.process_time() - before_s}))


if __name__ == "__main__":
    main(Path(sys.argv[1]), *map(int, sys.argv[2:]))
