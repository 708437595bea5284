"""The board's claim ID: made once, or fetched from the factory, and never changed.

config.json says how ("serialize" in "cloud"): "auto", the default; "none", somebody else writes the file;
"factory": docs/services.md.
"""

from device.core import claim_ids, fields, paths
from device.runtime.modules import unload_readers
from device.runtime.service import Service


class Serialize(Service):
    """Writes the claim ID into device.json unless there is one."""

    MODULES = ("device.core.claim_ids", "device.core.factory")
    IN_CLOUD = True

    async def run(self):
        store = self.state.ports.store
        raw = store.read(paths.DEVICE, claim_ids.MAX_BYTES)
        code, shown, _ = claim_ids.of_device(raw)
        mode = self._mode()
        if code:
            self.say("claim ID " + shown)
            self._forget_factory()  # unless power was cut before
        elif mode == fields.SERIALIZE_AUTO:
            self._keep(claim_ids.new(claim_ids.length(raw), self.state.ports.board.random_bytes))
        elif mode == fields.SERIALIZE_NONE:
            self.say("no claim ID, and config.json says not to make one")
        else:
            await self._fetch()

    async def _fetch(self):
        """Get the claim ID from the factory's server, which gives this board the same one each time."""
        from device.core import factory
        from device.runtime.fetching import Request

        state = self.state
        address, token, unix_s = factory.settings(state.ports.store.read(paths.FACTORY))
        if state.ports.clock.unix() < unix_s:
            state.ports.clock.set_unix(unix_s)
        headers = {"Content-Type": "application/json"}
        if token:
            headers["Authorization"] = "Bearer " + token
        serial = state.settings.serial if state.settings else ""
        body = factory.question(state.ports.board.name(), serial)
        await state.networking.join()
        self.say("asking the factory")
        got = await Request(state, "POST", address, headers, body).answer(_ANSWER_MS)
        self._keep(*factory.answer(got.status, got.body))
        self._forget_factory()

    def _forget_factory(self):
        """Remove what only the factory needs: its token is not for the board's owner."""
        store = self.state.ports.store
        for path in (paths.FACTORY, paths.FACTORY_ROOT):
            store.remove(path)

    def _mode(self):
        from device.core import board_config

        mode = claim_ids.mode(board_config.switches(self.state.ports.store.read(paths.CONFIG)))
        unload_readers()
        return mode

    def _keep(self, code, product=""):
        """Write the claim ID; read the file again, because another program may have changed it meanwhile."""
        store = self.state.ports.store
        raw = store.read(paths.DEVICE, claim_ids.MAX_BYTES)
        store.write(paths.DEVICE, claim_ids.with_claim(raw, code, product))
        self.say("claim ID %s, new" % claim_ids.shown(code))


_ANSWER_MS = 60000

SERVICE = Serialize
