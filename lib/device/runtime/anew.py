"""Restarts a board whose free memory is in pieces: after a start it is not. Loaded on demand."""

from device.runtime.modules import unload

_AFTER_MS = (0, 300000, 1200000, 3600000)  # since the start; the first time, the second time, ...


async def begin(service, why):
    """Restart the board for the reason `why`, ever more rarely; return when it is too early for that."""
    from device.runtime import restarts

    state = service.state
    before = restarts.count(state, why)
    unload("device.runtime.restarts")
    if state.ports.clock.ms() >= _AFTER_MS[min(before, len(_AFTER_MS) - 1)]:
        from device.runtime import leaving

        service.warn(why)
        await leaving.restart(state)
