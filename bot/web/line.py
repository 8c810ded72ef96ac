"""Whose turn it is: one model, questions served in the order they came."""

import asyncio
from collections import deque

from bot.errors import ModelBusy


class Ticket:
    """A place in the line. `ahead` is 0 when it is this one's turn."""

    def __init__(self, line: "Line") -> None:
        self._line = line
        self._moved = asyncio.Event()

    @property
    def ahead(self) -> int:
        return self._line.place_of(self)

    async def moved(self, timeout_s: float) -> bool:
        """Waits until the line moves; False when it did not within the time."""
        try:
            await asyncio.wait_for(self._moved.wait(), timeout_s)
        except TimeoutError:
            return False
        self._moved.clear()
        return True

    def leave(self) -> None:
        """Gives the place up, served or not; calling it again does nothing."""
        self._line.drop(self)

    def tell(self) -> None:
        self._moved.set()


class Line:
    """First come, first served.

    Args:
        waiting: How many may wait behind the one being served.
    """

    def __init__(self, waiting: int) -> None:
        self._waiting = waiting
        self._tickets: deque[Ticket] = deque()

    def __len__(self) -> int:
        return len(self._tickets)

    def join(self) -> Ticket:
        """Takes the last place.

        Raises:
            ModelBusy: All places are taken.
        """
        if len(self._tickets) > self._waiting:
            raise ModelBusy(
                f"Busy: {len(self._tickets) - 1} questions wait already. Ask again in half a minute."
            )
        ticket = Ticket(self)
        self._tickets.append(ticket)
        return ticket

    def place_of(self, ticket: Ticket) -> int:
        return self._tickets.index(ticket)

    def drop(self, ticket: Ticket) -> None:
        if ticket in self._tickets:
            self._tickets.remove(ticket)
            for other in self._tickets:
                other.tell()
