"""Round trips from the first SYN to the boot status PUBACK, counted and by the slope of the time."""

from tests.bench.common import CLOUD, DEVICE, PEER, VARIANTS, Bench, Job, Result, Row, Tell, median, ratio

LATENCIES_MS = (100, 300)
RUNS = 3
GOODBYE_TURNS = 2  # DISCONNECT of the claim connection and the server's closing answer: nobody waits for them
GOAL = 12

HOW = """\
A relay between board and twin holds every byte back for half the latency in each direction, and a new
connection for one round trip. *Counted*: the relay counts how often the data of a connection changes
direction; two turns are one round trip, the TCP handshake included. Two turns are taken off, the DISCONNECT
of the claim connection and the server's closing answer, because neither program waits for them. *Slope*:
what the elapsed time grows by between {low} ms and {high} ms of latency, for each millisecond; it knows
nothing of the counting and must agree with it. Elapsed is from the first SYN to the board's line after the
PUBACK. 64-bit interpreter, TLS 1.2 as on a board.

The peer's order is the seed's, with umqtt.simple 1.3.4 as its documentation shows it
(`tests/bench/peer_umqtt.py`): one SUBSCRIBE after the other, each waiting for its SUBACK. It has no key of
its own to make, so one peer stands beside both of ours. umqtt writes a packet in pieces on a socket without
TCP_NODELAY; the relay, on the same machine, acknowledges them within 40 ms at most instead of after a round
trip, so most of what Nagle's algorithm adds to the peer on a real line is not in its figures."""


def counted(job: Job) -> float:
    """Round trips that were waited for."""
    return (job.turns - GOODBYE_TURNS) / 2


def measure(bench: Bench, tell: Tell) -> Result:
    """Each variant, at each latency, several times."""
    low, high = LATENCIES_MS
    trips: dict[str, float] = {}
    details = [("program", "round trips counted", "by the slope", f"s at {low} ms", f"s at {high} ms")]
    for variant in VARIANTS:
        jobs: dict[int, list[Job]] = {latency: [] for latency in LATENCIES_MS}
        for run in range(RUNS):
            for latency in LATENCIES_MS:
                tell(f"{variant}, {latency} ms, run {run + 1} of {RUNS}")
                jobs[latency].append(bench.job(variant, latency))
        trips[variant] = median(counted(job) for job in jobs[low] + jobs[high])
        elapsed_s = {latency: median(job.elapsed_s for job in jobs[latency]) for latency in LATENCIES_MS}
        slope = (elapsed_s[high] - elapsed_s[low]) * 1000 / (high - low)
        details.append(
            (
                variant,
                f"{trips[variant]:g}",
                f"{slope:.1f}",
                f"{elapsed_s[low]:.2f}",
                f"{elapsed_s[high]:.2f}",
            )
        )
    rows = [
        Row(
            f"round trips, first SYN to PUBACK ({variant.removeprefix('ours, ')})",
            f"{trips[variant]:g}",
            f"{trips[PEER]:g}",
            ratio(trips[variant], trips[PEER]),
            f"at most {GOAL}",
        )
        for variant in (CLOUD, DEVICE)
    ]
    return Result("Round trips", rows, HOW.format(low=low, high=high), details)
