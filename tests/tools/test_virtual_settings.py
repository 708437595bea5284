"""The settings of a virtual board: what the README offers, and no other value."""

import re

import pytest

from muster import virtual_settings
from muster.errors import WRONG_USE, MusterError
from muster.layout import VIRTUAL_BOARD


@pytest.mark.parametrize(
    "setting",
    [
        "KIND=pico_w",
        "KIND=esp32",
        "UNIQUE_ID=00ff",
        "CLOCK=1609459200",
        "TICKS_START=1073741624",
        "NTP=ok",
        "NTP=slow:1.5",
        "AP=up",
        "AP=up:3",
        "AP=fails",
        "AP=dies:0.5",
        "NETWORK=down",
        "NETWORK=drops:0.5",
        "NETWORK=stuck",
        "NETWORK=stuck-reset:2",
        "NETWORK=dead-radio",
        'NETWORKS={"home": "right"}',
        "JOIN_MS=0",
        "STACK=lwip",
        "DNS=down",
        "DNS=silent",
        "DNS=silent:6.3:9",
        "HOSTS=a=127.0.0.1,b.c=10.0.0.1",
        "PIN_LOW=22,3",
        "SHOW_PINS=LED,22",
        "RESET_CAUSE=3",
    ],
)
def test_what_there_is(setting: str) -> None:
    name, _, value = setting.partition("=")
    virtual_settings.check({name: value})


@pytest.mark.parametrize(
    "setting",
    [
        "KIND=amiga",
        "UNIQUE_ID=0",
        "CLOCK=-1",
        "CLOCK=now",
        "CLOCK=99999999999",
        "TICKS_START=",
        "NTP=slow",
        "AP=down",
        "AP=dies",
        "NETWORK=sideways",
        "NETWORK=drops:x",
        "NETWORKS=home",
        'NETWORKS={"home": 1}',
        "JOIN_MS=nan",
        "STACK=linux",
        "DNS=silent:1:2:3",
        "HOSTS=a",
        "PIN_LOW=GP22",
        "SHOW_PINS=LED,",
        "RESET_CAUSE=power",
        "IMAGE=x",
        "CUT_AT=1",
        "TEAR=1",
        "REPORT=x",
        "UDP_PORT=1",
    ],
)
def test_what_there_is_not(setting: str) -> None:
    name, _, value = setting.partition("=")
    with pytest.raises(MusterError, match=name) as refused:
        virtual_settings.check({name: value})
    assert refused.value.code == WRONG_USE


def test_the_readme_names_them_all() -> None:
    text = (VIRTUAL_BOARD / "README.md").read_text(encoding="utf-8")
    named = [
        name for row in re.findall(r"^\| (`[A-Z].*?) \|", text, re.MULTILINE) for name in row.split(", ")
    ]
    ours = {name.strip("`") for name in named} - {
        "IMAGE",
        "CUT_AT",
        "TEAR",
        "REPORT",
        "KEPT",
        "PINS",
        "UDP_PORT",
    }
    assert ours == set(virtual_settings.SETTINGS)
