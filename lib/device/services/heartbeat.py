"""A sign of life on the console, so that a person or a tool can read the state without stopping the board."""

from device.services import Service

_INTERVAL_MS = 60000


class Heartbeat(Service):
    """Says every minute how the board is."""

    NAME = "heartbeat"

    async def run(self):
        self.ready.set()
        context = self.context
        while True:
            await context.clock.sleep_ms(_INTERVAL_MS)
            online = context.connection is not None and context.connection.lost is None
            ailing = [name for name in context.services if context.services[name].failure]
            self.say(
                "up %d s, %s, %d bytes free, %s"
                % (
                    context.clock.since_ms(context.booted_ms) // 1000,
                    "connected" if online else "not connected",
                    context.board.free_memory(),
                    "ailing: " + ", ".join(ailing) if ailing else "all services well",
                )
            )


SERVICE = Heartbeat
