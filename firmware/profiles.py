"""What images contain: the table behind `muster image`, and behind `muster firmware`.

A build profile names the services that it leaves out. An image contains the other services of
lib/device/services, and each module that they, boot.py or main.py import, also indirectly: what only a left
out service needs is left out with it. Each service's own file says what it needs and where its switch is.

A board's facts come from boards/<name>/board.py; an image contains only its own board's, in device/_build.
A package's empty __init__.py is left out, because MicroPython does not need it.
"""

import ast
import os

SERVICES = "device/services"

SMALL = "small"
FULL = "full"

# build profile -> services that it leaves out
PROFILES = {
    SMALL: ("url", "keys", "queue", "commands", "shadow", "sync", "logs", "panel"),  # stock firmware
    FULL: (),  # frozen code, or a board with more memory
}

# board -> the build profile of its image, if none is named
BOARDS = {
    "esp32": SMALL,
    "esp32c3": SMALL,
    "esp32s3": FULL,
    "pico2_w": FULL,
    "pico_w": SMALL,
    "virtual": FULL,
}

# Ports that are imported late, when they are needed -> the services that need them: an image with none of
# these does not contain the port either.
PORTS = {
    "device/port/access_point.py": ("network",),
    "device/port/http.py": ("url", "serialize", "register", "claim", "keys", "logs"),
    "device/port/listening.py": ("web",),
}


# In every image, although nothing imports it: a person does, at the prompt.
BY_HAND = ("device/diagnose.py",)


def services(lib, profile, without=()):
    """The names of the services in an image. `without`: more that are left out."""
    found = [name[:-3] for name in os.listdir(os.path.join(lib, SERVICES)) if name.endswith(".py")]
    left_out = PROFILES[profile] + tuple(without)
    return sorted(name for name in found if not name.startswith("_") and name not in left_out)


def modules(lib, names, starts=(), look=None):
    """The modules in an image with the services `names`, as sorted paths below `lib`.

    `starts`: the files boot.py and main.py, whose imports count as well. `look`: another `facts` of a file.
    """
    look = look or _look
    found = {path for path, users in PORTS.items() if not set(users) & set(names)}
    unwanted = set(found)
    waiting = [f"{SERVICES}/{name}.py" for name in names]
    waiting += [path for path in BY_HAND if os.path.exists(os.path.join(lib, path))]
    for start in starts:
        waiting += _below(lib, look(start)[0])
    while waiting:
        path = waiting.pop()
        if path not in found:
            found.add(path)
            waiting += _below(lib, look(os.path.join(lib, path))[0])
    return sorted(path for path in found - unwanted if not look(os.path.join(lib, path))[1])


def facts(source, parse=ast.parse):
    """(full names of what the module with this text imports, whether it does nothing but be there).

    Imports inside functions count; of `from a import b`, both a and a.b.
    """
    tree = parse(source)
    names = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.append(node.module)
            names += [node.module + "." + alias.name for alias in node.names]
    return names, all(isinstance(node, ast.Expr) for node in tree.body)


def _look(file):
    with open(file, encoding="utf-8") as source:
        return facts(source.read())


def _below(lib, names):
    """The files below `lib` of the modules with these full names, and of the packages around them."""
    for name in names:
        parts = name.split(".")
        for count in range(1, len(parts) + 1):
            place = "/".join(parts[:count])
            for path in (place + ".py", place + "/__init__.py"):
                if os.path.exists(os.path.join(lib, path)):
                    yield path
