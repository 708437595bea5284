"""May this CONNECT come in? Asked before any session is touched.

Source: AWS IoT Developer Guide, "MQTT", "Connect policy examples"; AWS General Reference, "AWS IoT limits".
"""

import time

from amqtt.mqtt.connack import IDENTIFIER_REJECTED, UNACCEPTABLE_PROTOCOL_VERSION
from amqtt.mqtt.connect import ConnectPacket
from amqtt.mqtt.constants import QOS_1

from muster.twin import filters, policy
from muster.twin.principal import Principal
from muster.twin.settings import Settings

_MQTT_3_1_1 = 4


class Admission:
    """The rules for a CONNECT, and the memory of who came when."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._last_connect_s: dict[str, float] = {}

    def judge(self, connect: ConnectPacket, principal: Principal) -> tuple[str | None, int | None]:
        """Why a CONNECT is refused (None: it is not), and the CONNACK return code to send, if any."""
        client_id, limits = principal.client_id, self._settings.limits
        if connect.proto_level != _MQTT_3_1_1:
            return "not MQTT 3.1.1", UNACCEPTABLE_PROTOCOL_VERSION
        if connect.client_id_is_random and not connect.clean_session_flag:
            return "no client id", IDENTIFIER_REJECTED
        if len(client_id.encode()) > limits.client_id_bytes or client_id.startswith("$"):
            return "client id too long or reserved", self._settings.refuse_return_code
        if connect.will_flag:
            problem = filters.name_problem(connect.will_topic or "", limits)
            if problem or connect.will_qos > QOS_1 or (connect.will_topic or "").startswith("$"):
                return "impossible will", self._settings.refuse_return_code
        attributes = [] if connect.clean_session_flag else ["PersistentConnect"]
        attributes += ["LastWill"] if connect.will_flag else []
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
