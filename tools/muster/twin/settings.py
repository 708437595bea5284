"""What can be set on a twin. Every default is what AWS does, except where the comment says otherwise."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from device.core import topics
from muster.twin.https.limits import HttpLimits

KeyKind = Literal["rsa", "ec"]
Hook = Callable[[dict], dict]

REGION = "local-1"
ACCOUNT = "000000000000"
DEFAULT_TEMPLATE = topics.DEFAULT_TEMPLATE
DEFAULT_ROLE_ALIAS = "muster-board"
DEFAULT_LOG_RULE = "musterLogs"


@dataclass(frozen=True)
class Limits:
    """The protocol limits of AWS IoT Core (AWS General Reference, "AWS IoT Core protocol limits")."""

    client_id_bytes: int = 128
    payload_bytes: int = 128 * 1024
    topic_bytes: int = 256
    topic_slashes: int = 7
    filters_per_subscribe: int = 8
    filters_per_connection: int = 50
    unacknowledged: int = 100
    keep_alive_min_s: float = 30
    keep_alive_max_s: float = 1200
    keep_alive_factor: float = 1.5
    session_expiry_s: int = 3600
    connect_wait_s: float = 30  # from TCP accept to CONNECT; AWS does not publish its value
    publishes_per_s: float = 100  # of a connection, with Settings.throttle; the others are dropped
    calls_per_s: float = 10  # of each provisioning call, all clients together, with Settings.throttle
    calls_waiting: int = 10  # provisioning calls of a connection that are not answered yet
    shadow_calls: int = 10  # of a connection that are not answered yet
    shadow_calls_per_s: float = 20  # of a thing, with Settings.throttle
    table_calls: int = 10  # of a board that are not answered yet
    table_calls_per_s: float = 20  # of a board, with Settings.throttle
    # The twin's own: AWS does not publish how much it keeps.
    waiting_messages: int = 1000  # for a session
    waiting_bytes: int = 4 * 1024 * 1024
    absent_sessions: int = 10_000  # of clients that are away; the longest away is forgotten first
    absent_bytes: int = 64 * 1024 * 1024  # that wait for all of them together
    retained_messages: int = 5000
    retained_bytes: int = 32 * 1024 * 1024


@dataclass(frozen=True)
class Settings:
    """One twin. Times ending in `_s` are seconds."""

    host: str = "localhost"  # in the server certificate and in the printed address; may be an IP address
    bind: str | None = None  # address to listen on; None: loopback for a loopback host, else every one
    mqtt_port: int = 0  # 0: a free one
    https_port: int | None = None  # of the builder and all else that boards ask over HTTPS; None: off
    page_port: int | None = None  # of the page for people, plain HTTP; None: off
    page_bind: str | None = None  # address of that page; None: loopback only
    claim_life_s: float = 600  # of the temporary claim certificate of a board that was claimed
    release_wait_s: float = 10  # for a board to obey a release before it is cut off
    claim_delay_s: int | None = (
        None  # how long boards are told to wait before they poll again; None: their own
    )
    template: str = DEFAULT_TEMPLATE
    renewal_template: str = topics.DEFAULT_RENEWAL_TEMPLATE
    open_admission: bool = False  # True: the claim certificate alone is enough, even if there are groups
    topic_prefix: str = topics.DEFAULT_PREFIX
    authority_key: KeyKind = "rsa"  # root CA and server certificate
    claim_key: KeyKind = "rsa"
    token_life_s: float = 3600
    reuse_tokens: bool = False  # a second RegisterThing with the same token: refused, or answered again
    role_alias: str = DEFAULT_ROLE_ALIAS  # whose keys for AWS a device may have
    credentials_life_s: int = 3600  # of these keys; AWS allows 900 to 43200
    log_group: str = "/muster/boards"  # where the twin's rule puts the lines that boards publish
    boards_create_log_groups: bool = True  # whether a board's keys allow logs:CreateLogGroup
    certificate_ttl_h: float | None = None  # hours; None: until 2049-12-31T23:59:59Z
    key_pool: int = 8  # RSA keys made ahead
    hook: Hook | str | None = None  # callable, "module:function" or "file.py:function"; a template's own wins
    hook_limit_s: float = 5
    refuse_return_code: int | None = None  # None: a refused CONNECT is closed without a CONNACK
    connects_per_s_and_client: float | None = None  # AWS allows 1; off here, it would slow every test down
    throttle: bool = (
        False  # AWS's rates: publishes of a connection, provisioning calls, shadow calls of a thing
    )
    require_sni: bool = False  # AWS wants SNI; off here, so that an endpoint may be an IP address
    watch_s: float = 0.1  # how often the registry is looked at for revocations
    clock: Callable[[], float] = field(default=time.time)
    limits: Limits = field(default_factory=Limits)
    http_limits: HttpLimits = field(default_factory=HttpLimits)

    @property
    def url_host(self) -> str:
        """The host as it stands in an address."""
        return f"[{self.host}]" if ":" in self.host else self.host

    @property
    def bind_address(self) -> str:
        """The address that the listener uses."""
        if self.bind is not None:
            return self.bind
        if self.host == "::1":
            return self.host
        return "127.0.0.1" if self.host in ("localhost", "127.0.0.1") else "0.0.0.0"


@dataclass(frozen=True)
class Home:
    """The files of a twin's home folder."""

    root: Path

    @property
    def ca_pem(self) -> Path:
        return self.root / "ca.pem"

    @property
    def ca_key(self) -> Path:
        return self.root / "ca.key"

    @property
    def server_pem(self) -> Path:
        return self.root / "server.pem"

    @property
    def server_key(self) -> Path:
        return self.root / "server.key"

    @property
    def factory_pem(self) -> Path:
        return self.root / "factory-server.pem"

    @property
    def factory_key(self) -> Path:
        return self.root / "factory-server.key"

    @property
    def claim_dir(self) -> Path:
        return self.root / "claim"

    @property
    def sessions(self) -> Path:
        return self.root / "sessions.json"

    @property
    def logs(self) -> Path:
        return self.root / "logs.db"

    @property
    def lock(self) -> Path:
        return self.root / "twin.lock"
