"""The command line. Thin: a verb parses options, calls one function of a room and prints what came back."""

from importlib import import_module

from .application import app, main

__all__ = ["app", "main"]

# Importing a module registers its verbs, in the order in which --help lists them.
for _verbs in ("bundles", "photos", "quantization", "models", "about", "networks", "mil", "arm64", "lint"):
    import_module(f".{_verbs}", __name__)
