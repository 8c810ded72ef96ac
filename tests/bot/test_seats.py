"""Capitals named for their countries."""

from typing import Any, cast

import pytest

from bot.seats import spelt_out
from store.library import Library
from tests.bot.test_spelling import Words

LIBRARY = cast("Library", cast("Any", Words("iran bought jets from russia saudi arabia us britain london")))


@pytest.mark.parametrize(
    ("asked", "read"),
    [
        ("What did Tehran buy?", "What did Tehran (Iran) buy?"),
        ("Who acted for the Kremlin's side?", "Who acted for the Kremlin's (Russia) side?"),
        ("Did the White House tell Riyadh?", "Did the White House (US) tell Riyadh (Saudi Arabia)?"),
        ("What did London say?", "What did London say?"),  # the articles name it
        ("What did Oslo say?", "What did Oslo say?"),  # they have not its country either
        ("Did Tehran, Iran's capital, buy jets?", "Did Tehran, Iran's capital, buy jets?"),
        ("Was it signed in Tehran?", "Was it signed in Tehran?"),  # a place
        ("who signed?", "who signed?"),
    ],
)
def test_a_seat_the_articles_lack_stands_beside_its_country(asked: str, read: str) -> None:
    assert spelt_out(asked, LIBRARY) == read
