"""One door for text: bytes become characters here, and hidden characters end here.

Clean text passes unchanged, character for character, because quotes are compared with the original outside
this program. Search keys are folded elsewhere, with `fold`.
"""

import codecs
import re
import unicodedata
from dataclasses import dataclass

from store.errors import InputRefused

_MIN_CONFIDENCE = 0.6
_BOMS: tuple[tuple[bytes, str], ...] = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),  # before UTF-16: its mark starts with the same two bytes
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
# What news sites used before UTF-8; a shorter list makes the detector right more often on short texts.
_LEGACY = [
    "cp1252",
    "shift_jis",
    "euc_jp",
    "gb18030",
    "big5",
    "cp949",
    "cp1251",
    "cp1256",
    "cp1250",
    "koi8_r",
]

_ANSI = r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]{0,2000}(?:\x07|\x1b\\)?|[@-Z\\^_]?)"
_CONTROL = r"[\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f]"
_JOINER = r"[\u200c\u200d]+"
_MARK = r"[\u200e\u200f\u061c]"
_SPACE = r"\u200b+"
_SELECTOR = r"[\ufe00-\ufe0f\U000e0100-\U000e01ef]+"
_FLAG = r"\U0001f3f4[\U000e0061-\U000e007a]{5}\U000e007f"
_NEVER = (
    r"[\u00ad\u034f\u115f\u1160\u17b4\u17b5\u180e\u202a-\u202e\u2060-\u206f\u3164\ufeff\uffa0\ufff9-\ufffb"
    r"\ufdd0-\ufdef\ufffe\uffff\U000e0000-\U000e007f]"
)
_HIDDEN = re.compile(
    f"(?P<flag>{_FLAG})|(?P<ansi>{_ANSI})|(?P<joiner>{_JOINER})|(?P<mark>{_MARK})|(?P<space>{_SPACE})"
    f"|(?P<selector>{_SELECTOR})|(?P<never>{_NEVER}|{_CONTROL})"
)
_FLAGS = {"gbeng", "gbsct", "gbwls"}  # the only tag sequences that show as a flag
_NEWLINES = re.compile(r"\r\n?|[\x0b\x0c\x85]")
_RTL = re.compile(r"[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc]")
# Polish or Czech read as Western shows signs such as "³" inside words.
_SYMBOL_IN_WORD = re.compile(r"[^\W\d_][^\w\s'\u2019\u2010-\u2014&@./:-][^\W\d_]|[^\W\d_][¹²³]")
_SURROGATE = re.compile(r"[\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class Decoded:
    """Characters read from bytes.

    Attributes:
        encoding: The Python codec that read them.
        confidence: 1 where a mark or strict decoding settles it, else the detector's, from 0 to 1.
    """

    text: str
    encoding: str
    confidence: float


@dataclass(frozen=True, slots=True)
class Cleaned:
    """Text without hidden characters, and how many there were."""

    text: str
    hidden: int


def decode(raw: bytes, *, declared: str | None = None) -> Decoded:
    """Reads bytes as text, strictly: byte order mark, declared charset, UTF-8, then a detector.

    Raises:
        InputRefused: No encoding reads all bytes with enough confidence; the message names the byte offset.
    """
    for mark, encoding in _BOMS:
        if raw.startswith(mark):
            return Decoded(_strictly(raw[len(mark) :], encoding, len(mark)), encoding, 1.0)
    if declared is not None and (text := _attempt(raw, declared)) is not None:
        return Decoded(text, declared.lower(), 1.0)
    guess = _utf16_without_mark(raw)
    if guess is not None:
        return Decoded(_strictly(raw, guess, 0), guess, 0.9)
    try:
        return Decoded(raw.decode("utf-8"), "utf-8", 1.0)
    except UnicodeDecodeError as error:
        if _damaged_utf8(raw):
            raise InputRefused(_not_text(raw, error.start, "UTF-8")) from error
        return _detect(raw, error.start)


def clean(text: str) -> Cleaned:
    """Makes newlines "\\n" and removes what a reader cannot see; everything else stays as it is.

    Joiners stay between Arabic, Indic and emoji characters, direction marks in right-to-left text, and
    variation selectors after what they vary: there they are spelling, elsewhere a hiding place.

    Raises:
        InputRefused: The text holds half of a surrogate pair, which no file can carry.
    """
    broken = _SURROGATE.search(text)
    if broken:
        raise InputRefused(
            f"broken character {text[broken.start()]!a} at offset {broken.start()}; write it again as UTF-8"
        )
    text = _NEWLINES.sub("\n", text)
    rtl = _RTL.search(text) is not None
    hidden = 0

    def keep(match: re.Match[str]) -> str:
        nonlocal hidden
        kept = _spelling(match, rtl=rtl)
        hidden += len(match[0]) - len(kept)
        return kept

    return Cleaned(_HIDDEN.sub(keep, text), hidden)


def fold(text: str) -> str:
    """A key for comparing words: compatibility forms unified, case folded, accents removed.

    Not for offsets: the length may change.
    """
    decomposed = unicodedata.normalize("NFKD", unicodedata.normalize("NFKC", text).casefold())
    bare = "".join(character for character in decomposed if not unicodedata.combining(character))
    return unicodedata.normalize("NFKC", bare)


def one_line(text: str) -> str:
    """White space runs become single spaces, for titles and names."""
    return " ".join(text.split())


def _spelling(match: re.Match[str], *, rtl: bool) -> str:
    """The part of a suspicious run that is ordinary spelling where it stands; often nothing."""
    run, text = match[0], match.string
    before = text[match.start() - 1] if match.start() else ""
    after = text[match.end()] if match.end() < len(text) else ""
    keep = False
    match match.lastgroup:
        case "flag":
            keep = "".join(chr(ord(tag) - 0xE0000) for tag in run[1:-1]) in _FLAGS
            return run if keep else run[0]
        case "joiner":
            # A run of joiners spells nothing, but can carry bits.
            keep = len(run) == 1 and _joins(before) and _joins(after)
        case "mark":
            keep = rtl
        case "space":
            keep = len(run) == 1 and _unspaced(before) and _unspaced(after)
        case "selector":
            return run[0] if _varies(before, run[0]) else ""
        case _:
            keep = False
    return run if keep else ""


def _joins(character: str) -> bool:
    """Whether joiners mean something beside it: Arabic and its kin, Indic scripts, Mongolian, emoji."""
    code = ord(character) if character else 0
    return (
        0x0600 <= code <= 0x08FF
        or 0x0900 <= code <= 0x109F
        or 0x1780 <= code <= 0x18AF
        or 0x2190 <= code <= 0x2BFF
        or 0xFB50 <= code <= 0xFE0F
        or 0xFE70 <= code <= 0xFEFC
        or 0x1F000 <= code <= 0x1FAFF
    )


def _unspaced(character: str) -> bool:
    """Whether its script is written without spaces, so that a zero-width space parts words: Thai, Khmer..."""
    code = ord(character) if character else 0
    return 0x0E00 <= code <= 0x0EFF or 0x0F00 <= code <= 0x109F or 0x1780 <= code <= 0x17FF


def _varies(base: str, selector: str) -> bool:
    code = ord(base) if base else 0
    ideograph = 0x3400 <= code <= 0x9FFF or 0xF900 <= code <= 0xFAFF or 0x20000 <= code <= 0x3FFFF
    if ord(selector) >= 0xE0100 or selector < "\ufe0e":
        return ideograph or 0x1820 <= code <= 0x18AA or 0x2200 <= code <= 0x22FF
    return ideograph or base in set("#*0123456789©®") or 0x2000 < code < 0x3400 or 0x1F000 <= code <= 0x1FAFF


def _attempt(raw: bytes, encoding: str) -> str | None:
    try:
        return raw.decode(encoding)
    except (LookupError, UnicodeDecodeError):  # an unknown or a wrong declaration: go on without it
        return None


def _strictly(raw: bytes, encoding: str, skipped: int) -> str:
    try:
        return raw.decode(encoding)
    except UnicodeDecodeError as error:
        raise InputRefused(_not_text(raw, error.start + skipped, encoding.upper())) from error


def _not_text(raw: bytes, offset: int, encoding: str) -> str:
    found = f"0x{raw[offset]:02x}" if offset < len(raw) else "the end"
    return f"not valid {encoding} at byte {offset} ({found}); save the file as UTF-8"


def _utf16_without_mark(raw: bytes) -> str | None:
    """UTF-16 shows in its zero bytes: half of all in Western text, those of spaces and newlines elsewhere."""
    sample = raw[:4096]
    if len(raw) % 2 or b"\0" not in sample:
        return None
    for encoding, zeros, others in (
        ("utf-16-le", sample[1::2], sample[::2]),
        ("utf-16-be", sample[::2], sample[1::2]),
    ):
        if zeros.count(0) > 0 and others.count(0) == 0:
            text = _attempt(raw, encoding)
            if text is not None and _reads_as_text(text[:2000]):
                return encoding
    return None


def _reads_as_text(text: str) -> bool:
    """Letters of at most a few scripts, and no controls: garbage from a wrong guess mixes everything."""
    odd = sum(1 for c in text if unicodedata.category(c) in {"Cc", "Cn", "Co", "Cs"} and c not in "\n\r\t")
    blocks = {ord(c) >> 8 for c in text if c.isalpha() and not 0x3000 <= ord(c) <= 0x9FFF and ord(c) < 0xAC00}
    return odd == 0 and len(blocks) <= 6


def _damaged_utf8(raw: bytes) -> bool:
    """Whether multi-byte sequences outnumber the bytes that are not UTF-8: damage, not another encoding."""
    lenient = raw.decode("utf-8", errors="replace")
    bad = lenient.count("\ufffd")
    good = sum(1 for character in lenient if character > "\x7f" and character != "\ufffd")
    return good > bad


def _detect(raw: bytes, offset: int) -> Decoded:
    from charset_normalizer import from_bytes  # a heavy import that UTF-8 files never need

    best = from_bytes(raw, cp_isolation=_LEGACY).best()
    if best is None:
        raise InputRefused(_not_text(raw, offset, "UTF-8"))
    text, encoding, confidence = str(best), best.encoding, round(1.0 - best.chaos, 2)
    western = _attempt(raw, "cp1252")
    if encoding == "cp1250" and western is not None and not _SYMBOL_IN_WORD.search(western):
        text, encoding = western, "cp1252"  # the detector takes French for Czech as readily
    if confidence < _MIN_CONFIDENCE or "\0" in text or not _believable(text, encoding):
        found = f" (perhaps {encoding}, confidence {confidence:.2f})"
        raise InputRefused(_not_text(raw, offset, "UTF-8") + found)
    return Decoded(text, encoding, confidence)


def _believable(text: str, encoding: str) -> bool:
    """Not one odd letter of another script in a Latin text, which a stray byte looks like to a detector."""
    if encoding in ("cp1252", "cp1250"):
        return True
    letters = [character for character in text if character.isalpha()]
    return sum(1 for character in letters if character > "\u024f") >= len(letters) / 5
