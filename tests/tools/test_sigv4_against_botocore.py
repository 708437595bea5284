"""The board's signer against botocore's, and against AWS's own C library, on hundreds of random requests."""

import datetime
import random
import string
from urllib.parse import quote

from awscrt import auth as crt
from awscrt import http as crt_http
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from device.core import sigv4
from device.core.credentials import Keys
from device.core.secret import Secret

REQUESTS = 400
TEXT = string.ascii_letters + string.digits + "-_.~ !$'()*+,:;=@/%&?#[]äß€"
VALUE = string.ascii_letters + string.digits + " \"'-_.,;:=/()"
NAMES = ("Content-Type", "X-Amz-Target", "X-One", "x-two", "Accept", "Content-Encoding")
PLACES = (("eu-west-1", "logs"), ("us-east-1", "iotdata"), ("cn-north-1", "execute-api"))


def text(source: random.Random, symbols: str, most: int) -> str:
    return "".join(source.choices(symbols, k=source.randrange(most + 1)))


def path(source: random.Random) -> str:
    """A path as it is sent: encoded once, with parts that the signer has to leave out."""
    parts = []
    for _ in range(source.randrange(5)):
        parts.append(source.choice(("..", ".", "", *(quote(text(source, TEXT, 9), safe="") for _ in "ab"))))
    return "/" + "/".join(parts)


class Request:
    """One random request."""

    def __init__(self, seed: int) -> None:
        source = random.Random(seed)
        self.method = source.choice(("GET", "POST", "PUT", "DELETE"))
        self.path = path(source)
        self.query = [(text(source, TEXT, 6), text(source, TEXT, 9)) for _ in range(source.randrange(4))]
        names = source.sample(NAMES, source.randrange(len(NAMES)))
        self.headers = [(name, text(source, VALUE, 20)) for name in names]
        self.headers.insert(0, ("Host", f"{text(source, string.ascii_lowercase, 9)}.example.org"))
        self.body = source.randbytes(source.randrange(300))
        self.unix_s = source.randrange(1577836800, 4102444800)  # 2020 to 2100
        self.region, self.service = source.choice(PLACES)
        self.id = "ASIA" + text(source, string.ascii_uppercase, 16)
        self.secret = text(source, string.ascii_letters + "+/", 90)
        self.token = source.choice((None, text(source, string.ascii_letters + "+/=", 900) + "="))

    @property
    def stamp(self) -> str:
        when = datetime.datetime.fromtimestamp(self.unix_s, datetime.timezone.utc)
        return when.strftime("%Y%m%dT%H%M%SZ")

    def ours(self) -> dict[str, str]:
        """The headers that our signer adds."""
        keys = Keys(self.id, Secret(self.secret), self.token and Secret(self.token), 0)
        place = (self.region, self.service)
        body_hash = sigv4.digest(self.body)
        added = sigv4.signed(
            self.method, self.path, self.query, self.headers, body_hash, self.unix_s, place, keys
        )
        return dict(added)


def of_botocore(request: Request) -> tuple[str, str]:
    """(canonical request, signature with what stands before it) by botocore."""
    signer = SigV4Auth(
        Credentials(request.id, request.secret, request.token), request.service, request.region
    )
    url = f"https://{request.headers[0][1]}{request.path}"
    made = AWSRequest(request.method, url, data=request.body, params=request.query)
    for name, value in request.headers:
        made.headers[name] = value
    made.headers["X-Amz-Date"] = made.context["timestamp"] = request.stamp
    if request.token:
        made.headers["X-Amz-Security-Token"] = request.token
    canonical = signer.canonical_request(made)
    names = signer.signed_headers(signer.headers_to_sign(made))
    signature = signer.signature(signer.string_to_sign(made, canonical), made)
    value = f"AWS4-HMAC-SHA256 Credential={signer.scope(made)}, SignedHeaders={names}, Signature={signature}"
    return canonical, value


def of_crt(request: Request) -> str:
    """The header Authorization by AWS's C library, which is what its test suite was written for."""
    headers = crt_http.HttpHeaders(request.headers)
    target = request.path + ("?" + sigv4.canonical_query(request.query) if request.query else "")
    made = crt_http.HttpRequest(request.method, target, headers)
    config = crt.AwsSigningConfig(
        algorithm=crt.AwsSigningAlgorithm.V4,
        signature_type=crt.AwsSignatureType.HTTP_REQUEST_HEADERS,
        credentials_provider=crt.AwsCredentialsProvider.new_static(request.id, request.secret, request.token),
        region=request.region,
        service=request.service,
        date=datetime.datetime.fromtimestamp(request.unix_s, datetime.timezone.utc),
        signed_body_value=sigv4.digest(request.body),
    )
    signed = crt.aws_sign_request(made, config).result(30)
    return str(dict(signed.headers)["Authorization"])


def test_botocore_signs_alike() -> None:
    for seed in range(REQUESTS):
        request = Request(seed)
        headers = [*request.headers, ("X-Amz-Date", request.stamp)]
        if request.token:
            headers.append(("X-Amz-Security-Token", request.token))
        canonical, value = of_botocore(request)
        ours, _ = sigv4.canonical(
            request.method, request.path, request.query, headers, sigv4.digest(request.body)
        )
        assert ours == canonical, (seed, vars(request))
        assert request.ours()["Authorization"] == value, (seed, vars(request))


def test_the_c_library_of_aws_signs_alike() -> None:
    for seed in range(REQUESTS, REQUESTS + 60):
        request = Request(seed)
        request.path = "/" + quote(request.id)  # it cuts a slash after `..` otherwise than botocore does
        assert request.ours()["Authorization"] == of_crt(request), (seed, vars(request))
