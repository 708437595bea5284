"""Every path on a board's flash. The names below `BASE` that seed users know are a contract."""

BASE = "/etc/entomologist"

# What a person or the factory writes.
CONF = BASE + "/ento.conf"
CONFIG = BASE + "/config.json"
DEVICE = BASE + "/device.json"
WEB = BASE + "/web.json"
WIFI = BASE + "/wifi.json"
BOOTSTRAP = BASE + "/bootstrap"  # the claim credentials, file names as in an identity

# What the board itself keeps.
PROVISION = BASE + "/provision.json"  # what registration, claim and provisioning returned
JOURNAL = BASE + "/journal.json"  # how far provisioning has come, and the certificate budget
CLOCK = BASE + "/clock.json"  # the last time known to be true, a floor after power-on
STARTS = BASE + "/starts.json"  # how many starts in a row ended early

# Slots: each directory is one whole identity, or nothing.
CERT = BASE + "/cert"  # the active slot
TRIAL = BASE + "/trial"  # the one being tried
KEPT = BASE + "/kept"  # a folder for each certificate id: identities given up or replaced, with their keys

# The files of a slot and of the claim credentials.
ROOT_CA = "AmazonRootCA1.pem"
CERTIFICATE = "certificate.pem.crt"
PRIVATE_KEY = "private.pem.key"
CREDENTIALS = (ROOT_CA, CERTIFICATE, PRIVATE_KEY)
REQUEST = "request.pem"  # the signing request of a key made on the board, until it is answered
IDENTITY = "identity.json"  # thing name, endpoint, digests of the other three: written last

NEW = ".new"  # suffix of a file being written, renamed when it is whole
OFFLINE = BASE + "/offline"  # put there by the host: boot.py leaves the network alone

LIB = "/lib"
PACK = LIB + "/muster.pack"  # the compiled modules
PACKED = "/pack"  # where they are imported from
BOOT = "/boot.py"
MAIN = "/main.py"
