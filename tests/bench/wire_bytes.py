"""Bytes on the wire for the whole job, both directions, as the relay counts them."""

from tests.bench.common import CLOUD, DEVICE, PEER, VARIANTS, Bench, Result, Row, Tell, median, ratio

RUNS = 5

HOW = """\
TLS bytes that the relay carried from the first SYN to the board's line after the PUBACK, handshakes
included, headers of TCP and IP not. 64-bit interpreter, TLS 1.2; the twin's CA, its server certificate and
the claim certificate have RSA-2048 keys, as AWS's have. With its own key a board sends a signing request
instead of receiving an RSA key, and its certificate is smaller. The peer subscribes four times instead of
once, and umqtt sends each packet in pieces, of which TLS makes a record each."""


def measure(bench: Bench, tell: Tell) -> Result:
    """Each variant several times, without latency."""
    total: dict[str, float] = {}
    details = [("program", "sent by the board", "received", "both")]
    for variant in VARIANTS:
        tell(variant)
        jobs = [bench.job(variant, 0) for _ in range(RUNS)]
        up = median(job.bytes_up for job in jobs)
        down = median(job.bytes_down for job in jobs)
        total[variant] = median(job.bytes_up + job.bytes_down for job in jobs)
        details.append((variant, f"{up:.0f}", f"{down:.0f}", f"{total[variant]:.0f}"))
    rows = [
        Row(
            f"bytes on the wire, whole job ({variant.removeprefix('ours, ')})",
            f"{total[variant]:.0f}",
            f"{total[PEER]:.0f}",
            ratio(total[variant], total[PEER]),
        )
        for variant in (CLOUD, DEVICE)
    ]
    return Result("Bytes on the wire", rows, HOW, details)
