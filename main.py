"""Publishes the boot status and runs the services, for ever."""

import asyncio
import sys

try:
    from device.port.compose import compose
    from device.runtime import start

    if globals().get("context") is None:
        context = compose()
    asyncio.run(start.main(context))
except Exception as error:
    # Nothing above the services should fail; if it does, a fresh start is better than an idle board.
    sys.print_exception(error)
    import time

    import machine

    time.sleep(5)
    machine.reset()
