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


# topic filter, topics that match, topics that do not: MQTT 3.1.1, sections 4.7.1 and 4.7.2
_FILTERS = (
    ("a", ("a",), ("A", "a/", "/a", "a/b", "")),
    ("a/b/c", ("a/b/c",), ("a/b", "a/b/c/d", "a/b/C")),
    ("sport/tennis/player1/#", ("sport/tennis/player1", "sport/tennis/player1/score/wimbledon"), ("sport",)),
    ("sport/#", ("sport", "sport/", "sport/a/b"), ("sports", "sports/a", "")),
    ("#", ("a", "/", "a/b/c", "/a"), ("$SYS", "$SYS/a", "$aws/things/x")),
    ("/#", ("/", "/a", "/a/b"), ("a", "a/b")),
    ("sport/tennis/+", ("sport/tennis/player1", "sport/tennis/"), ("sport/tennis", "sport/tennis/a/b")),
    ("+", ("finance", ""), ("/finance", "a/b", "$SYS")),
    ("+/+", ("/finance", "a/b", "/"), ("a", "a/b/c", "$SYS/a")),
    ("/+", ("/finance", "/"), ("finance", "/a/b")),
    ("+/tennis/#", ("a/tennis", "/tennis/a/b"), ("tennis", "a/b/tennis", "$SYS/tennis")),
    ("+/monitor/Clients", ("a/monitor/Clients",), ("$SYS/monitor/Clients",)),
    ("a/+/c/#", ("a/b/c", "a//c/d/e"), ("a/c", "a/b/d", "a/b/x/c")),
    ("$SYS/#", ("$SYS", "$SYS/a"), ("$SYSX/a", "SYS/a")),
    ("$SYS/monitor/+", ("$SYS/monitor/Clients",), ("$SYS/monitor", "$SYS/a/b")),
    ("a/$b/+", ("a/$b/c",), ("a/b/c",)),
    ("a/+", ("a/$b",), ("a",)),
)


def test_filters_match_as_the_standard_says():
    for topic_filter, matching, others in _FILTERS:
        assert topics.filter_fault(topic_filter) is None, topic_filter
        for topic in matching:
            assert topics.matches(topic_filter, topic), (topic_filter, topic)
        for topic in others:
            assert not topics.matches(topic_filter, topic), (topic_filter, topic)


def test_filters_that_nobody_can_subscribe_to():
    for topic_filter, words in (
        ("", "1 to 256 bytes"),
        ("a" * 257, "1 to 256 bytes"),
        ("\u00fc" * 129, "1 to 256 bytes"),
        ("sport/tennis#", "'tennis#'"),
        ("sport+", "'sport+'"),
        ("a/+b/c", "'+b'"),
        ("++", "'++'"),
        ("##", "'##'"),
        ("#/", "# before its end"),
        ("sport/tennis/#/ranking", "# before its end"),
    ):
        assert words in topics.filter_fault(topic_filter), topic_filter
    for topic_filter in ("a" * 256, "\u00fc" * 128, "/", "//", "+", "#", "a//b"):
        assert topics.filter_fault(topic_filter) is None, topic_filter


def test_names_that_aws_takes():
    for name in ("a", "A-Z_0:9", "x" * 128):
        assert topics.name_fault(name) is None
    assert topics.name_fault("x" * 36, 36) is None


def test_names_that_aws_does_not_take():
    for name, words in (
        (None, "is missing"),
        ("", "has 0 characters; 1 to 128 are allowed"),
        ("x" * 129, "has 129 characters"),
        (17, "must be a string"),
        (True, "must be a string"),
        (["a"], "must be a string"),
        (b"a", "must be a string"),
        ("a b", "contains ' '"),
        ("a/b", "contains '/'"),
        ("a+", "contains '+'"),
        ("#", "contains '#'"),
        ("$a", "contains '$'"),
        ("a.b", "contains '.'"),
        ("a\n", "contains '\\n'"),
        ("\u00fc", "contains"),
    ):
        assert words in topics.name_fault(name), name
    assert "1 to 36" in topics.name_fault("x" * 37, 36)


def test_topics_that_can_be_published_on():
    for topic in ("a", "/", "a b/\u00fc", "a/b/c/d/e/f/g/h", "x" * 256, "$aws/rules/r/a/b/c/d/e/f/g/h"):
        assert topics.topic_fault(topic) is None, topic
    assert topics.topic_fault(topics.own("camera", "SN-1", "temperature")) is None


def test_topics_that_end_the_connection():
    for topic, words in (
        (None, "must be a string"),
        (b"a", "must be a string"),
        ("", "1 to 256 bytes"),
        ("\u00fc" * 129, "1 to 256 bytes"),
        ("a/b/c/d/e/f/g/h/i", "too many levels"),
        ("$aws/rules/r/a/b/c/d/e/f/g/h/i", "too many levels"),
        ("a/+", "contains '+'"),
        ("a#", "contains '#'"),
        ("a\0", "contains"),
    ):
        assert words in topics.topic_fault(topic), topic
