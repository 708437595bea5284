"""The demo of the claim: a board that nobody owns, the twin with its builder, and a person with a browser."""

import secrets
import shutil
import time
from pathlib import Path
from typing import Any

from rich.console import Console

from device.core import claim_ids, fields, paths
from muster import image, web_password
from muster.demo import BOARD, HOME, PAGE, SERIAL, Screen, stay_on, web
from muster.errors import MusterError
from muster.layout import shown
from muster.twin.https import passwords
from muster.twin.server import RunningTwin, running_twin
from muster.twin.settings import Settings
from muster.virtual import VirtualBoard

ACCOUNT = "demo"
PRODUCT = "camera"
_TOKEN_BYTES = 24
_POLL_S = 3  # a person waits
_TIMEOUT_S = 60


def flash(twin: RunningTwin, path: Path, claim: str, token: str, web_json: dict[str, Any]) -> None:
    """Write the image of a board that knows its builder, and nothing of the cloud."""
    documents: dict[str, dict[str, Any]] = {
        paths.CONF: {
            fields.DEVICE: {fields.SERIAL_ID: SERIAL, fields.PROVISION_STATUS: fields.FALSE},
        },
        paths.WIFI: {fields.NETWORKS: [{fields.SSID: "workshop", fields.PASSWORD: "any will do"}]},
        paths.WEB: web_json,
        paths.DEVICE: {fields.CLAIM: claim, fields.PRODUCT: token},
        paths.CONFIG: {fields.SERVICES: {}, fields.API: {fields.BUILDER: twin.builder_url}, fields.LOGS: {}},
    }
    root = {f"{paths.ROOTS}/builder.pem": twin.ca_pem_path.read_bytes()}
    files = image.board_files(BOARD, documents=documents, extra=root)
    path.write_bytes(image.build_image(files, BOARD))


def add_people(twin: RunningTwin) -> tuple[str, str]:
    """Make a product and an account; (token, password)."""
    token, password = secrets.token_urlsafe(_TOKEN_BYTES), web_password.random_password()
    now_s = time.time()
    twin.registry.products.add(PRODUCT, token, now_s)
    twin.registry.accounts.add(ACCOUNT, passwords.hashed(password), now_s)
    return token, password


def run(console: Console) -> None:
    """Run the twin and an unclaimed board until Ctrl-C. Raises MusterError when the board does not start."""
    screen = Screen(console)
    say = screen.say
    shutil.rmtree(HOME, ignore_errors=True)
    HOME.mkdir(parents=True)
    path = HOME / "flash.img"
    claim, board_password = (
        claim_ids.new(claim_ids.SHORT, secrets.token_bytes),
        web_password.random_password(),
    )
    say("One board that nobody owns, one cloud on this machine, no account anywhere else.\n", style="bold")
    settings = Settings(https_port=0, page_port=0, claim_delay_s=_POLL_S)
    with running_twin(HOME / "twin", settings) as twin:
        token, password = add_people(twin)
        flash(twin, path, claim, token, web(board_password, True))
        say(f"The builder listens at {twin.builder_url}; the board's flash image is {shown(path)}.")
        say("The board is switched on. Its console:\n")
        board = VirtualBoard(path, on_line=screen.show, restart=True).start()
        try:
            page = PAGE.findall(board.wait_for(PAGE, _TIMEOUT_S))[0]
            _wait_for_registration(twin, claim)
            with screen.turn:
                say(
                    "\nThe board waits for its owner. Open both in a browser on this computer:\n",
                    style="bold",
                )
                say(f"1. Claim it       {twin.page_url}")
                say(f"   Name           {ACCOUNT}")
                say(f"   Password       {password}")
                say(f"   Claim ID       {claim_ids.shown(claim)}\n")
                say(f"2. Watch it       {page}")
                say(f"   Password       {board_password}\n")
                say("Ctrl-C switches both off. The console of the board:\n")
            stay_on(board)
        finally:
            board.stop()
    say("\nThe board and the twin are off.")


def _wait_for_registration(twin: RunningTwin, claim: str) -> None:
    end_s = time.monotonic() + _TIMEOUT_S
    while twin.registry.claims.get(claim) is None:
        if time.monotonic() > end_s:
            raise MusterError(f"the board has not registered within {_TIMEOUT_S} s: see its lines above.")
        time.sleep(0.1)
