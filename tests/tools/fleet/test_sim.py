"""The simulated fleet against a twin: what it leaves in the registry, what it counts, how it fails."""

import asyncio
import json
import socket
import sys

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

from device.claim import provision
from device.core import fields, paths, settings, slots
from device.core.failures import AGAIN, GIVE_UP
from muster.fleet.sim import board, fleet
from muster.fleet.sim import run as runs
from muster.fleet.sim.flash import Flash
from muster.fleet.sim.report import Report
from muster.registry.certificates import ACTIVE, REVOKED
from muster.twin.server import running_twin
from tools.twin.helpers import quick

QUICK_MS = 5  # the first back-off: a board waits a second


@pytest.fixture
def twin(tmp_path):
    with running_twin(tmp_path / "home", quick()) as running:
        yield running


def cloud_of(twin, **changes) -> fleet.Cloud:
    claim = fleet.credentials(twin.claim_dir, twin.ca_pem_path)
    return fleet.Cloud(twin.host, twin.port, claim, **changes)


def simulate(cloud: fleet.Cloud, count: int, changed=None, **pace) -> tuple[Report, list[board.Board]]:
    """The report of `count` devices, and their boards in the order they ended."""
    boards: list[board.Board] = []

    async def go() -> Report:
        stop = asyncio.Event()

        def note(report: Report, one: board.Board) -> None:
            boards.append(one)
            if changed:
                changed(report, stop)

        steps = runs.Pace(**{"parallel": 10, "first_retry_ms": QUICK_MS, **pace})
        return await asyncio.wait_for(runs.run(fleet.numbered(cloud, count), steps, stop, note), 60)

    return asyncio.run(go()), boards


def public(key) -> bytes:
    return key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def public_key_on(flash: Flash) -> bytes:
    """The public key of the identity on a flash, after a look that the pair is one."""
    files = flash.read_slot(paths.CERT)
    assert files and slots.document(files), "no whole identity"
    key = public(load_pem_private_key(files[paths.PRIVATE_KEY], None).public_key())
    certificate = x509.load_pem_x509_certificate(files[paths.CERTIFICATE])
    assert key == public(certificate.public_key()), "torn identity"
    return key


@pytest.mark.parametrize("key_mode", [fields.KEYS_DEVICE, fields.KEYS_CLOUD])
def test_every_device_ends_with_an_identity_of_its_own(twin, key_mode) -> None:
    count = 20 if key_mode == fields.KEYS_DEVICE else 3
    report, boards = simulate(cloud_of(twin, key_mode=key_mode), count)

    assert (report.wanted, report.done, report.failed, report.unfinished) == (count, count, 0, 0)
    assert report.attempts == count and report.errors == {} and not report.interrupted
    assert len({public_key_on(one.flash) for one in boards}) == count, "two devices share a key"
    names = {f"sim-{number}" for number in range(1, count + 1)}
    assert set(twin.registry.things.names()) == {one.name for one in boards} == names
    for name in names:
        certificates = [
            twin.registry.certificates.get(one) for one in twin.registry.things.certificates_of(name)
        ]
        assert [certificate.status for certificate in certificates] == [ACTIVE]
        boot = json.loads(twin.registry.boots.get(name).payload)
        assert boot == {fields.BOOTED_SERIAL: name, fields.BOOT_STATUS: True}
    for one in boards:
        assert settings.read(one.flash.read(paths.CONF)).provisioned
        assert not [name for name in one.flash.files if name.startswith((paths.TRIAL, paths.KEPT))]


def test_the_summary_adds_up(twin) -> None:
    report, _ = simulate(cloud_of(twin), 4)
    shown = report.document()
    assert (shown["devices"], shown["done"], shown["errors"]) == (4, 4, [])
    assert shown["devicesPerSecond"] == pytest.approx(4 / report.elapsed_s, rel=0.05)
    assert report.cpu_s > 0 and shown["cpuMsPerDevice"] == pytest.approx(report.cpu_s * 250, rel=0.05)
    assert shown["twinCpuMsPerDevice"] is None, "the twin is no child of the simulator here"
    steps = {row["step"]: row for row in shown["times"]}
    assert list(steps) == [*(step for step in board.STEPS if step != board.RECONNECT), "whole device"]
    assert {row["count"] for row in shown["times"]} == {4}
    for row in shown["times"]:
        assert 0 < row["p50Ms"] <= row["p95Ms"] <= row["p99Ms"]
    assert steps["whole device"]["p50Ms"] > steps[board.CONNECT_CLAIM]["p50Ms"]


@pytest.mark.parametrize(
    ("fault", "times", "step", "cause"),
    [
        (("create-from-csr", "reject", "Busy", 503, "*", 3), 3, None, "503 Busy"),
        (("create-from-csr", "close-before", None, None, "*", 2), 2, provision.ASK, "closed the connection"),
        (("register", "reject", "TooMany", 429, "*", 1), 1, provision.ASK, "429 TooMany"),
        (("connect", "close-before", None, None, "*", 2), 2, None, "instead of accepting it"),
        (("connect", "reject", None, 3, "*", 1), 1, None, "CONNACK code 3"),
        (("subscribe", "close-before", None, None, "*", 1), 1, provision.SUBSCRIBE, "closed the connection"),
        (("subscribe", "reject", None, None, "*", 1), 1, provision.SUBSCRIBE, "refused the subscription"),
        (("publish", "close-before", None, None, "*", 2), 2, board.BOOT_STATUS, "closed the connection"),
    ],
    ids=lambda value: "-".join(map(str, value[:2])) if isinstance(value, tuple) else "",
)
def test_trouble_that_passes_is_counted_and_tried_again(twin, fault, times, step, cause) -> None:
    twin.registry.faults.add(*fault)
    report, boards = simulate(cloud_of(twin), 4)
    assert (report.done, report.failed, report.attempts) == (4, 0, 4 + times)
    assert sum(error.times for error in report.errors.values()) == times
    for error in report.errors.values():
        assert (error.kind, error.gave_up) == (AGAIN, 0)
        assert step in (None, error.step) and cause in error.cause
    assert len({public_key_on(one.flash) for one in boards}) == 4


def test_a_throttling_cloud_is_waited_for(twin) -> None:
    twin.registry.faults.add("create-from-csr", "throttle", number=20)
    report, _ = simulate(cloud_of(twin), 30, parallel=30, tries=50, first_retry_ms=100)
    assert (report.done, report.failed) == (30, 0)
    (error,) = report.errors.values()
    assert error.times == report.attempts - 30 >= 1
    assert "429 ThrottlingException" in error.cause


def test_a_boot_status_that_failed_is_published_over_a_new_connection(twin) -> None:
    twin.registry.faults.add("publish", "close-before", None, None, "sim-1", 1)
    report, _ = simulate(cloud_of(twin), 2)
    assert len(report.step_s[board.RECONNECT]) == 1
    assert len(report.step_s[board.CREATE]) == 2, "no second certificate"
    (error,) = report.errors.values()
    assert "iot:Publish" in error.advice and "sim-1" in error.advice


def test_modules_that_a_board_unloads_stay_for_the_others(twin) -> None:
    before = {name: module for name, module in sys.modules.items() if name.startswith("device.")}
    twin.registry.faults.add(
        "connect", "close-before", None, None, "*", 1
    )  # a board explains it, and unloads
    report, _ = simulate(cloud_of(twin), 2)
    assert report.done == 2 and report.errors
    assert [name for name, module in before.items() if sys.modules.get(name) is not module] == []


def test_what_only_a_person_can_mend_is_not_tried_again(twin) -> None:
    twin.registry.faults.add("register", "reject", "AccessDenied", 403, "sim-2", None)
    report, _ = simulate(cloud_of(twin), 3)
    assert (report.done, report.failed, report.unfinished, report.attempts) == (2, 1, 0, 3)
    (row,) = report.error_rows()
    assert (row["times"], row["gaveUp"], row["kind"]) == (1, 1, GIVE_UP)
    assert "403 AccessDenied" in row["cause"] and "hook" in row["advice"]


def test_a_device_fails_when_its_tries_are_used_up(twin) -> None:
    twin.registry.faults.add("connect", "close-before")
    report, _ = simulate(cloud_of(twin), 3, tries=2)
    assert (report.done, report.failed, report.attempts) == (0, 3, 6)
    (error,) = report.errors.values()
    assert (error.times, error.gave_up, error.step) == (6, 3, board.CONNECT_CLAIM)
    assert report.figures() and report.times()


def test_an_untrusted_server_is_said_so(twin, tmp_path) -> None:
    with running_twin(tmp_path / "other", quick()) as other:
        claim = fleet.credentials(twin.claim_dir, other.ca_pem_path)
        report, _ = simulate(fleet.Cloud(twin.host, twin.port, claim), 1)
    (error,) = report.errors.values()
    assert (error.kind, report.failed) == (GIVE_UP, 1)
    assert "not to be trusted" in error.cause and "--ca" in error.advice


def test_a_claim_certificate_that_the_server_does_not_know_is_refused(twin, tmp_path) -> None:
    with running_twin(tmp_path / "other", quick()) as other:
        claim = fleet.credentials(other.claim_dir, twin.ca_pem_path)
        report, _ = simulate(fleet.Cloud(twin.host, twin.port, claim), 1, tries=1)
    (error,) = report.errors.values()
    assert (error.step, error.kind, report.failed) == (board.CONNECT_CLAIM, AGAIN, 1)
    assert "claim certificate" in error.advice


def test_it_stops_when_it_is_told_to(twin) -> None:
    def enough(report: Report, stop: asyncio.Event) -> None:
        if report.done == 3:
            stop.set()

    report, _ = simulate(cloud_of(twin), 40, changed=enough, parallel=2)
    assert report.interrupted
    assert 3 <= report.done < 40 and report.unfinished == 40 - report.done
    assert report.document()["interrupted"] is True


def test_connections_are_kept_and_their_loss_is_counted(twin) -> None:
    seen: list[int] = []

    def revoke_one(report: Report, stop: asyncio.Event) -> None:
        if report.unfinished:
            return
        seen.append(len(twin.client_ids))
        certificate = twin.registry.things.certificates_of("sim-1")[0]
        twin.registry.certificates.set_status(certificate, REVOKED)
        stop_when_dropped(report, stop)

    def stop_when_dropped(report: Report, stop: asyncio.Event) -> None:
        if report.dropped:
            stop.set()
        else:
            asyncio.get_running_loop().call_later(0.01, stop_when_dropped, report, stop)

    report, _ = simulate(cloud_of(twin), 3, changed=revoke_one, keep_s=3600)
    assert seen == [3]
    assert (report.done, report.dropped, report.failed) == (3, 1, 0)
    assert [error.step for error in report.errors.values()] == [runs.STAY]


def test_a_server_that_is_not_there_is_said_so(twin) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    report, _ = simulate(fleet.Cloud("127.0.0.1", port, cloud_of(twin).claim), 2, tries=2)
    (error,) = report.errors.values()
    assert (error.times, error.gave_up, error.kind) == (4, 2, AGAIN)
    assert error.cause == f"127.0.0.1:{port} refused the connection: nothing listens on that port"
