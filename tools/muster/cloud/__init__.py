"""What the verbs need of a cloud, and which one an endpoint belongs to.

There is one implementation, the twin, which is the registry in the home folder (cloud/twin.py). One for AWS
is a second file; until it exists, whatever needs AWS is refused (cloud/aws.py says what to do instead).

The registry is always the journal: a device that is in it is created. A cloud that has things of its own
makes them first, several at the same time if it allows that, and enters them as they are created.
"""

import dataclasses
import enum
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Protocol

from muster.cloud import endpoints
from muster.errors import MusterError
from muster.registry import Registry
from muster.registry.batches import Batch
from muster.registry.certificates import Certificate

if TYPE_CHECKING:  # it loads cryptography, which listing devices does not need
    from muster.fleet.identity_files import Place


class Wanted(NamedTuple):
    """A device to be created; `parameters` go to RegisterThing."""

    name: str
    parameters: dict[str, str]


@dataclasses.dataclass(frozen=True)
class Issued:
    """A certificate issued for a device. Times are Unix seconds.

    `private_key_pem` is None when the certificate was made from a signing request; `configuration` is the
    template's deviceConfiguration; `revoked` are the ids of the certificates that it replaced; `files`
    are those that were written.
    """

    device: str
    certificate_id: str
    certificate_pem: str
    private_key_pem: str | None = dataclasses.field(repr=False)
    not_after_s: float
    configuration: dict[str, str]
    revoked: tuple[str, ...]
    files: tuple[Path, ...] = ()


@dataclasses.dataclass(frozen=True)
class Withdrawn:
    """A device that lost its certificates: its state before, and the ids of those that were revoked now."""

    device: str
    state_before: str
    revoked: tuple[str, ...]


class Cloud(Protocol):
    """A cloud that devices live in. Every method raises MusterError when it cannot do what it is for."""

    def create(self, batch: Batch, wanted: Sequence[Wanted]) -> Iterator[int]:
        """Create the devices of a batch; yields how many more are there for good.

        Creating one that exists changes nothing.
        """
        ...

    def provision(self, device: str, place: "Place", ttl_h: float | None) -> Issued:
        """Give a device its identity, and write it to `place`. `ttl_h`: hours; None: the cloud's own."""
        ...

    def refresh(self, device: str, csr: str | None, place: "Place | None", ttl_h: float | None) -> Issued:
        """Give a provisioned device a new certificate, for `csr` (PEM) or a new key; revoke the old ones."""
        ...

    def deprovision(self, device: str) -> Withdrawn:
        """Revoke the certificates of a device, which may then provision again."""
        ...

    def retire(self, device: str) -> Withdrawn:
        """Revoke the certificates of a device, and admit it no more."""
        ...

    def reinstate(self, device: str) -> None:
        """Admit a retired device again, with its claim ID; one in another state stays as it is."""
        ...

    def delete_device(self, device: str) -> None:
        """Revoke the certificates of a device, and forget it."""
        ...

    def delete_group(self, group: str) -> None:
        """Delete a group with its devices: all of it or nothing."""
        ...

    def certificates(self, device: str) -> list[Certificate]:
        """The certificates of a device, oldest first."""
        ...

    def last_boots(self) -> Mapping[str, float]:
        """{device: when it last published its boot status, in Unix seconds}"""
        ...


class Deed(enum.Enum):
    """What a verb is about to do; the value completes "Muster cannot ..."."""

    PROVISION = "provision {}"
    REFRESH = "refresh the certificate of {}"
    DEPROVISION = "deprovision {}"
    RETIRE = "retire {}"
    REINSTATE = "reinstate {}"
    DELETE_DEVICE = "delete {}"
    DELETE_GROUP = "delete the group {}"
    CREATE = "create {}"  # in the registry: a board's thing is made when the board provisions itself
    CHANGE_SECRET = "change the secret of {}"  # likewise
    LOOK = "look at {}"


_OF_THE_REGISTRY = (Deed.CREATE, Deed.CHANGE_SECRET, Deed.LOOK)  # possible wherever the endpoint is

Maker = Callable[[Registry, Path], Cloud]


def choose(endpoint: str, home: Path, deed: Deed, name: str) -> Maker:
    """What makes the cloud at `endpoint` from the registry of `home`, to do `deed` with `name`.

    Nothing is opened or changed before it is called. Raises MusterError when `deed` would change something
    that Muster cannot reach: on AWS, or at an endpoint that is not the twin's of this home.
    """
    from muster.cloud.twin import TwinCloud

    if deed not in _OF_THE_REGISTRY and not endpoints.is_of_twin(endpoint, home):
        raise MusterError(_refusal(endpoint, home, deed, name))
    return TwinCloud


def _refusal(endpoint: str, home: Path, deed: Deed, name: str) -> str:
    what = deed.value.format(name)
    if endpoints.is_aws(endpoint):
        from muster.cloud import aws

        return (
            f"Muster cannot {what} on AWS yet; nothing was changed: the endpoint {endpoint} is AWS IoT's, and"
            f" this command reaches only the twin in {home}; instead, {aws.instead(deed, name)}"
        )
    known = ", ".join(endpoints.of_twin(home))
    return (
        f"Muster cannot {what} there; nothing was changed: the endpoint {endpoint} is neither AWS IoT's nor"
        f" an address of the twin in {home}, which has {known}; name another --endpoint or --home, or start"
        f" the twin once with `muster twin run --host {endpoint}`"
    )


def only_here(endpoint: str, home: Path, deed: Deed) -> str | None:
    """What a person must know who uses the registry of `home` for another cloud than its twin; or None."""
    if endpoints.is_of_twin(endpoint, home):
        return None
    where = f"AWS ({endpoint})" if endpoints.is_aws(endpoint) else endpoint
    if deed is Deed.LOOK:
        return (
            f"state, certificates and last boot are only what the registry here knows; {where} was not asked"
        )
    if deed is Deed.CHANGE_SECRET:
        return f"changed only in the registry here: whatever checks proofs on {where} must get the new secret"
    return (
        f"registered here; nothing was created on {where}: images and labels need the registry, and a board"
        " gets its thing and certificate when it provisions itself"
    )
