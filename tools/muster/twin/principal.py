"""Who a connection is: its client certificate, as the registry has it at every action.

What is read of the registry is kept until it changes, by whomever; then it counts from the next packet on.
Source: AWS IoT Developer Guide, "Thing policy variables" and "Exclusive thing association".
"""

from collections.abc import Callable, Iterable
from weakref import WeakValueDictionary

from muster.registry import Registry
from muster.registry.certificates import ACTIVE
from muster.registry.things import Attachment
from muster.twin import pki, policy
from muster.twin.settings import Settings

_THING = "iot:Connection.Thing."
_KEPT_ANSWERS = 256  # of policies, for each client


class _Facts:
    """What the registry says of one certificate; each half is read when it is needed."""

    def __init__(self, registry: Registry, certificate_id: str) -> None:
        self._registry = registry
        self._certificate_id = certificate_id
        self.version = 0  # how often they have changed
        self._is_status_known = self._are_rights_known = False
        self._status: str | None = None
        self._not_after_s = 0.0
        self._is_unproved = False
        self._documents: list[str] = []
        self._things: list[Attachment] = []

    def forget(self) -> None:
        """Something has changed."""
        self.version += 1
        self._is_status_known = self._are_rights_known = False

    @property
    def standing(self) -> tuple[str | None, float]:
        """(status, None when it is not registered; end in Unix seconds)."""
        if not self._is_status_known:
            certificate = self._registry.certificates.get(self._certificate_id)
            self._status = certificate.status if certificate else None
            self._not_after_s = certificate.not_after_s if certificate else 0.0
            self._is_unproved = bool(
                certificate and not certificate.is_claim and certificate.connected_s is None
            )
            self._is_status_known = True
        return self._status, self._not_after_s

    @property
    def is_unproved(self) -> bool:
        """Whether nobody has ever connected with it; never so of a claim certificate."""
        self.standing  # noqa: B018
        return self._is_unproved

    @property
    def rights(self) -> tuple[list[str], list[Attachment]]:
        """(policy documents, things that it is attached to)."""
        if not self._are_rights_known:
            self._documents = self._registry.policies.of_certificate(self._certificate_id)
            self._things = self._registry.things.of_certificate(self._certificate_id)
            self._are_rights_known = True
        return self._documents, self._things


class Principals:
    """The certificates of the clients that are connected, and what is known of them."""

    def __init__(self, registry: Registry, settings: Settings) -> None:
        self._registry = registry
        self._settings = settings
        self._facts: WeakValueDictionary[str, _Facts] = WeakValueDictionary()
        self._changes = registry.changes(self._changed)
        self._changed_ids: set[str] = set()  # of clients' certificates, by this process, since `changed`
        self._are_all_changed = False
        self._next_end_s = float("inf")  # the first of them to end, or sooner

    def changed(self) -> Callable[[str], bool]:
        """Whether something has changed for a certificate since this was called last.

        Asked ten times a second for every client, so what did not change must cost nothing.
        """
        ids, self._changed_ids = self._changed_ids, set()
        if self._are_all_changed or self._settings.clock() >= self._next_end_s:
            self._are_all_changed, self._next_end_s = False, float("inf")
            return lambda _: True
        return ids.__contains__

    def watch(self, principal: "Principal") -> None:
        """See that `changed` tells of this one's end."""
        self._next_end_s = min(self._next_end_s, principal.not_after_s)

    @property
    def has_changes(self) -> bool:
        """Whether `changed` would say yes to anybody."""
        is_end = self._settings.clock() >= self._next_end_s
        return bool(self._changed_ids) or self._are_all_changed or is_end

    def look(self) -> bool:
        """See whether others have written; what was read before is then read again."""
        if not self._changes.by_others():
            return False
        for facts in self._facts.values():
            facts.forget()
        self._are_all_changed = True
        return True

    def principal(self, certificate_id: str, client_id: str) -> "Principal":
        """The certificate under one client id."""
        facts = self._facts.get(certificate_id)
        if facts is None:
            facts = self._facts[certificate_id] = _Facts(self._registry, certificate_id)
        return Principal(facts, self._settings, certificate_id, client_id)

    def _changed(self, certificate_id: str) -> None:
        facts = self._facts.get(certificate_id)
        if facts is not None:
            facts.forget()
            self._changed_ids.add(certificate_id)


class Principal:
    """The certificate of one connection under one client id."""

    def __init__(self, facts: _Facts, settings: Settings, certificate_id: str, client_id: str) -> None:
        self.certificate_id = certificate_id
        self.client_id = client_id
        self._facts = facts
        self._clock = settings.clock
        self._version = -1
        self._documents: list[str] = []
        self._variables: dict[str, str] = {}
        self._answers: dict[tuple[str, str], bool] = {}

    @property
    def not_after_s(self) -> float:
        """When the certificate ends, Unix seconds."""
        return self._facts.standing[1]

    @property
    def is_active(self) -> bool:
        """True while the certificate is registered, ACTIVE and within its dates."""
        status, not_after_s = self._facts.standing
        return status == ACTIVE and self._clock() < not_after_s

    @property
    def is_unproved(self) -> bool:
        """Whether this is the first connection with the certificate; never so of a claim certificate."""
        return self._facts.is_unproved

    def allows(self, action: str, resource: str, attributes: Iterable[str] = ()) -> bool:
        """True when the certificate is active and its policies allow the action on the resource."""
        if not self.is_active:
            return False
        if self._version != self._facts.version:
            self._version = self._facts.version
            self._documents, things = self._facts.rights
            self._variables = self._resolve(things)
            self._answers.clear()
        if attributes:
            return policy.allows(self._documents, action, resource, self._variables, attributes)
        answer = self._answers.get((action, resource))
        if answer is None:
            answer = policy.allows(self._documents, action, resource, self._variables)
            if len(self._answers) >= _KEPT_ANSWERS:
                self._answers.clear()
            self._answers[action, resource] = answer
        return answer

    def may_receive(self, topic: str) -> bool:
        """iot:Receive, asked at every delivery."""
        return self.allows(policy.RECEIVE, policy.topic(topic))

    def why_not(self) -> str:
        """For the log: what is wrong with the certificate, or that the policy says no."""
        status, not_after_s = self._facts.standing
        if status is None:
            return f"certificate {self.certificate_id[:12]} is not registered"
        if status != ACTIVE:
            return f"certificate {self.certificate_id[:12]} is {status}"
        if self._clock() >= not_after_s:
            return f"certificate {self.certificate_id[:12]} has expired"
        return "its policies do not allow it"

    def _resolve(self, things: list[Attachment]) -> dict[str, str]:
        variables = {
            "iot:ClientId": self.client_id,
            "iot:Certificate.Subject.CommonName": pki.SUBJECT,
            _THING + "IsAttached": "false",
        }
        for thing in things:
            if not thing.is_exclusive and thing.name != self.client_id:
                continue  # thing variables resolve only when the client id is the thing's name
            variables[_THING + "IsAttached"] = "true"
            variables[_THING + "ThingName"] = thing.name
            if thing.type is not None:
                variables[_THING + "ThingTypeName"] = thing.type
            for name, value in thing.attributes.items():
                variables[f"{_THING}Attributes[{name}]"] = value
        return variables
