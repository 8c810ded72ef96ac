"""Takes a reasoning model's thoughts out of its stream, also when their tags arrive in pieces."""

_OPEN, _CLOSE = "<think>", "</think>"


class ThinkingFilter:
    """Feeds text through; what lies between think tags never comes out.

    Some templates open the thought themselves, so a reply may hold only the closing tag. What was shown
    before it cannot be unsaid in a stream; `unopened` tells the caller to drop it from the final text.
    """

    def __init__(self) -> None:
        self._held = ""
        self._inside = False
        self.unopened = False

    def feed(self, text: str) -> str:
        """Returns what of the text so far may be shown now."""
        self._held += text
        shown: list[str] = []
        while True:
            if self._inside:
                _thought, tag, after = self._held.partition(_CLOSE)
                if not tag:
                    self._held = self._held[len(self._held) - _tail(self._held, _CLOSE) :]
                    return "".join(shown)
                self._inside, self._held = False, after.lstrip()
                continue
            opened, closed = self._held.find(_OPEN), self._held.find(_CLOSE)
            if closed >= 0 and (opened < 0 or closed < opened):
                self.unopened = True
                shown.clear()
                self._held = self._held[closed + len(_CLOSE) :].lstrip()
                continue
            if opened >= 0:
                shown.append(self._held[:opened])
                self._inside, self._held = True, self._held[opened + len(_OPEN) :]
                continue
            keep = max(_tail(self._held, _OPEN), _tail(self._held, _CLOSE))
            shown.append(self._held[: len(self._held) - keep])
            self._held = self._held[len(self._held) - keep :]
            return "".join(shown)

    def finish(self) -> str:
        """Returns what was held back in case a tag followed; a thought never closed is dropped."""
        rest, self._held = ("" if self._inside else self._held), ""
        return rest


def _tail(text: str, tag: str) -> int:
    """Length of the longest end of `text` that may be the beginning of `tag`."""
    return next((n for n in range(min(len(tag) - 1, len(text)), 0, -1) if text.endswith(tag[:n])), 0)
