"""A registry is a decorator and a dict: `@networks.register("name")` adds, `networks.get("name")` finds."""

from collections.abc import Callable, Iterator
from typing import Generic, TypeVar

from .errors import InputError

T = TypeVar("T")


class Registry(Generic[T]):
    """Named things of one kind.

    Args:
        kind: what the entries are, for error messages ("depth network").
    """

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self._entries: dict[str, T] = {}

    def register(self, name: str) -> Callable[[T], T]:
        """Return a decorator that adds what it decorates under `name`.

        Raises:
            ValueError: the name is taken (a mistake of the programmer, not of the user).
        """

        def add(entry: T) -> T:
            if name in self._entries:
                raise ValueError(f"{self.kind} {name!r} is registered twice")
            self._entries[name] = entry
            return entry

        return add

    def get(self, name: str) -> T:
        """Return the entry called `name`.

        Raises:
            InputError: there is none; the message lists those there are.
        """
        if name not in self._entries:
            known = ", ".join(self) or "none"
            raise InputError(f"unknown {self.kind} {name!r}; known: {known}")
        return self._entries[name]

    def __iter__(self) -> Iterator[str]:
        return iter(sorted(self._entries))

    def __contains__(self, name: object) -> bool:
        return name in self._entries
