"""The likely cause in words: what the files show, and what the policy probably lacks."""

from check import golden
from device.claim import provision
from device.core import calendar, explain, fields, pem, topics, x509
from device.core.failures import AGAIN, GIVE_UP, OVER
from world import MODES, World, settings

_CERTIFICATE = golden("p256/ec.crt.pem")
_KEY = golden("p256/ec.traditional.key.pem")
_OTHER_KEY = golden("p256/ec_other.traditional.key.pem")


def _dates():
    found = x509.read(pem.to_der(_CERTIFICATE))
    return found.not_before, found.not_after


def test_a_good_pair_within_its_dates_explains_nothing():
    first, last = _dates()
    for now in (first, (first + last) // 2, last):
        for whose in (explain.CLAIM, explain.TRIAL):
            assert explain.identity(_CERTIFICATE, _KEY, whose, now) is None
            assert explain.identity(pem.to_der(_CERTIFICATE), pem.to_der(_KEY), whose, now) is None


def test_kind_and_advice_depend_on_whose_it_is():
    now = _dates()[0]
    for certificate, key, words in (
        (_CERTIFICATE, _OTHER_KEY, "do not belong together"),
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
        claim = explain.identity(certificate, key, explain.CLAIM, now)
        trial = explain.identity(certificate, key, explain.TRIAL, now)
        assert (claim.kind, trial.kind) == (GIVE_UP, OVER), words
        assert words in str(claim) and "the claim certificate" in str(claim), str(claim)
        assert words in str(trial) and "the new certificate" in str(trial), str(trial)
        assert "claim credentials" in claim.advice and trial.advice


def test_every_beginning_of_the_files_is_explained():
    now = _dates()[0]
    for size in range(0, len(_CERTIFICATE) - 2, 7):
        assert explain.identity(_CERTIFICATE[:size], _KEY, explain.CLAIM, now)
    for size in range(0, len(_KEY) - 2, 7):
        assert explain.identity(_CERTIFICATE, _KEY[:size], explain.CLAIM, now)
    der = pem.to_der(_CERTIFICATE)
    for size in range(0, len(der), 13):
        assert explain.identity(der[:size], _KEY, explain.CLAIM, now)


def test_an_expired_certificate_says_both_dates():
    last = _dates()[1]
    failure = explain.identity(_CERTIFICATE, _KEY, explain.CLAIM, last + 86400)
    assert failure.kind == GIVE_UP and "expired on " + calendar.text(last) in str(failure)
    assert calendar.text(last + 86400) in str(failure)
    assert explain.identity(_CERTIFICATE, _KEY, explain.TRIAL, last + 86400).kind == OVER


def test_a_clock_at_2021_names_the_clock_and_keeps_the_certificate():
    first = _dates()[0]
    now = min(calendar.unix(2021, 1, 1), first - 1)
    for whose in (explain.CLAIM, explain.TRIAL):
        failure = explain.identity(_CERTIFICATE, _KEY, whose, now)
        assert failure.kind == AGAIN and "the clock says " + calendar.text(now) in str(failure)
        assert "NTP" in failure.advice


def test_a_closed_connection_names_the_missing_permission():
    for mode in MODES:
        world = World(settings(mode, template="Tpl"))
        world.boot()
        create = "create-from-csr/json" if mode == fields.KEYS_DEVICE else "create/json"
        told = {}
        for action in world.actions:
            told.setdefault(action[0], []).append(explain.closed(action, world.settings))
        assert "iot:Connect on client/SN-0001" in told[provision.OPEN_CLAIM][0]
        assert "revoked" in told[provision.OPEN_CLAIM][0]
        assert "iot:Connect on client/SN-0001" in told[provision.OPEN_TRIAL][0]
        assert "iot:Subscribe" in told[provision.SUBSCRIBE][0]
        assert "topicfilter/$aws/certificates/" + create in told[provision.SUBSCRIBE][0]
        assert "topicfilter/" + topics.register("Tpl") in told[provision.SUBSCRIBE][0]
        assert "iot:Publish on topic/$aws/certificates/" + create in told[provision.ASK][0]
        assert "iot:Publish on topic/" + topics.register("Tpl") in told[provision.ASK][1]
        assert told[provision.SAVE_JOURNAL][0] == told[provision.COMMIT][0] == ""
