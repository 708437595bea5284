"""Publishes the boot status and runs the services, for ever."""

import asyncio
import sys

try:
    import pack

    pack.mount()
    from device.port.compose import compose
    from device.runtime import start
    from device.runtime.state import State

    if globals().get("state") is None:
        state = State(compose())
    asyncio.run(start.main(state))
except KeyboardInterrupt:
    state.ports.board.stand_by(True)  # a person wants the prompt: the watchdog must not end it
    raise
except Exception as error:
    # Nothing above the services should fail; if it does, a restart is better than an idle board.
    sys.print_exception(error)
    import time

    import machine

    time.sleep(5)
    machine.reset()
