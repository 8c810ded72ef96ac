"""Words as the checks compare them: content words, names and numbers of a text."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from itertools import zip_longest
from math import log

from store.dates import DAY_NAMES, MONTH_NAMES
from store.text import fold

_WORD = re.compile(r"\d+(?:[.,]\d+)+|[^\W_]+(?:[.'’\-][^\W_]+)*")
_NUMBER = re.compile(r"\d+(?:[.,]\d+)*")
_SUFFIXES = ("ingly", "edly", "ments", "ment", "ings", "ing", "ied", "ies", "ed", "es", "ly", "s")
_ORDINAL = re.compile(r"^(\d+)(?:st|nd|rd|th)$")

# Function words and words that only ask: they say nothing about what an article holds.
STOPWORDS = frozenset(
    fold("""
    a about above after again against all also am an and any are as at be because been before being below
    between both but by can could did do does doing down during each few for from further had has have having he
    her here hers him his how i if in into is it its itself just me more most my no nor not now of off on once
    only or other our out over own same she should so some such than that the their them then there these they
    this those through to too under until up upon us very was we were what when where which while who whom whose
    why will with would you your according article articles ask asked give given happen happened know mention
    mentioned name named please report say said says state stated states tell text much many long often kind
    sort exactly actually really yes true false correct
    el la los las un una unos unas de del al a y o u e que qué en por para con sin
    sobre se su sus lo le les es son fue fueron era eran ser está están cuál cuáles quién quiénes cuándo dónde
    cómo cuánto cuántos cuánta cuántas como más no le la les des du un une et ou que qui quoi dans par pour avec
    sans sur se sa son ses est sont a ont été quel quelle quels quelles quand où comment combien der die das den
    dem des ein eine und oder in von zu mit auf für ist sind war waren wer was wann wo wie viele viel что кто
    когда где как сколько какой какая какие и в на с по о из за для от к не это был была были من في على إلى عن
    ما ماذا متى أين كيف كم هل هو هي هذا هذه التي الذي مع و أو كان كانت أن إن لم لا
    """).split()
)

NUMBER_WORDS: Mapping[str, str] = {
    word: str(value)
    for value, word in enumerate(
        """
        zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen
        seventeen eighteen nineteen twenty
        """.split()
    )
} | {
    "thirty": "30", "forty": "40", "fifty": "50", "sixty": "60", "seventy": "70", "eighty": "80", "ninety": "90",
    "hundred": "100", "thousand": "1000", "million": "1000000", "billion": "1000000000",
    "once": "1", "twice": "2", "first": "1", "second": "2", "third": "3", "fourth": "4", "fifth": "5", "dozen": "12",
}  # fmt: skip


_IRREGULAR: Mapping[str, str] = {
    form: forms[0]
    for forms in (
        line.split()
        for line in """
        become became; begin began begun; bring brought; build built; buy bought; catch caught; choose chose chosen
        come came; drive drove driven; eat ate eaten; fight fought; fly flew flown; forbid forbade forbidden
        forget forgot forgotten; freeze froze frozen; get got gotten; go went gone; grow grew grown; hear heard
        hide hid hidden; hold held; keep kept; know knew known; lead led; leave left; lend lent; lose lost; make made
        mean meant; meet met; pay paid; ride rode ridden; run ran; sell sold; send sent; shake shook shaken; shoot shot
        show shown; sing sang sung; sink sank sunk; sit sat; sleep slept; speak spoke spoken; spend spent; stand stood
        steal stole stolen; strike struck stricken; swim swam swum; take took taken; teach taught; think thought
        throw threw thrown; wear wore worn; win won; withdraw withdrew withdrawn; write wrote written; die died dead
        """.replace("\n", ";").split(";")
    )
    for form in forms[1:]
}
"""Forms that share no beginning with their verb: a question says "come", the article "came"."""


@lru_cache(maxsize=65536)
def stem(word: str) -> str:
    """A folded word without its commonest English ending; crude, the same for both sides of a comparison."""
    ordinal = _ORDINAL.match(word)
    if ordinal:
        return ordinal.group(1)
    for suffix in ("'s", "’s"):
        word = word.removesuffix(suffix)
    if not word.isascii():
        return word.removeprefix("ال") if len(word) > 4 else word
    word = _IRREGULAR.get(word, word)
    for suffix in _SUFFIXES:
        if word.endswith(suffix) and len(word) - len(suffix) >= 3:
            word = word[: -len(suffix)] + ("y" if suffix in ("ies", "ied") else "")
            break
    if len(word) > 4 and word[-1] == word[-2]:
        word = word[:-1]
    return word.removesuffix("e") if len(word) > 3 else word


@lru_cache(maxsize=8192)
def content_words(text: str) -> tuple[str, ...]:
    """Stemmed, folded words of a text that carry meaning, in order, with repeats; numbers in digits.

    A hyphenated word counts as its parts, so that "al-Attiyah" and "Attiyah" meet.
    """
    words: list[str] = []
    for match in _WORD.finditer(text):
        for part in re.split(r"[-'’]", fold(match.group())):
            if part and part not in STOPWORDS and (len(part) > 1 or part.isdigit() or not part.isascii()):
                words.append(NUMBER_WORDS.get(part) or stem(part.replace(",", "")))
    return tuple(words)


def numbers(text: str) -> frozenset[str]:
    """Numbers of a text in digits, thousands separators removed; small number words count."""
    found = {match.replace(",", "").rstrip(".") for match in _NUMBER.findall(text)}
    parts = (part for m in _WORD.finditer(text) for part in fold(m.group()).split("-"))
    return frozenset(found | {NUMBER_WORDS[part] for part in parts if part in NUMBER_WORDS})


_MONTHS = frozenset(MONTH_NAMES.casefold().split())
_NOT_COUNTED = STOPWORDS | NUMBER_WORDS.keys()


@dataclass(frozen=True, slots=True)
class Count:
    """A number and what it counts: "four countries" is 4 of "country"; `text` is as written."""

    number: str
    what: str
    text: str


def counts(text: str) -> tuple[Count, ...]:
    """Numbers with what they count; years, days, ages and numbers inside names are left out."""
    words = [m.group() for m in _WORD.finditer(text)]
    found = []
    for word, following, then in zip_longest(words, words[1:], words[2:], fillvalue=""):
        number = NUMBER_WORDS.get(fold(word)) or (word.replace(",", "") if _NUMBER.fullmatch(word) else None)
        if number is None or not following or following[0].isdigit() or fold(following) in _NOT_COUNTED:
            continue
        dated = len(number) == 4 or fold(following) in _MONTHS
        if not dated and fold(then) != "old":  # the article says an age as "Morrel, 61,"
            found.append(Count(number, stem(fold(following)), f"{word} {following}"))
    return tuple(found)


_QUOTED = re.compile(r"[\"“«]([^\"“”«»]{3,400})[\"”»]")


def quotes_in(text: str) -> tuple[str, ...]:
    """What stands in quotation marks."""
    return tuple(_QUOTED.findall(text))


def stands_in(words: str, text: str) -> bool:
    """Whether a text holds these words in this order, whatever their case, marks and endings."""
    return " ".join(content_words(words)) in " ".join(content_words(text))


@dataclass(frozen=True, slots=True)
class Name:
    """A run of capitalised words; `words` are its folded stems."""

    text: str
    words: frozenset[str]


_NAME = re.compile(
    r"(?:[A-ZÀ-ÞЀ-Я][\w’'\-]*(?:\.\w+)*)"
    r"(?:(?:\s+(?:bin|al|de|la|von|van|of|the|and)){0,2}\s+(?:al-)?[A-ZÀ-ÞЀ-Я][\w’'\-]*)*"
)
_SENTENCE_START = re.compile(r"(?:^|[.!?:\"“”\n]\s*)$")


def names(text: str) -> tuple[Name, ...]:
    """Names in a text: capitalised runs, without a sentence's first word unless it is a name for another reason."""
    found = []
    for match in _NAME.finditer(text):
        run = match.group().rstrip(".'’")
        at_start = bool(_SENTENCE_START.search(text[: match.start()]))
        first, _, others = run.partition(" ")
        if at_start and fold(first) in STOPWORDS and others[:1].isupper():
            run, at_start = others, False  # "Was Kuwait", "The Hague": the name begins with its second word
        words = frozenset(content_words(run))
        single = " " not in run
        if not words or (at_start and single and not run.isupper() and not any(c.isdigit() for c in run)):
            continue
        found.append(Name(run, words))
    return tuple(found)


def name_words(text: str) -> frozenset[str]:
    """The words of all names in a text."""
    return frozenset().union(*(n.words for n in names(text)))


CALENDAR_WORDS = frozenset(content_words(f"{DAY_NAMES} {MONTH_NAMES}"))
"""Weekdays and months: capitalised, but names of nobody."""


class Weights:
    """How much a word tells: inverse document frequency over the sentences of what is read."""

    def __init__(self, sentences: Iterable[str]) -> None:
        listed = [frozenset(content_words(s)) for s in sentences]
        self._count = len(listed)
        self._frequency = Counter(word for words in listed for word in words)

    def __getitem__(self, word: str) -> float:
        return log(1 + (self._count + 1) / (self._frequency[word] + 0.5))

    def __contains__(self, word: str) -> bool:
        return self._frequency[word] > 0

    def coverage(self, words: Iterable[str], seen: frozenset[str]) -> float | None:
        """Share of the words' weight that `seen` holds, from 0 to 1; None without words."""
        total = held = 0.0
        for word in set(words):
            weight = self[word]
            total += weight
            held += weight * (word in seen)
        return held / total if total else None
