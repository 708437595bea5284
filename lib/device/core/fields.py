"""Every key and fixed value of the documents that board, host and cloud exchange."""

# ento.conf, section "device": names and string values of the seed are a contract.
DEVICE = "device"
SERIAL_ID = "SERIAL_ID"
ENDPOINT_URL = "ENDPOINT_URL"
PROVISION_STATUS = "PROVISION_STATUS"
TRUE = "True"
FALSE = "False"

# ento.conf, optional sections.
PROVISIONING = "provisioning"
TEMPLATE = "template"
PARAMETERS = "parameters"  # also in RegisterThing
KEYS = "keys"
KEYS_CLOUD = "cloud"  # CreateKeysAndCertificate
KEYS_DEVICE = "device"  # CreateCertificateFromCsr
THING_NAME_PATTERN = "thingNamePattern"  # "{serialID}" is replaced
DAILY_CERTIFICATES = "dailyCertificates"
RENEWAL_TEMPLATE = "renewalTemplate"
RENEWAL_WINDOW = "renewalWindow"  # percent of a certificate's life, at its end
ENROLMENT_KEY = "enrolmentKey"  # hex, HMAC-SHA256(group secret, device name)
MQTT = "mqtt"
PORT = "port"
TOPIC_PREFIX = "topicPrefix"
CLOCK = "clock"
NTP = "ntp"  # list of hosts
APP = "app"  # the application's own settings
DATABASE = "database"
TABLES = "tables"  # how many there may be
TABLE_BYTES = "tableBytes"
MAX_DOCUMENTS = "documents"  # in all tables
PANEL = "panel"
LIGHT = "light"  # number or name of its pin, or null
BUTTON = "button"  # likewise
QUEUE = "queue"
QUEUE_BYTES = "bytes"  # on flash
MEMORY_BYTES = "memoryBytes"
DELAY_S = "delayS"  # how long a message stays in memory before it goes to the flash
WRITES_PER_HOUR = "writesPerHour"

# wifi.json
COUNTRY = "country"
NETWORKS = "networks"
ACCESS_POINT = "accessPoint"  # false, or an object with a password
SSID = "ssid"
PASSWORD = "password"

# device.json
CLAIM = "claim"
PRODUCT = "product"
TEST = "test"
CLAIM_LENGTH = "claimLength"  # symbols of the claim ID that the board makes

# config.json: how a board gets its claim ID ("serialize" in "cloud")
SERIALIZE = "serialize"
SERIALIZE_AUTO = "auto"  # the board makes it
SERIALIZE_NONE = "none"
SERIALIZE_FACTORY = "factory"  # the factory's server hands it out

# factory.json, and what a board and that server say to each other
URL = "url"
TOKEN = "token"
HARDWARE = "hardware"  # kind and hardware number
SERIAL = "serial"
ERROR = "error"

# config.json and web.json
SERVICES = "services"
CLOUD = "cloud"
SHADOW = "shadow"  # true, or a list of names
LISTEN = "listen"
NAMES = "names"  # by which a browser may call the board

# config.json, section "api"
API = "api"
BUILDER = "builder"  # its address, https only
POLL_LIMIT = "pollLimit"  # seconds

# What a board and its builder say to each other, and registration.json. The board also sends the claim ID.
REGISTRATION_KEY = "registrationKey"  # hex, 16 random bytes: the board's proof of who it is
# requests to a builder, below its address
TO_REGISTER = "/device/register"
TO_CLAIM = "/device/claim"
TO_RELEASE = "/device/release"

REGISTERED = "registered"  # also in provision.json
CLAIMED = "claimed"
DELAY = "delay"  # seconds until the next poll
RELEASED = "released"
ROOT_CA_PEM = "rootCa"

# CreateKeysAndCertificate, CreateCertificateFromCsr, RegisterThing (AWS IoT, fleet provisioning MQTT API)
CERTIFICATE_ID = "certificateId"
CERTIFICATE_PEM = "certificatePem"
PRIVATE_KEY = "privateKey"
OWNERSHIP_TOKEN = "certificateOwnershipToken"
SIGNING_REQUEST = "certificateSigningRequest"
DEVICE_CONFIGURATION = "deviceConfiguration"
THING_NAME = "thingName"
STATUS_CODE = "statusCode"
ERROR_CODE = "errorCode"
ERROR_MESSAGE = "errorMessage"
PARAMETER_SERIAL = "serialID"
PARAMETER_PROOF = "enrolmentProof"  # hex, HMAC-SHA256(enrolment key, certificate id)

# Device shadows (AWS IoT, Device Shadow MQTT topics); VERSION is below
STATE = "state"
DESIRED = "desired"
REPORTED = "reported"
DELTA = "delta"
METADATA = "metadata"
TIMESTAMP = "timestamp"
CLIENT_TOKEN = "clientToken"
CODE = "code"
MESSAGE = "message"
PREVIOUS = "previous"
CURRENT = "current"
PENDING = "pending"  # shadow.json: reported, and not acknowledged

# Synchronised tables ("sync" in "cloud" of config.json: {table: direction}), and sync.json; docs/sync.md
SYNC = "sync"
UP = "up"  # the cloud gets what the board changes
DOWN = "down"  # the board gets what the cloud changes
BOTH = "both"
TABLE = "table"
BOARD = "board"  # random id of what the board knows: another one after it has forgotten everything
NUMBER = "number"  # of a message of the board; sync.json: of the last one that it may use
SEEN = "seen"  # the number of the last change of the cloud that the board has
CHANGES = "changes"  # [key, document or null], from the cloud with the number of the change
REFUSED = "refused"  # keys of the board's changes that do not count
MORE = "more"
ORIGIN = "origin"  # sync.json: which cloud the numbers are of
SYNC_BYTES = 3072  # of the changes in one message, unless it is a single one
SYNC_ANSWER_BYTES = 7168  # of an answer: 3 KB of changes, 3 KB of keys that are refused

# Boot status
BOOTED_SERIAL = "serialID"
BOOT_STATUS = "bootStatus"

# Commands to a board: their names, and what is in their payload
REBOOT = "reboot"
RELEASE = "release"
TIME = "time"  # Unix seconds when it was sent

# identity.json
ENDPOINT = "endpoint"
DIGESTS = "digests"
RENEWS = "renews"  # the id of the certificate that this one has renewed, or nothing

# journal.json
VERSION = "version"  # of a shadow, too
STEP = "step"
TOKEN_TIME = "tokenTime"  # Unix seconds when the ownership token came
BUDGET_DAY = "budgetDay"  # days since 1970
BUDGET_USED = "budgetUsed"

# clock.json
UNIX = "unix"

# config.json, section "log"
LOG = "log"
LEVEL = "level"
FLASH_BYTES = "flashBytes"

# config.json, section "keys" (KEYS): where the credentials provider of AWS is; what it wants and answers
ROLE_ALIAS = "roleAlias"
THING_NAME_HEADER = "x-amzn-iot-thingname"
CREDENTIALS = "credentials"
ACCESS_KEY_ID = "accessKeyId"
SECRET_ACCESS_KEY = "secretAccessKey"
SESSION_TOKEN = "sessionToken"
EXPIRATION = "expiration"  # errors have MESSAGE
TRACE_ID = "traceId"

# restarts.json, words.json
RESTARTS = "restarts"
CAUSE = "cause"
TEXT = "text"
SERVICE = "service"
STOOD_MS = "stoodMs"

# config.json, section "logs" (REGION and GROUP: of CloudWatch Logs); LEVEL is above
LOGS = "logs"
BY = "by"  # MQTT or CLOUDWATCH
CLOUDWATCH = "cloudwatch"
RULE = "rule"  # of AWS IoT, named in the topic (basic ingest)
SOURCES = "sources"  # only what these say
WITHOUT = "without"  # but not what these say
EVERY_S = "everyS"
REGION = "region"
GROUP = "group"
CREATE_GROUP = "createGroup"

# logs.json: how much of the log on flash is exported
BYTES = "bytes"

# CloudWatch Logs (API of 2014-03-28, JSON 1.1); an event has TIMESTAMP (Unix ms) and MESSAGE, as in batch
# mode of the rule action `cloudwatchLogs`
TARGET_HEADER = "X-Amz-Target"
LOGS_TARGET = "Logs_20140328."
LOGS_TYPE = "application/x-amz-json-1.1"
PUT_LOG_EVENTS = "PutLogEvents"
CREATE_LOG_STREAM = "CreateLogStream"
CREATE_LOG_GROUP = "CreateLogGroup"
LOG_GROUP_NAME = "logGroupName"
LOG_STREAM_NAME = "logStreamName"
LOG_EVENTS = "logEvents"
REJECTED_EVENTS = "rejectedLogEventsInfo"
ERROR_TYPE = "__type"

# starts.json
BAD_STARTS = "badStarts"
