"""Topics as the protocol's documentation and the seed print them, and matched back."""

from device.core import topics


def test_topics_as_documented():
    assert topics.CREATE_KEYS == "$aws/certificates/create/json"
    assert topics.CREATE_FROM_CSR == "$aws/certificates/create-from-csr/json"
    assert topics.register("Cam_1-x") == "$aws/provisioning-templates/Cam_1-x/provision/json"
    assert topics.accepted(topics.CREATE_KEYS) == "$aws/certificates/create/json/accepted"
    assert topics.rejected(topics.register("T")) == "$aws/provisioning-templates/T/provision/json/rejected"
    assert topics.booted("cameraDevice", "SN-1") == "cameraDevice/SN-1/booted"


def test_answers_are_matched_back_to_their_request():
    for request in (topics.CREATE_KEYS, topics.CREATE_FROM_CSR, topics.register("T")):
        assert topics.request_of(topics.accepted(request)) == (request, True)
        assert topics.request_of(topics.rejected(request)) == (request, False)
        assert topics.request_of(request) == (request, None)
    for other in ("", "accepted", "a/acceptedx", "/accepte", "x/rejected/"):
        assert topics.request_of(other) == (other, None)


def test_template_is_read_from_its_topic_alone():
    assert topics.template_of(topics.register("T-1_x")) == "T-1_x"
    for other in (
        "",
        topics.CREATE_KEYS,
        topics.register(""),
        topics.register("a/b"),
        topics.accepted(topics.register("T")),
        "x" + topics.register("T"),
        "$aws/provisioning-templates/provision/json",
    ):
        assert topics.template_of(other) is None, other


def test_limits_of_the_cloud():
    longest = topics.accepted(topics.register("t" * 36))
    assert len(longest) <= 256 and longest.count("/") <= 7
    assert len(topics.booted("p" * 64, "s" * 128)) <= 256
