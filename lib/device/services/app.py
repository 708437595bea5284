"""Runs the application in /app, if there is one: see docs/application.md."""

from device.core import paths
from device.runtime.service import Service


class App(Service):
    """Runs `main(muster)` of /app/main; fails when it raises, and is then restarted."""

    ROOM_BYTES = 16384  # the program around it takes 9 KB
    MODULES = ("device.runtime.application", "device.runtime.muster", "device.runtime.own_tasks")

    def __init__(self, name, state):
        super().__init__(name, state)
        self.error = ""  # the last traceback, for the page
        self._application = None

    async def run(self):
        self.ready.set()
        if not self.state.ports.store.exists(paths.APP):
            return
        from device.runtime.application import Application

        self._application = Application(self)
        try:
            await self._application.run()
        finally:
            failure, self.error = self._application.failure, self._application.traceback or self.error
            self._application = None
        if failure:
            raise failure

    def owns(self, task):
        return super().owns(task) or (self._application is not None and self._application.owns(task))


SERVICE = App
