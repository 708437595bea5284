"""Run the test files named on the command line under MicroPython: every `test_*` function of each.

    MICROPYPATH=lib:tests/core:.frozen micropython tests/core/micropython_runner.py test_topics ...

Exit status 1 when a test fails, when a file cannot be imported, or when it has no tests.
"""

import gc
import sys


def run(name):
    """Run the tests of the module `name`; return (passed, failed)."""
    try:
        module = __import__(name)
    except Exception as error:
        return 0, report(name, "import", error)
    tests = sorted(test for test in dir(module) if test.startswith("test_"))
    if not tests:
        print(f"FAIL {name}: no tests in it")
        return 0, 1
    failed = 0
    for test in tests:
        gc.collect()
        try:
            getattr(module, test)()
        except Exception as error:
            failed += report(name, test, error)
    return len(tests) - failed, failed


def report(name, test, error):
    """Print one failure and its traceback; return 1, the number of failures."""
    print(f"FAIL {name}.{test}: {error!r}")
    sys.print_exception(error, sys.stdout)
    return 1


def main(names):
    passed = failed = 0
    for name in names:
        good, bad = run(name)
        passed += good
        failed += bad
    print(f"{passed} passed, {failed} failed")
    sys.exit(1 if failed or not names else 0)


main(sys.argv[1:])
