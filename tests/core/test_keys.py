"""The service keys: it fetches, renews at 80 % of the keys' life, signs, and writes nothing."""

import asyncio
import json

from device.core import http, paths
from device.core.failures import AGAIN, GIVE_UP, Failure, Refused
from device.core.slots import Identity
from device.runtime.service import FAILING
from device.runtime.state import State
from device.services.keys import SERVICE
from flash import Flash

_CONFIG = b'{"keys": {"roleAlias": "camera", "endpoint": "keys.example", "port": 8443}}'
_NOW_S = 1772366400  # 2026-03-01T12:00:00Z
_HOUR_MS = 3600000
_DENIED = http.Answer(403, {}, b'{"message": "Access Denied"}')


class _End(Exception):
    """There are no more answers."""


def _answer(number, hour=13):
    given = {
        "accessKeyId": f"ASIA{number}",
        "secretAccessKey": "marker-secret",
        "sessionToken": "marker-token",
        "expiration": f"2026-03-01T{hour}:00:00Z",
    }
    return http.Answer(200, {}, json.dumps({"credentials": given}).encode())


class _Board:
    """All ports of a board. `answers`: what the provider says; `asked`: what it was asked, and when (ms)."""

    BUILD_TIME = 1700000000
    TLS_HEAP_BYTES = 0
    TLS_SESSIONS = 1
    WEB_BESIDE_TLS = True

    def __init__(self, *answers, config=_CONFIG):
        self.store = Flash()
        for path in ("/etc", paths.BASE, paths.CERT):
            self.store.directories.add(path)
        if config is not None:
            self.store.files[paths.CONFIG] = config
        self.store.files[paths.CERT + "/" + paths.CERTIFICATE] = b"certificate"
        self.store.files[paths.CERT + "/" + paths.PRIVATE_KEY] = b"private key"
        self.board = self.build = self.network = self.clock = self
        self.answers = list(answers)
        self.asked = []
        self.said = []
        self.now_ms = 5000
        self.off_s = 0  # how wrong the clock is

    def say(self, step, text, level="info"):
        self.said.append(text)

    def interval(self, name, default_ms):
        return default_ms

    def connected(self):
        return True

    def ms(self):
        return self.now_ms

    def unix(self):
        return _NOW_S + self.now_ms // 1000 + self.off_s

    def set_unix(self, unix_s):
        raise AssertionError("the clock is right")

    async def sleep_ms(self, ms):
        await asyncio.sleep(0)
        self.now_ms += ms

    async def wait(self, work, limit_ms):
        """Time passes only when nobody has anything to do."""
        task = asyncio.create_task(work)
        for _ in range(20):
            await asyncio.sleep(0)
            if task.done():
                await task
                return True
        task.cancel()
        self.now_ms += limit_ms
        return False

    async def exchange(self, address, method, headers, body, path, limit_bytes, files):
        self.asked.append((address, method, headers, files(), self.now_ms))
        if not self.answers:
            raise _End
        if isinstance(self.answers[0], Failure):
            raise self.answers.pop(0)
        return self.answers.pop(0)


def _service(board):
    state = State(board)
    state.identity = Identity("camera-0001", "iot.example", 8883, "id")
    return SERVICE("keys", state)


async def _to_the_end(service):
    try:
        await service.run()
    except _End:
        return


def _run(*answers):
    """A board that has used up these answers."""
    board = _Board(*answers)
    asyncio.run(_to_the_end(_service(board)))
    return board


def test_the_board_shows_its_certificate_and_names_its_thing():
    board = _run(_answer(1))
    address, method, headers, files, _ = board.asked[0]
    assert (address.host, address.port, address.secure) == ("keys.example", 8443, True)
    assert (address.target, method) == ("/role-aliases/camera/credentials", "GET")
    assert headers == {"x-amzn-iot-thingname": "camera-0001"}
    assert files == {paths.CERTIFICATE: b"certificate", paths.PRIVATE_KEY: b"private key"}
    assert board.store.changes == 0, "keys are never on flash"
    assert not [text for text in board.said if "marker" in text]


def test_keys_are_renewed_at_eighty_percent():
    board = _run(_answer(1), _answer(2, 14))
    times = [asked[4] for asked in board.asked]
    first_s = 3600 - 5  # the clock of the test began five seconds ago
    assert times[1] - times[0] == first_s * 800
    second_s = 2 * 3600 - times[1] // 1000
    assert times[2] - times[1] == second_s * 800


def test_a_life_too_short_is_not_asked_for_without_end():
    board = _Board(_answer(1), _answer(2), _answer(3))
    board.off_s = 3600 - 5 - 20  # twenty seconds are left of each

    async def play():
        try:
            await _service(board).run()
        except Failure as failure:
            return failure

    failure = asyncio.run(play())
    times = [asked[4] for asked in board.asked]
    assert times[1] - times[0] == 60000 and len(times) == 2, times
    assert "the clock says" in str(failure), "they have ended before they came"


def test_others_get_the_keys_and_replace_those_that_are_refused():
    board = _Board(_answer(1), _answer(2), _answer(3))

    async def play():
        service = _service(board)
        task = asyncio.create_task(_to_the_end(service))
        first = await service.current()
        assert first.id == "ASIA1" and await service.current() is first
        second = await service.current(first)
        assert second.id == "ASIA2" and await service.current(first) is second
        assert board.asked[1][4] - board.asked[0][4] >= 60000, "at most once a minute"
        task.cancel()

    asyncio.run(play())


def test_keys_that_have_ended_are_not_given():
    board = _Board(_answer(1), _answer(2, 20))

    async def play():
        service = _service(board)
        task = asyncio.create_task(_to_the_end(service))
        first = await service.current()
        board.off_s = -7200  # a correction of the clock does not make them live longer
        board.now_ms += _HOUR_MS
        assert (await service.current()).id == "ASIA2" != first.id
        task.cancel()

    asyncio.run(play())


def test_a_failure_is_told_to_whoever_asks():
    board = _Board(_DENIED)

    async def play():
        service = _service(board)
        try:
            await service.run()
        except Failure as failure:
            service.failure, service.condition = failure, FAILING  # as the supervisor does
        try:
            await service.current()
        except Failure as failure:
            return failure

    failure = asyncio.run(play())
    assert failure.kind == GIVE_UP and "Access Denied" in str(failure)


def test_the_certificate_is_for_one_server():
    board = _Board(http.Answer(302, {"location": "https://other.example/"}, b""))

    async def play():
        try:
            await _service(board).run()
        except Failure as failure:
            return failure

    assert "(302)" in str(asyncio.run(play())) and len(board.asked) == 1


def test_a_server_that_hangs_up_may_not_know_the_certificate():
    async def play():
        try:
            await _service(_Board(Refused(AGAIN, "the server closed the connection"))).run()
        except Refused as failure:
            return failure

    assert "whether the certificate of this board is active" in str(asyncio.run(play()))


def test_valid_keys_stay_when_the_renewal_fails():
    board = _Board(_answer(1), _DENIED)

    async def play():
        service = _service(board)
        try:
            await service.run()
        except Failure as failure:
            service.failure, service.condition = failure, FAILING
        return await service.current()

    assert asyncio.run(play()).id == "ASIA1"


def test_a_request_is_signed():
    board = _Board(_answer(1))

    async def play():
        service = _service(board)
        task = asyncio.create_task(_to_the_end(service))
        given = {"X-Amz-Target": "Logs_20140328.PutLogEvents"}
        found = await service.signed(
            "POST", "https://logs.example:8444/", given, b"{}", ("eu-west-1", "logs")
        )
        assert len(given) == 1
        task.cancel()
        return found

    sent, keys = asyncio.run(play())
    assert keys.id == "ASIA1"
    assert sorted(sent) == ["Authorization", "X-Amz-Date", "X-Amz-Security-Token", "X-Amz-Target"]
    assert sent["X-Amz-Date"].startswith("20260301T120")
    scope = "Credential=ASIA1/20260301/eu-west-1/logs/aws4_request"
    assert scope in sent["Authorization"]
    assert "SignedHeaders=host;x-amz-date;x-amz-security-token;x-amz-target" in sent["Authorization"]


def test_without_a_role_alias_nothing_is_asked():
    for config in (None, b"{}", b'{"keys": {}}'):
        board = _Board(config=config)
        asyncio.run(_service(board).run())
        assert board.asked == []


def test_without_an_identity_or_its_files_nothing_is_sent():
    async def fails(service):
        try:
            await service.run()
        except Failure as failure:
            return failure

    board = _Board(_answer(1))
    service = _service(board)
    service.state.identity = None
    assert "no identity" in str(asyncio.run(fails(service))) and not board.asked
    board = _Board(_answer(1))
    del board.store.files[paths.CERT + "/" + paths.PRIVATE_KEY]
    assert paths.PRIVATE_KEY in str(asyncio.run(fails(_service(board))))
