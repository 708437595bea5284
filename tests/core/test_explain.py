"""The likely cause in words: what the files show, and what the policy probably lacks."""

from check import golden
from device.core import calendar, explain, paths, pem, topics, x509
from device.core.failures import AGAIN, GIVE_UP, OVER, Expired, Failure

_CERTIFICATE = golden("p256/ec.crt.pem")
_KEY = golden("p256/ec.traditional.key.pem")
_OTHER_KEY = golden("p256/ec_other.traditional.key.pem")
# whose, as what it is named, what its faults mean
_WHOSE = (
    (paths.BOOTSTRAP, "the claim certificate", GIVE_UP),
    (paths.TRIAL, "the new certificate", OVER),
    (paths.CERT, "the certificate of this board", GIVE_UP),
)


def _identity(directory, certificate, key, now):
    return explain.identity(directory, {paths.CERTIFICATE: certificate, paths.PRIVATE_KEY: key}, now)


def _dates():
    found = x509.read(pem.to_der(_CERTIFICATE))
    return found.not_before, found.not_after


def test_a_good_pair_within_its_dates_explains_nothing():
    first, last = _dates()
    for now in (first, (first + last) // 2, last):
        for directory, _, _ in _WHOSE:
            assert _identity(directory, _CERTIFICATE, _KEY, now) is None
            assert _identity(directory, pem.to_der(_CERTIFICATE), pem.to_der(_KEY), now) is None


def test_kind_and_advice_depend_on_whose_it_is():
    now = _dates()[0]
    for certificate, key, words in (
        (_CERTIFICATE, _OTHER_KEY, "does not match the private key"),
        (_CERTIFICATE, b"", "damaged"),
        (_CERTIFICATE, None, "damaged"),
        (None, _KEY, "damaged"),
        (b"", b"", "damaged"),
        (b"\xff" * 50, _KEY, "damaged"),
        (_CERTIFICATE[:-40], _KEY, "damaged"),
        (_CERTIFICATE, _KEY[:-40], "damaged"),
        (_KEY, _CERTIFICATE, "damaged"),
        (b"\x30\x00", _KEY, "damaged"),
    ):
        advices = []
        for directory, name, kind in _WHOSE:
            failure = _identity(directory, certificate, key, now)
            assert type(failure) is Failure and failure.kind == kind, (directory, words)
            assert words in str(failure) and name in str(failure), str(failure)
            advices.append(failure.advice)
        assert "replace the claim credentials" in advices[0]
        assert "the board requests a new one" in advices[1]
        assert "with claim credentials" in advices[2]


def test_every_beginning_of_the_files_is_explained():
    now = _dates()[0]
    for size in range(0, len(_CERTIFICATE) - 2, 7):
        assert _identity(paths.BOOTSTRAP, _CERTIFICATE[:size], _KEY, now)
    for size in range(0, len(_KEY) - 2, 7):
        assert _identity(paths.TRIAL, _CERTIFICATE, _KEY[:size], now)
    der = pem.to_der(_CERTIFICATE)
    for size in range(0, len(der), 13):
        assert _identity(paths.CERT, der[:size], _KEY, now)


def test_an_expired_certificate_is_expired_and_says_both_dates():
    last = _dates()[1]
    for now in (last + 1, last + 86400):
        for directory, name, kind in _WHOSE:
            failure = _identity(directory, _CERTIFICATE, _KEY, now)
            assert type(failure) is Expired and failure.kind == kind
            assert name + " expired on " + calendar.text(last) in str(failure)
            assert calendar.text(now) in str(failure)


def test_an_expired_certificate_with_another_key_is_not_called_expired():
    assert type(_identity(paths.CERT, _CERTIFICATE, _OTHER_KEY, _dates()[1] + 1)) is Failure


def test_a_clock_at_2021_names_the_clock_and_keeps_the_certificate():
    now = min(calendar.unix(2021, 1, 1), _dates()[0] - 1)
    for directory, name, _ in _WHOSE:
        failure = _identity(directory, _CERTIFICATE, _KEY, now)
        assert failure.kind == AGAIN and "the clock says " + calendar.text(now) in str(failure)
        assert name in str(failure) and "NTP" in failure.advice


def test_a_connection_closed_at_once_names_the_missing_permission():
    for directory, words in (
        (paths.BOOTSTRAP, "claim certificate is probably revoked"),
        (paths.TRIAL, "not active yet"),
        (paths.CERT, "the certificate is probably revoked"),
    ):
        text = explain.closed_at_connect(directory, "SN-1")
        assert words in text and text.endswith("iot:Connect on client/SN-1"), text


def test_a_connection_closed_after_a_subscribe_names_each_request_once():
    register = topics.register("Tpl")
    asked = (topics.CREATE_KEYS, register)
    filters = [answer(topic) for topic in asked for answer in (topics.accepted, topics.rejected)]
    assert explain.closed_at_subscribe(filters) == (
        "the policy probably lacks iot:Subscribe on topicfilter/$aws/certificates/create/json/* "
        "or topicfilter/" + register + "/*"
    )
    assert explain.closed_at_subscribe(["a/+", "b/#"]).endswith("topicfilter/a/+ or topicfilter/b/#")


def test_a_connection_closed_after_a_publish_or_later():
    assert explain.closed_at_publish("a/b") == "the policy probably lacks iot:Publish on topic/a/b"
    assert "another client connected as SN-1" in explain.closed_later("SN-1")
