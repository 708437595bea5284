"""Every path on a board's flash. The names below `BASE` that seed users know are a contract."""

BASE = "/etc/entomologist"

# Written by a person or the factory.
CONF = BASE + "/ento.conf"
CONFIG = BASE + "/config.json"
DEVICE = BASE + "/device.json"
WEB = BASE + "/web.json"
WIFI = BASE + "/wifi.json"
ROOTS = BASE + "/roots"  # more root CAs for HTTPS, each a file with PEM in it
FACTORY = BASE + "/factory.json"  # where the claim ID comes from; removed once it is there
FACTORY_ROOT = ROOTS + "/factory.pem"  # the root CA of that server; likewise
BOOTSTRAP = BASE + "/bootstrap"  # the claim credentials, file names as in an identity

# Written by the board.
PROVISION = BASE + "/provision.json"  # what registration, claim and provisioning returned
JOURNAL = BASE + "/journal.json"  # the progress of provisioning, and the certificate budget
CLOCK = BASE + "/clock.json"  # the last known time, the clock's lower limit after power-on
RESTARTS = BASE + "/restarts.json"  # why the board started, the last times
WORDS = BASE + "/words.json"  # the last words before the watchdog: which service held up the loop
LOG_FILES = (BASE + "/log/0.txt", BASE + "/log/1.txt")  # written in turn, if config.json asks for it
STARTS = BASE + "/starts.json"  # number of consecutive starts that ended early
QUEUE = BASE + "/queue"  # messages that wait for the cloud, in segments: core.backlog
SHADOW = BASE + "/shadow.json"  # the last known shadows, and what is still to be reported
SYNC = BASE + "/sync.json"  # how far each table is synchronised with the cloud
LOGS = BASE + "/logs.json"  # how much of the log on flash has been exported
TABLES = BASE + "/tables"  # of the database: <table>.<number>, and <table>.tail with what came last

REGISTRATION = BASE + "/registration.json"  # the key by which the builder knows this board again
RELEASE = BASE + "/release.json"  # the owner has given the board up, and the builder does not know it yet
CLAIMED = BOOTSTRAP + "/claimed.json"  # digest of the claim certificate, if it came from the builder

# Slots: each directory holds one complete identity, or nothing that counts.
CERT = BASE + "/cert"  # the active slot
TRIAL = BASE + "/trial"  # the identity on trial
KEPT = BASE + "/kept"  # identities replaced or given up, with their keys, one folder per certificate id

# The files of a slot and of the claim credentials.
ROOT_CA = "AmazonRootCA1.pem"
CERTIFICATE = "certificate.pem.crt"
PRIVATE_KEY = "private.pem.key"
CREDENTIALS = (ROOT_CA, CERTIFICATE, PRIVATE_KEY)
REQUEST = "request.pem"  # the signing request for a key made on the board, until it is answered
IDENTITY = "identity.json"  # thing name, endpoint, digests of the other three: written last

# What the console calls the certificate in each directory.
CERTIFICATE_NAMES = (
    (BOOTSTRAP, "claim certificate"),
    (TRIAL, "new certificate"),
    (CERT, "certificate of this board"),
)

NEW = ".new"  # suffix of a file being written, renamed once complete
OFFLINE = BASE + "/offline"  # created by the host: keeps boot.py off the network
ONCE = b"once"  # in it: for one start

LIB = "/lib"
PACK = LIB + "/muster.pack"  # the compiled modules
PAGE = LIB + "/page.html.gz"  # what the web server shows
PACKED = "/pack"  # the folder they are imported from
APP = "/app"  # the application; `muster deploy --app` removes every other file there
BOOT = "/boot.py"
MAIN = "/main.py"
