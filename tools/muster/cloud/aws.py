"""AWS IoT: what its own command line does where Muster cannot yet.

An implementation of Cloud for AWS takes the place of this table.
Source: the service model of AWS IoT (botocore), operations UpdateCertificate, DeleteThing and others.
"""

from muster.cloud import Deed

_FIND = (
    "`aws iot list-thing-principals --thing-name {name}` lists its certificates (an id is the end of an ARN)"
)
_DISABLE = "`aws iot update-certificate --certificate-id ID --new-status {status}`"
_HOOK = "your pre-provisioning hook must refuse the name from then on"
_ATTACH = (
    "`aws iot attach-thing-principal --thing-name {name} --principal ARN` and `aws iot attach-policy"
    " --policy-name POLICY --target ARN`"
)

_INSTEAD = {
    Deed.PROVISION: (
        "let the board provision itself by claim, or use `aws iot create-keys-and-certificate"
        f" --set-as-active`, then {_ATTACH}"
    ),
    Deed.REFRESH: (
        "use `aws iot create-certificate-from-csr --certificate-signing-request file://CSR --set-as-active`,"
        f" then {_ATTACH}, and for each old one {_DISABLE.format(status='INACTIVE')}"
    ),
    Deed.DEPROVISION: f"{_FIND}, and {_DISABLE.format(status='INACTIVE')} locks each of them out",
    Deed.RETIRE: f"{_FIND}, {_DISABLE.format(status='REVOKED')} locks each of them out, and {_HOOK}",
    Deed.REINSTATE: "let the pre-provisioning hook admit it again: the board then provisions itself anew",
    Deed.DELETE_DEVICE: (
        f"{_FIND}, then for each of them {_DISABLE.format(status='REVOKED')} and `aws iot"
        " detach-thing-principal --thing-name {name} --principal ARN`, and at last `aws iot delete-thing"
        " --thing-name {name}`"
    ),
    Deed.DELETE_GROUP: (
        "for each of its devices use `aws iot list-thing-principals --thing-name DEVICE`, then"
        f" {_DISABLE.format(status='REVOKED')}, `aws iot detach-thing-principal --thing-name DEVICE"
        " --principal ARN` and `aws iot delete-thing --thing-name DEVICE`"
    ),
}


def instead(deed: Deed, name: str) -> str:
    """What does `deed` to `name` on AWS, as the end of a sentence."""
    return _INSTEAD[deed].format(name=name)
