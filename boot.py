"""Gets the board's identity. Raises nothing but Ctrl-C, and returns within seconds, finished or not.

An exception here would keep main.py from running, and a Pico W starts USB only afterwards.
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
    del boot  # main.py has the same names, and unloads this module with what only it uses
except Exception as error:
    is_well = False
    import sys

    print("boot.py failed; main.py continues:")
    sys.print_exception(error)
finally:
    # No event loop feeds the watchdog until main.py runs, or at the prompt. After an error it may reset
    # the board: main.py may not start either.
    if state and is_well:
        state.ports.board.stand_by(True)
