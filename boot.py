"""Gives the board its identity. Never raises, except for Ctrl-C, and returns within seconds, done or not.

An exception here would keep main.py from running, and a Pico W starts its USB only afterwards.
"""

import asyncio

state = None
is_well = True
try:
    import pack

    pack.mount()
    from device.port.compose import compose
    from device.runtime import boot
    from device.runtime.state import State

    state = State(compose())
    asyncio.run(boot.boot(state))
except Exception as error:
    is_well = False
    import sys

    print("boot.py failed, main.py goes on:")
    sys.print_exception(error)
finally:
    # No loop feeds the watchdog until main.py does, or at the prompt. After a failure it may bite: perhaps
    # main.py does not begin either.
    if state and is_well:
        state.ports.board.stand_by(True)
