"""What boot.py and main.py do: begin, and carry on. Neither raises; Ctrl-C passes through."""

from device.core import config, paths, startup
from device.core.failures import Failure
from device.runtime.supervisor import Supervisor

BOOT_LIMIT_MS = 8000  # mpremote gives up after 10 s, and a Pico W has no USB before boot.py has ended


async def boot(context):
    """Begin what needs no person, and return after BOOT_LIMIT_MS at the latest.

    What is not done by then goes on in main.py: tasks outlive the end of a loop in MicroPython.
    """
    store = context.store
    if store.exists(paths.OFFLINE):
        context.say("boot", "offline: the host put %s there" % paths.OFFLINE)
        return
    context.boot_ends_ms = BOOT_LIMIT_MS
    try:
        context.settings = config.Settings(config.document(store.read(paths.CONF)))
    except Failure as failure:
        context.say("boot", str(failure))
        return
    context.supervisor = Supervisor(context)
    context.supervisor.start(startup.BOOT_STEPS)
    provision = context.services.get("provision")
    if provision:
        left_ms = BOOT_LIMIT_MS - context.clock.since_ms(context.booted_ms)
        await context.clock.wait(_begun(context, provision), left_ms)
        if not provision.ready.is_set():
            context.say("boot", "provisioning goes on in main.py")


async def _begun(context, provision):
    """Return when provisioning is done, waits for main.py, or has failed: main.py has more to do."""
    while not (provision.ready.is_set() or context.paused.is_set() or provision.failure):
        await context.clock.sleep_ms(20)


async def main(context):
    """Run the services for ever."""
    if context.store.exists(paths.OFFLINE):
        context.say("main", "offline: nothing is started")
        return
    context.running.set()
    supervisor = context.supervisor or Supervisor(context)
    supervisor.start()
    await supervisor.watch()
