"""The provisioning handshake: carries out, with real connections and files, what core.provision asks for."""

from device.claim import journal as journals
from device.claim import provision
from device.core import paths, slots, topics
from device.core.failures import AGAIN, GIVE_UP, OVER, Failure, Refused, Unusable
from device.runtime.identity import active_identity, forget
from device.runtime.online import go_online

_ANSWER_MS = 20000
_ROOM_BYTES = 32768  # what an identity needs on the way there: 7 blocks of 4 KB were measured


class Handshake:
    """One board's way to an identity; `attempt` may be called until it succeeds.

    Only loaded while there is no identity: a provisioned board does not pay for it.
    """

    def __init__(self, context, say):
        self.context = context
        self.say = say
        self._claim = None  # the claim connection
        self._journal = journals.decode(context.store.read(paths.JOURNAL))
        self._answers = []
        self._answered = context.event()
        self._attempts = 0

    async def attempt(self):
        """Go on from the journal until the identity is committed; raises the Failure that ended it."""
        context = self.context
        # Not in a variable: the texts of a slot take 4 KB, and this call lasts for the whole handshake.
        intact = slots.match(context.store.read_slot(paths.TRIAL) or {}, self._journal.digests)
        self._check_claim()
        self._check_room()
        self._attempts += 1
        await go_online(context, self._attempts > 1)
        steps = provision.steps(context.settings, self._journal, context.clock.unix, intact)
        try:
            await self._carry_out(steps)
        except Failure as failure:
            self._journal.last_cause = failure.cause
            raise
        finally:
            await self._close_claim()

    async def _carry_out(self, steps):
        """Do each action and give its result, or its Failure, back to the core."""
        proceed, given = steps.send, None
        step = "begin"
        while True:
            try:
                action = proceed(given)
            except StopIteration:
                return
            except Failure as failure:
                failure.step = failure.step or step
                raise
            step = action[0]
            self.say(provision.describe(action))
            try:
                proceed, given = steps.send, await self._do(action)
            except Failure as failure:
                failure.step = failure.step or step
                proceed, given = steps.throw, self._explained(failure, action)

    def _explained(self, failure, action):
        """The same failure with its likely cause, or the one that the files of the identity show."""
        opens = action[0] in (provision.OPEN_CLAIM, provision.OPEN_TRIAL)
        refused = isinstance(failure, Refused) and not failure.advice
        if not refused and not (opens and failure.kind == GIVE_UP):
            return failure
        # Read only now: a board that has no failure does not pay for the explanation.
        from device.core import explain

        if opens:
            claim = action[0] == provision.OPEN_CLAIM
            files = self.context.store.read_slot(paths.BOOTSTRAP if claim else paths.TRIAL)
            shown = explain.identity(
                files[paths.CERTIFICATE],
                files[paths.PRIVATE_KEY],
                explain.CLAIM if claim else explain.TRIAL,
                self.context.clock.unix(),
            )
            if shown:
                shown.step = failure.step
                return shown
        if refused:
            failure.advice = explain.closed(action, self.context.settings)
        elif isinstance(failure, Unusable) and action[0] == provision.OPEN_TRIAL:
            return Failure(OVER, failure.cause, "a new certificate is asked for")
        return failure

    async def _do(self, action):
        kind = action[0]
        if kind == provision.OPEN_CLAIM:
            await self._open_claim()
        elif kind == provision.OPEN_TRIAL:
            await self._open_trial(action[1])
        elif kind == provision.SUBSCRIBE:
            await self._claim.subscribe(action[1])
        elif kind == provision.ASK:
            return await self._ask(action[1], action[2])
        elif kind == provision.REQUEST_KEY:
            return await self._request_key()
        else:
            self._store(action)
        return None

    def _check_claim(self):
        """The claim credentials, or a Failure that names the file that is missing."""
        files = self.context.store.read_slot(paths.BOOTSTRAP) or {}
        for name in slots.FILES:
            if not files.get(name):
                raise Failure(
                    GIVE_UP,
                    "%s/%s is missing or empty" % (paths.BOOTSTRAP, name),
                    "put the claim credentials there",
                )
        return files

    def _check_room(self):
        """Raise a Failure when a new identity could not be kept: asking for it would waste a certificate."""
        begins = self._journal.step in (journals.IDLE, journals.CREATE)
        if begins and not self.context.store.has_room(_ROOM_BYTES):
            raise Failure(
                GIVE_UP,
                "flash is full: an identity needs %d bytes" % _ROOM_BYTES,
                "remove files that are not needed",
            )

    async def _open(self, files, client_id):
        context = self.context
        settings = context.settings
        await context.before_blocking(context.board.HANDSHAKE_MS)
        context.board.feed()  # the handshake may block for most of the watchdog's time
        identity = slots.Identity(files, client_id, settings.endpoint, settings.port)
        return await context.connect(identity, client_id)

    async def _open_claim(self):
        self._claim = await self._open(self._check_claim(), self.context.settings.serial)
        self._claim.on_message = self._note

    async def _open_trial(self, thing_name):
        if self.context.connection:  # of an attempt that proved the identity and could not commit it
            await self.context.connection.close()
            self.context.connection = None
        await self._close_claim()  # one TLS connection at a time: a Pico W has memory for no more
        self.context.connection = await self._open(self.context.store.read_slot(paths.TRIAL), thing_name)

    async def _close_claim(self):
        if self._claim:
            await self._claim.close()
            self._claim = None

    def _note(self, topic, payload):
        self._answers.append((topic, payload))
        self._answered.set()

    async def _ask(self, topic, payload):
        """Publish a request; return its first answer as (topic, payload). Others are not for us."""
        self._answers.clear()
        self._answered.clear()
        await self._claim.publish(topic, payload.encode(), 0)
        expected = (topics.accepted(topic), topics.rejected(topic))
        start_ms = self.context.clock.ticks_ms()
        while True:
            while self._answers:
                answer = self._answers.pop(0)
                if answer[0] in expected:
                    return answer
            left_ms = _ANSWER_MS - self.context.clock.since_ms(start_ms)
            if left_ms <= 0:
                raise Failure(AGAIN, "no answer on %s/..." % topic)
            if self._claim.lost:
                raise self._claim.lost
            await self.context.clock.wait(self._answered.wait(), min(left_ms, 500))
            self._answered.clear()

    async def _request_key(self):
        """The certificate signing request of the board's own key, which is made and kept first."""
        store = self.context.store
        key_path = paths.TRIAL + "/" + paths.PRIVATE_KEY
        request_path = paths.TRIAL + "/" + paths.REQUEST
        request = store.read(request_path)
        # The request is written last: without it no certificate was ever asked for with the key beside it.
        if request is None or not store.read(key_path):
            await self.context.before_blocking(self.context.board.KEY_MS)
            store.remove(request_path)
            key, request = self._make_key()
            store.write(key_path, key)
            store.write(request_path, request)
        return request.decode()

    def _make_key(self):
        """(private key PEM, signing request PEM). Takes seconds on a board; feeds the watchdog meanwhile."""
        # The big numbers are needed once in the life of a board: they do not stay in memory.
        from device.claim import csr, p256
        from device.core import pem

        context = self.context
        number = p256.generate_private_key(context.board.random_bytes)
        public = p256.public_key(number, context.board.feed)
        request = csr.signing_request(number, context.settings.thing_name[:64], context.board.feed, public)
        key = pem.from_der(csr.private_key_der(number, public), "EC PRIVATE KEY")
        forget(("core.csr", "core.p256", "core.der"))
        return key.encode(), request.encode()

    def _store(self, action):
        store = self.context.store
        kind = action[0]
        if kind == provision.SAVE_SLOT:
            self._save_slot(action[1])
        elif kind == provision.SAVE_JOURNAL:
            store.write(paths.JOURNAL, self._journal.encode())
        elif kind == provision.DROP_TRIAL:
            self._drop_trial(action[1])
        elif kind == provision.COMMIT:
            self._commit()

    def _drop_trial(self, keep):
        """Remove the trial slot, or put it aside when it is whole enough to be of use."""
        store = self.context.store
        files = store.read_slot(paths.TRIAL)
        if files is None:
            return
        operations = [(slots.REMOVE, paths.TRIAL)]
        if keep and files[paths.PRIVATE_KEY] and files[paths.CERTIFICATE]:
            operations = [(slots.REMOVE, paths.KEPT), (slots.RENAME, paths.TRIAL, paths.KEPT)]
        store.apply(operations)

    def _save_slot(self, files):
        """Write what the cloud gave beside the root CA and, in device mode, the key that is there already."""
        store = self.context.store
        digests = {}
        for name in slots.FILES:
            place = paths.TRIAL + "/" + name
            if name == paths.ROOT_CA:
                content = store.read(paths.BOOTSTRAP + "/" + name)
            else:
                content = files.get(name) or store.read(place)
            if name != paths.PRIVATE_KEY or name in files:
                store.write(place, content)
            digests[name] = slots.digest(content)
        self._journal.digests = digests

    def _commit(self):
        context = self.context
        store = context.store
        journal = self._journal
        settings = context.settings
        store.remove(paths.TRIAL + "/" + paths.REQUEST)
        sealed = slots.seal(
            store.read_slot(paths.TRIAL),
            journal.thing_name,
            settings.endpoint,
            settings.port,
            journal.certificate_id,
            journal.configuration,
        )
        store.write(paths.TRIAL + "/" + paths.IDENTITY, sealed)
        store.apply(slots.promote(store.exists(paths.CERT)))
        journal.clear()
        store.write(paths.JOURNAL, journal.encode())
        context.identity = active_identity(context)
