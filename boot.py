"""Gives the board its identity. Never raises, except for Ctrl-C, and returns within seconds, done or not.

An exception here would keep main.py from running, and a Pico W starts its USB only afterwards.
"""

import asyncio

state = None
try:
    import pack

    pack.mount()
    from device.port.compose import compose
    from device.runtime import boot
    from device.runtime.state import State

    state = State(compose())
    asyncio.run(boot.boot(state))
except Exception as error:
    import sys

    print("boot.py failed, main.py goes on:")
    sys.print_exception(error)
finally:
    if state:
        state.ports.board.stand_by(True)  # no loop feeds the watchdog until main.py does, or at the prompt
