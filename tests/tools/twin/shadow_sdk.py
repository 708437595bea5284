"""AWS's own shadow client, classic or named, with its answers in queues."""

import queue
from types import SimpleNamespace

from awscrt import mqtt
from awsiot import iotshadow

from tools.twin.aws_sdk import WAIT_S, connected

QOS = mqtt.QoS.AT_LEAST_ONCE


class Sdk:
    """One shadow of a device, seen through `awsiot.iotshadow`."""

    def __init__(self, device, name=None):
        self.connection = connected(device.twin, device.serial, device.certificate, device.key)
        self._client = iotshadow.IotShadowClient(self.connection)
        self._names = {"thing_name": device.serial, **({"shadow_name": name} if name else {})}
        self._kind = "NamedShadow" if name else "Shadow"
        self._method = "named_shadow" if name else "shadow"
        self.answers, self.deltas, self.documents = queue.Queue(), queue.Queue(), queue.Queue()
        for verb in ("get", "update", "delete"):
            for end in ("accepted", "rejected"):
                self._subscribe(
                    f"{verb}_{self._method}_{end}",
                    f"{verb.capitalize()}{self._kind}",
                    lambda answer, end=end: self.answers.put((end, answer)),
                )
        self._subscribe(f"{self._method}_delta_updated_events", f"{self._kind}DeltaUpdated", self.deltas.put)
        self._subscribe(f"{self._method}_updated_events", f"{self._kind}Updated", self.documents.put)

    def _subscribe(self, method, kind, callback):
        request = getattr(iotshadow, kind + "SubscriptionRequest")(**self._names)
        future, _ = getattr(self._client, "subscribe_to_" + method)(request, QOS, callback)
        future.result(WAIT_S)

    def ask(self, verb, **more):
        """(accepted?, answer) of a request."""
        kind = getattr(iotshadow, f"{verb.capitalize()}{self._kind}Request")
        request = kind(**self._names, **more)
        getattr(self._client, f"publish_{verb}_{self._method}")(request, QOS).result(WAIT_S)
        end, answer = self.answers.get(timeout=WAIT_S)
        return SimpleNamespace(ok=end == "accepted", answer=answer)

    def update(self, desired=None, reported=None, **more):
        state = iotshadow.ShadowState(desired=desired, reported=reported)
        return self.ask("update", state=state, **more)

    def close(self):
        self.connection.disconnect().result(WAIT_S)
