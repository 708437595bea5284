"""What the tests that run on CPython and on MicroPython share."""


def raises(exception, function, *args):
    """Call `function(*args)`, which must raise `exception`; return what was raised."""
    try:
        function(*args)
    except exception as error:
        return error
    raise AssertionError(f"{exception.__name__} was not raised for {args!r}")


def golden(name):
    """Return the content of a file under tests/golden."""
    here = __file__.rsplit("/", 1)[0] if "/" in __file__ else "."
    with open(here + "/../golden/" + name, "rb") as file:
        return file.read()
