"""Gives the board its identity. Never raises, and returns within seconds, done or not.

An exception here would keep main.py from running, and a Pico W starts its USB only afterwards.
"""

import asyncio

context = None
try:
    from device.port.compose import compose
    from device.runtime import start

    context = compose()
    asyncio.run(start.boot(context))
except Exception as error:
    import sys

    print("boot.py failed, main.py goes on:")
    sys.print_exception(error)
