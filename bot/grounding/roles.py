"""Titles and countries before a name: a small model gives one person another's, which stands in the same sentence."""

import re
from collections.abc import Sequence

from bot.grounding.words import content_words
from bot.reading import Sentence
from store.text import fold

_CAPITAL = r"[^\W\d_a-zß-öø-ÿа-я][\w’'\-]*"
_LINK = r"(?:of|for|the|bin|al|de|von|van)"
_NAMING = re.compile(rf"{_CAPITAL}(?:(?:,? (?:{_LINK} ){{0,2}}){_CAPITAL})+")
"""Capitalised words in a row, with at most a comma between them: an office, then who holds it."""
_APART = re.compile(r"[;:“”\"]|\b(?:and|or|und|et|y)\b")
"""What stands behind these belongs to somebody else."""
_BESIDE = 60
"""Characters behind a name in which its title may follow: "Orvel, king of Dalby"."""


def without_others_roles(draft: str, sentences: Sequence[Sentence]) -> str:
    """The draft without the words before a name that the article's sentences give to another: "Qatar's minister Shoigu".

    Words are taken out only where a sentence has both the name and the words, and none has the one beside the other.
    """
    made, end = [], 0
    for match in _NAMING.finditer(draft):
        words = re.split(r"(?<=\S) ", match.group())
        kept = _own_part(words, sentences)
        made += [draft[end : match.start()], " ".join(words[kept:])]
        end = match.end()
    return "".join((*made, draft[end:]))


def _own_part(words: Sequence[str], sentences: Sequence[Sentence]) -> int:
    """How many of the words to leave out: those before the name, where one of them is another's; else none."""
    for start in range(1, len(words) - 1):
        if not (words[start][:1].isupper() and words[start - 1][:1].isupper()):
            continue  # "King Salman of Saudi Arabia" says nothing of Saudi Arabia
        name = " ".join(words[start:])
        told = [s.text for s in sentences if name in s.text]
        if told:
            before = [w for w in words[:start] if w[:1].isupper() and content_words(w)]
            return start if any(_is_anothers(word, name, told) for word in before) else 0
    return 0


def _is_anothers(word: str, name: str, told: Sequence[str]) -> bool:
    near = [_beside(name, text) for text in told]
    return not any(_has(word, text) for text in near) and any(_has(word, text) for text in told)


def _beside(name: str, text: str) -> str:
    """What stands before a name, and shortly behind it, in one sentence, and belongs to it."""
    before, _, behind = text.partition(name)
    follows = behind[1 : _BESIDE + 1].partition(",")[0] if behind.startswith(",") else ""
    return f"{_APART.split(before)[-1]} {_APART.split(follows)[0]}"


_SAME_FROM = 4
"""Letters that two forms of a word share: Qatar's and Qatari, Defence and Defense."""


def _has(word: str, text: str) -> bool:
    begins = fold(re.split(r"['’]", word)[0].rstrip(","))[:_SAME_FROM]
    return any(fold(w).startswith(begins) for w in re.findall(r"[^\W\d_]+", text))
