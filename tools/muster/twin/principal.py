"""Who a connection is: its client certificate, looked up in the registry at every action.

Source: AWS IoT Developer Guide, "Thing policy variables" and "Exclusive thing association".
"""

from collections.abc import Iterable

from muster.registry import Registry
from muster.registry.certificates import ACTIVE
from muster.twin import pki, policy
from muster.twin.settings import Settings

_THING = "iot:Connection.Thing."


class Principal:
    """The certificate of one connection under one client id.

    A change of the registry, by whomever, counts from the next action on.
    """

    def __init__(self, registry: Registry, settings: Settings, certificate_id: str, client_id: str) -> None:
        self.certificate_id = certificate_id
        self.client_id = client_id
        self._registry = registry
        self._settings = settings
        self._generation: tuple[int, int] | None = None
        self._status: str | None = None
        self._not_after_s = 0.0
        self._documents: list[str] = []
        self._variables: dict[str, str] = {}
        self._reload_if_changed()

    @property
    def is_active(self) -> bool:
        """True while the certificate is registered, ACTIVE and within its dates."""
        self._reload_if_changed()
        return self._status == ACTIVE and self._settings.clock() < self._not_after_s

    def allows(self, action: str, resource: str, attributes: Iterable[str] = ()) -> bool:
        """True when the certificate is active and its policies allow the action on the resource."""
        return self.is_active and policy.allows(
            self._documents, action, resource, self._variables, attributes
        )

    def why_not(self) -> str:
        """For the log: what is wrong with the certificate, or that the policy says no."""
        if self._status is None:
            return f"certificate {self.certificate_id[:12]} is not registered"
        if self._status != ACTIVE:
            return f"certificate {self.certificate_id[:12]} is {self._status}"
        if self._settings.clock() >= self._not_after_s:
            return f"certificate {self.certificate_id[:12]} has expired"
        return "its policies do not allow it"

    def _reload_if_changed(self) -> None:
        generation = self._registry.generation()
        if generation == self._generation:
            return
        self._generation = generation
        certificate = self._registry.certificates.get(self.certificate_id)
        self._status = certificate.status if certificate else None
        self._not_after_s = certificate.not_after_s if certificate else 0.0
        self._documents = self._registry.policies.of_certificate(self.certificate_id)
        self._variables = self._resolve()

    def _resolve(self) -> dict[str, str]:
        variables = {
            "iot:ClientId": self.client_id,
            "iot:Certificate.Subject.CommonName": pki.SUBJECT,
            _THING + "IsAttached": "false",
        }
        for thing in self._registry.things.of_certificate(self.certificate_id):
            if not thing.is_exclusive and thing.name != self.client_id:
                continue  # thing variables resolve only when the client id is the thing's name
            variables[_THING + "IsAttached"] = "true"
            variables[_THING + "ThingName"] = thing.name
            if thing.type is not None:
                variables[_THING + "ThingTypeName"] = thing.type
            for name, value in thing.attributes.items():
                variables[f"{_THING}Attributes[{name}]"] = value
        return variables
