"""A `logs` client of botocore, unchanged, that talks to a twin with keys of its credentials provider."""

import datetime

import botocore.session
from botocore.config import Config

from muster.twin.issued_keys import Issued

GROUP = "/muster/boards"


def client(twin, keys: Issued, **changes):
    """boto's client for CloudWatch Logs; `changes`: other keys than those of the twin."""
    given = {
        "aws_access_key_id": keys.access_key_id,
        "aws_secret_access_key": keys.secret,
        "aws_session_token": keys.token,
        **changes,
    }
    return botocore.session.Session().create_client(
        "logs",
        region_name="local-1",
        endpoint_url=f"https://localhost:{twin.https_port}",
        verify=str(twin.ca_pem_path),
        config=Config(retries={"total_max_attempts": 1}, connect_timeout=20, read_timeout=20),
        **given,
    )


def now_ms() -> int:
    return int(datetime.datetime.now(datetime.timezone.utc).timestamp() * 1000)
