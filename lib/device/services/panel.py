"""What a person finds at the board: a status light, which shows how far it is, and a button to hold."""

from device.core import blink, fields
from device.runtime.service import Service

_LOOK_MS = 1000
_HOLD_MS = 10000


class Panel(Service):
    """Blinks by the table in core.blink. A button that is held opens the access point."""

    IN_SAFE_MODE = True
    ROOM_BYTES = 4096

    _up_ms = None  # when the button was last seen up; None until it is let go

    async def run(self):
        state, board, clock = self.state, self.state.ports.board, self.state.ports.clock
        self.ready.set()
        chosen = state.settings.panel if state.settings else {}
        light = board.pin(chosen.get(fields.LIGHT, state.ports.build.LIGHT_PIN), True)
        button = board.pin(chosen.get(fields.BUTTON, state.ports.build.ESCAPE_PIN))
        untouched = repr(button)  # on a Pico W that tells when an application uses the pin for something else
        shown = since_ms = None
        try:
            while light or button:
                now_ms = clock.ms()
                is_held = button and self._is_held(button() or repr(button) != untouched, now_ms)
                code = self._code(is_held)
                if code != shown:
                    shown, since_ms = code, now_ms
                is_on, wait_ms = blink.phase(code, now_ms - since_ms)
                if light:
                    light(is_on)
                await clock.sleep_ms(min(wait_ms, _LOOK_MS))
        finally:
            if light:
                light(False)  # it is not to say what nobody keeps true

    def _code(self, is_held):
        state = self.state
        step = state.step()
        if step == "mqtt" and state.supervisor and step not in state.services:
            step = "up"  # it is not meant to connect
        return blink.code(step, state.error(), state.networking.access_point, is_held)

    def _is_held(self, is_up, now_ms):
        """Whether somebody holds the button; the access point opens once, until it is let go.

        A pin that has been low since the start is no button.
        """
        if is_up:
            self._up_ms = now_ms
        if is_up or self._up_ms is None:
            return False
        if now_ms - self._up_ms < self.state.ports.board.interval("hold_ms", _HOLD_MS):
            return True
        self._up_ms = None
        self.say("the button was held: opening the access point")
        self.state.networking.ask_set_up()
        return False


SERVICE = Panel
