"""A browser without a screen: cookies, forms with their hidden fields, the headers that browsers send."""

import http.client
import re
import urllib.parse
from html import unescape
from typing import NamedTuple

PASSWORD = "correct horse battery"


class Page(NamedTuple):
    status: int
    headers: dict[str, str]
    text: str

    @property
    def seen(self) -> str:
        """The text without tags."""
        return " ".join(unescape(re.sub(r"<[^>]*>", " ", self.text)).split())

    def hidden(self, name: str) -> str:
        found = re.search(rf'name="{name}" value="([^"]*)"', self.text)
        assert found, f"no field {name}"
        return unescape(found[1])


class Browser:
    """One browser at the page of `twin`."""

    def __init__(self, twin, host: str = "127.0.0.1") -> None:
        self.port = twin.page_port
        self.host = f"{host}:{self.port}"
        self.cookies: dict[str, str] = {}

    def ask(self, method: str, path: str, body: bytes | None = None, headers: dict | None = None) -> Page:
        sent = {"Host": self.host}
        if self.cookies:
            sent["Cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        if method == "POST":
            sent |= {"Origin": f"http://{self.host}", "Content-Type": "application/x-www-form-urlencoded"}
        sent |= headers or {}
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        try:
            connection.request(method, path, body, {k: v for k, v in sent.items() if v is not None})
            answer = connection.getresponse()
            self._keep(answer.msg.get_all("Set-Cookie") or [])
            found = {name.lower(): value for name, value in answer.getheaders()}
            return Page(answer.status, found, answer.read().decode())
        finally:
            connection.close()

    def _keep(self, cookies: list[str]) -> None:
        for cookie in cookies:
            pair, _, rest = cookie.partition(";")
            name, _, value = pair.partition("=")
            assert "HttpOnly" in rest or "Max-Age=0" in rest
            self.cookies[name] = value
            if "Max-Age=0" in rest:
                del self.cookies[name]

    def get(self, path: str = "/") -> Page:
        page = self.ask("GET", path)
        return self.get(page.headers["location"]) if page.status == 303 else page

    def post(self, path: str, headers: dict | None = None, **form: str) -> Page:
        page = self.ask("POST", path, urllib.parse.urlencode(form).encode(), headers)
        return self.get(page.headers["location"]) if page.status == 303 else page

    def sign_in(self, name: str = "ada", password: str = PASSWORD) -> Page:
        token = self.get("/sign-in").hidden("token")
        return self.post("/sign-in", token=token, name=name, password=password)

    def claim(self, code: str) -> Page:
        return self.post("/claim", token=self.get("/").hidden("token"), claim=code)

    def release(self, code: str) -> Page:
        return self.post("/release", token=self.get("/").hidden("token"), board=code)
