"""What every service is handed: the ports, the settings, and what the board has reached so far."""


class Context:
    """Ports (duck-typed, see `device.port.compose`) and state shared by the services of one board.

    Ports: `board`, `clock`, `store`, `network`, `connect(identity, client_id)`, `say(step, text)`,
    `event()` (makes an asyncio.Event), `start(coroutine)` (makes a task), `build` (what the image contains).
    State: `settings` (config.Settings or None before ento.conf is read), `identity` (slots.Identity or None),
    `connection` (an open connection, or None), `services` ({name: Service} as far as started).
    """

    def __init__(self, board, clock, store, network, connect, say, event, start, build):
        self.board = board
        self.clock = clock
        self.store = store
        self.network = network
        self.connect = connect
        self.say = say
        self.event = event
        self.start = start
        self.build = build
        self.settings = None
        self.identity = None
        self.connection = None
        self.supervisor = None
        self.services = {}
        self.boot_ends_ms = None  # while boot.py runs: milliseconds after `booted_ms` at which it must return
        self.booted_ms = clock.ticks_ms()
        self.paused = event()  # set when a task waits for boot.py to be over
        self.running = event()  # set when main.py has taken over

    async def before_blocking(self, cost_ms):
        """Wait for main.py when boot.py has no time left for a call that may block for `cost_ms`."""
        if self.boot_ends_ms is None or self.running.is_set():
            return
        if self.clock.since_ms(self.booted_ms) + cost_ms > self.boot_ends_ms:
            self.paused.set()
            await self.running.wait()
