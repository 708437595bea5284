"""May this CONNECT come in? Asked before any session is touched.

Source: AWS IoT Developer Guide, "MQTT", "Connect policy examples"; AWS General Reference, "AWS IoT limits".
"""

import time

from muster.twin import filters, packets, policy
from muster.twin.packets import Connect
from muster.twin.principal import Principal
from muster.twin.settings import Settings


class Admission:
    """The rules for a CONNECT, and the memory of who came when."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._last_connect_s: dict[str, float] = {}

    def judge(self, connect: Connect, principal: Principal) -> tuple[str | None, int | None]:
        """Why a CONNECT is refused (None: it is not), and the CONNACK return code to send, if any."""
        client_id, limits = principal.client_id, self._settings.limits
        if connect.level != packets.MQTT_3_1_1:
            return "not MQTT 3.1.1", packets.UNACCEPTABLE_VERSION
        if not connect.client_id and not connect.is_clean:
            return "no client id", packets.IDENTIFIER_REJECTED
        if len(client_id.encode()) > limits.client_id_bytes or client_id.startswith("$"):
            return "client id too long or reserved", self._settings.refuse_return_code
        if connect.will is not None:
            problem = filters.name_problem(connect.will.topic, limits)
            if problem or connect.will.qos > packets.QOS_1 or connect.will.topic.startswith("$"):
                return "impossible will", self._settings.refuse_return_code
        attributes = [] if connect.is_clean else ["PersistentConnect"]
        attributes += ["LastWill"] if connect.will is not None else []
        if not principal.allows(policy.CONNECT, policy.client(client_id), attributes):
            return principal.why_not(), self._settings.refuse_return_code
        if self._is_too_fast(client_id):
            return "more CONNECTs a second than allowed", self._settings.refuse_return_code
        return None, None

    def _is_too_fast(self, client_id: str) -> bool:
        rate = self._settings.connects_per_s_and_client
        if rate is None:
            return False
        now_s = time.monotonic()
        is_too_fast = now_s - self._last_connect_s.get(client_id, -1e9) < 1 / rate
        self._last_connect_s[client_id] = now_s
        return is_too_fast
