"""Replacing functions of a module, loudly."""

import sys


def replace(module, name, make):
    """Puts make(original) where module.name was. Ends the process when there is no such function: a new ministack is taken on purpose."""
    original = getattr(module, name, None)
    if not callable(original):
        sys.exit(f"emulator: ministack has no {module.__name__}.{name} any more; see lab/emulator/patches and requirements.txt")
    setattr(module, name, make(original))
    return original


def present(module, *names):
    """Ends the process when the module lost a name that a patch reads."""
    for name in names:
        if not hasattr(module, name):
            sys.exit(f"emulator: ministack has no {module.__name__}.{name} any more; see lab/emulator/patches and requirements.txt")
