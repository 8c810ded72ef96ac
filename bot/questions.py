"""What kind of thing a question asks for, read from its words alone."""

import re
from collections.abc import Mapping
from typing import Literal

from bot.grounding.words import names
from store.loaders.language import guess_language

Kind = Literal[
    "yes_no", "who", "when", "where", "number", "attribution", "quote", "list", "why", "what",
    "published", "author", "outlet", "headline", "caption", "photo", "summary", "articles", "greeting", "capability", "unclear",
]  # fmt: skip
"""`published` to `caption` are about an article itself; `summary` to `capability` are no questions about its content."""

MAX_QUESTION_CHARS = 4000

_ARTICLE = r"(?:article|story|report|piece|news item|text|artículo|noticia|статья|статьи|المقال)"
_ABOUT_ITSELF: tuple[tuple[Kind, re.Pattern[str]], ...] = (
    (
        "published",
        re.compile(
            rf"\b(?:when|what (?:date|day|month|year)|on (?:what|which) (?:date|day)|date|how (?:old|recent))\b.*"
            rf"\b(?:this|the|that)\s+(?:news\s+)?{_ARTICLE}\b.*\b(?:published|written|posted|released|printed|dated|come out|appear)"
            rf"|\b(?:publication date|date of publication|dateline)\b|\b(?:date|day) of (?:this|the) (?:news )?{_ARTICLE}\b"
            rf"|\bhow old is (?:this|the) {_ARTICLE}\b|\bcuándo se publicó\b|\bquand .*\bpublié\b|متى نُ?شر|когда .*опубликован",
            re.I,
        ),
    ),
    (
        "author",
        re.compile(
            rf"\bwho (?:wrote|authored|is the author|was the author|is the writer|is the journalist|is the reporter)\b(?: (?:it|this|that))?\W*$"
            rf"|\bwho (?:wrote|authored|(?:is|was) the (?:author|writer|journalist|reporter))\b.*\b(?:this|the|that) (?:news )?{_ARTICLE}\b"
            rf"|\b(?:author|byline|journalist|reporter|writer) (?:of|who wrote|behind) (?:this|the) {_ARTICLE}\b"
            rf"|\bby whom was (?:this|the) {_ARTICLE} written\b",
            re.I,
        ),
    ),
    (
        "outlet",
        re.compile(
            rf"\b(?:which|what) (?:outlet|(?:news)?paper|publication|website|news site|site|publisher|magazine)\b.*"
            rf"\b(?:(?:published|publish|printed|carried|ran|posted|wrote)\b(?: (?:it|this|that|(?:this|the|that) (?:news )?{_ARTICLE}\b.*))?(?:\W*$|,? and\b)"
            rf"|(?:is|was) (?:this|the) {_ARTICLE}\b)"
            rf"|\bwho published (?:this|the) {_ARTICLE}\b|\bwhere was (?:this|the) {_ARTICLE} published\b",
            re.I,
        ),
    ),
    (
        "headline",
        re.compile(rf"\bwhat(?:'s| is| was) the (?:headline|title)\b|\b(?:headline|title) of (?:this|the) {_ARTICLE}\b", re.I),
    ),
    (
        "caption",
        re.compile(
            r"^\W*what(?:'s| is| does| do| did)\b[^?]{0,12}\b(?:caption|(?:line|words?|text) (?:under|below|beneath|with) the (?:photo\w*|picture|image))"
            r"\b(?: (?:of|under|below|beneath|to) the (?:photo\w*|picture|image))?(?: (?:say|read|tell(?: us)?|state))?\W*$",
            re.I,
        ),
    ),
)  # fmt: skip
_BESIDE: Mapping[Kind, re.Pattern[str]] = {
    "published": re.compile(r"\band\b.*\b(?:when|(?:what|which) (?:date|day)|the date)\b", re.I),
    "author": re.compile(r"\band\b.*\b(?:who wrote|by whom|the author|the byline)\b", re.I),
    "outlet": re.compile(
        r"\band\b.*\b(?:where|by whom|(?:which|what) (?:outlet|paper|newspaper)|the outlet)\b", re.I
    ),
}
"""What may be asked of an article in the same breath."""
_COURTESY = (
    r"(?:hi|hello|hey|good (?:morning|afternoon|evening|day)|thanks?|thank you|bye|goodbye|hola|buenos días|gracias|bonjour|salut"
    r"|merci|hallo|привет|спасибо|здравствуйте|مرحبا|شكرا)"
)
_ASKS = (
    r"(?:who|whom|whose|what|when|where|which|why|how(?! are you)|did|does|tell|give|describe|name|list|show|summari[sz]e|quién|qué|cuándo|dónde"
    r"|cuánt[oa]s?|qui|quand|où|combien|wer|wann|wo|кто|что|когда|где|من|متى|أين|ما)"
)
"""A greeting before one of these is a courtesy: what follows is the question."""
_NOT_ABOUT_CONTENT: tuple[tuple[Kind, re.Pattern[str]], ...] = (
    (
        "greeting",
        re.compile(
            rf"^\W*{_COURTESY}\b(?!.*\b{_ASKS}\b)[\s\w,!.'’]{{0,24}}(?:\bhow are you\b[\w\s]{{0,10}}\?)?[^\w?¿؟]*$",
            re.I,
        ),
    ),
    (
        "capability",
        re.compile(
            r"^\W*(?:what can you do|what do you do|who are you|what are you|how do you work|how can you help( me)?|help(?: me)?(?=\W*$)"
            r"|what (?:can|may) i ask(?: you)?)\b[^?]{0,30}\??\W*$",
            re.I,
        ),
    ),
    (
        "summary",
        re.compile(
            rf"\b(?:summari[sz]e|sum up|tl;?dr|give me (?:a|the) (?:summary|overview|gist)|summary of|résume[rz]?)\b|^\W*resum[ea]\b|\bresumen\b"
            rf"|\bwhat (?:is|'s) (?:this|the) {_ARTICLE} about\b|\bmain points?\b",
            re.I,
        ),
    ),
    (
        "articles",
        re.compile(
            r"\b(?:list|show|which|what) (?:me )?(?:all )?(?:the |my )?(?:articles|stories|documents|sources)\b"
            r"(?: (?:do you have|are there|are in|have you|in (?:the|my) library|you (?:have|know)).*)?\W*$",
            re.I,
        ),
    ),
)
_SUMMED_UP_BY_OTHERS = re.compile(
    r"\b(?:did|does|do|has|had)\b (?!you\b)[^?]*\b(?:sum(?:med)? up|summari[sz]ed?|summary of)\b", re.I
)
"""Who asks how somebody summed something up asks for that, and not for a summary."""
_YES_NO = re.compile(
    r"^(?:so,? |and |but |then |please tell me:? )*(?:is|are|was|were|do|does|did|has|have|had|can|could|will|would|should|may|might|am"
    r"|isn't|aren't|wasn't|weren't|don't|doesn't|didn't|hasn't|haven't|hadn't)\b"
    r"|^(?:whether|if)\b(?!.*,)|^so,? (?!(?:who|whom|whose|what|when|where|which|why|how)\b).*\?\W*$"
    r"|[:,–—-]\s*(?:is|are|was|were|did|does|do|has|have|had|will) (?:it|that|this|these|those|they|he|she|there)\b[^?]*\?\W*$"
    r"|,\s*(?:right|correct|true|yes|no|(?:is|was|are|were|did|does|do|has|have|will)n['’]?t (?:it|he|she|they|that|there)"
    r"|is (?:that|this|it) (?:right|true|so|correct))\s*\?\W*$"
    r"|^(?:is it (?:true|correct|right)|true or false)\b|^¿?(?:es|son|fue|fueron|ha|han) |^est-ce qu|^هل |\bли\b",
    re.I,
)
_CHOICE = re.compile(r"\bor\b(?! not\b)(?! no\b)", re.I)  # "before or after?" wants one of the two, not a yes
_KINDS: tuple[tuple[Kind, re.Pattern[str]], ...] = (
    (
        "photo",
        re.compile(r"\b(?:photo(?:graph)?|picture|image|caption)\b", re.I),
    ),
    (
        "attribution",
        re.compile(
            r"\baccording to (?:whom|who|which|what)\b"
            r"|\b(?:who|which (?:\w+ ){0,3}\w+|what (?:\w+ ){0,2}(?:agency|outlet|media|newspaper|source|organi[sz]ation))"
            r" (?:said|says|reported|reports|claimed|claims|announced|revealed|stated|confirmed|told|quoted|is quoted)\b"
            r"|\bwho (?:is|was) (?:quoted|cited)\b|\b(?:which|what) (?:news )?(?:agency|outlet|source|sources|media)\b"
            r"|\bsource of (?:the|this|that) (?:claim|report|information|statement)\b",
            re.I,
        ),
    ),
    (
        "quote",
        re.compile(
            r"\bwhat (?:exactly )?(?:did|does|do|has|have|had)\b.*\b(?:say|said|tell|told|state|hope|claim)\b"
            r"|\b(?:exact|own|precise) words\b|\bquote\b|\bverbatim\b"
            r"|\bhow (?:did|does|do|has|have|had)\b.*\b(?:sum(?:med)? up|summari[sz]ed?|put it)\b",
            re.I,
        ),
    ),
    (
        "when",
        re.compile(
            r"^(?:\w+,? )?(?:and |but |so )?when\b|\b(?:what|which) (?:(?:is|was) the )?(?:exact |calendar )?(?:date|day|month|year|time)\b|\bhow long ago\b|\bsince when\b|^¿?cuándo\b|^quand\b"
            r"|^متى|^когда\b|\bdate of\b|\bqué (?:día|fecha|año|mes)\b",
            re.I,
        ),
    ),
    (
        "number",
        re.compile(
            r"\bhow (?:many|much|long|old|far|large|big|high|tall|often|fast|deep|wide)\b|\bwhat (?:\w+ )?(?:number|amount|sum|price|percentage|share|value|cost)\b"
            r"|\b(?:number|amount|value|size|worth|price|cost) of\b|\bcuánt[oa]s?\b|\bcombien\b|\bсколько\b|\bكم\b",
            re.I,
        ),
    ),
    ("list", re.compile(r"\b(?:which|what|name|list)\b(?: \w+){0,2} (?:countries|states|nations|people|persons|officials|companies|topics|issues|subjects|parties|ministers|leaders|names|things|reasons|\w+ies)\b|^(?:list|name)\b", re.I)),
    ("who", re.compile(r"\bwho(?:m|se)?\b|\bwhich (?:person|man|woman|minister|official|country|company|party)\b|\bquién(?:es)?\b|\bqui\b|\bкто\b|^من ", re.I)),
    ("where", re.compile(r"\bwhere\b|\b(?:which|what) (?:city|town|country|place|location|capital)\b|\bdónde\b|^où\b|\bгде\b|\bأين\b", re.I)),
    ("why", re.compile(r"\bwhy\b|\bwhat (?:was|is|were) the (?:reason|cause|purpose|aim)\b|\bpor qué\b|\bpourquoi\b|\bпочему\b|\bلماذا\b", re.I)),
)  # fmt: skip
_ORDERS = re.compile(
    r"\b(?:ignore|disregard|forget|override|bypass|do not (?:use|follow)|don't (?:use|follow))\b.{0,60}"
    r"\b(?:article|articles|text|passages?|instructions?|rules?|above|previous|prior|everything|prompt|sources?|context)\b"
    r"|^\W*(?:system|assistant|developer|instructions?)\s*:|\bnew (?:rules?|instructions?)\b|^\W*claim that\b|\byou (?:must|will|shall) (?:answer|say|reply|respond)\b"
    r"|\b(?:pretend|imagine|assume|act as|you are (?:now|an?)\b|from now on|system prompt|developer mode|jailbreak)\b"
    r"|(?:^\W*|[.!?,;:]\s+|\b(?:and|then|also|please|now|just|always) )"
    r"(?:say|print|write|output|reply|respond|answer|repeat|begin|start|end) (?:only |just |exactly |back |with |your answer with |the (?:word|phrase) )+"
    r"|\b(?:write|compose|make up|invent|tell) (?:me )?(?:a|an) (?:poem|song|joke|story|haiku|limerick|essay|script|recipe)\b",
    re.I,
)


_TEMPLATE = re.compile(r"<\|im_start\|>.*?<\|im_end\|>|<\|[^|<>]{1,30}\|>|\[/?INST\]|<</?SYS>>", re.DOTALL)
"""Marks of chat templates; what stands between a turn's marks was never asked by a person."""


_ASKED_IN = {
    "es": re.compile(r"¿|^(?:cuánt[oa]s?|dónde|quién(?:es)?|qué|cuál(?:es)?|cómo|cuándo|por qué)\b", re.I),
    "fr": re.compile(
        r"^(?:quand|où|qui|quel(?:le)?s?|combien|pourquoi|comment|est-ce|qu['’]est-ce|que)\b", re.I
    ),
    "de": re.compile(r"^(?:wer|wen|wem|wann|wo|warum|welche[rsnm]?|wieso)\b", re.I),
    "it": re.compile(r"^(?:chi|che cosa|cosa|quando|dove|perché|quant[oiae]|quale|quali)\b", re.I),
    "pt": re.compile(r"^(?:quem|quando|onde|quant[oa]s?|qual|quais|por que|o que)\b", re.I),
}


def language_of(question: str) -> str | None:
    """The question's language by its question word, else by its script and words; None when it cannot be told."""
    for language, pattern in _ASKED_IN.items():
        if pattern.search(question.strip()):
            return language
    return guess_language(question)


def kind_of(question: str) -> Kind:
    """The kind of a question; "what" when nothing more is told, "unclear" without any word."""
    text = " ".join(question.split())
    if not re.search(r"\w", text):
        return "unclear"
    for kind, pattern in (*_NOT_ABOUT_CONTENT, *_ABOUT_ITSELF):
        if pattern.search(text) and not (kind == "summary" and _SUMMED_UP_BY_OTHERS.search(text)):
            return kind
    if _YES_NO.search(text) and not _CHOICE.search(text):
        return "yes_no"
    for kind, pattern in _KINDS:
        if pattern.search(text):
            return kind
    return "what"


def asked_of_article(kind: Kind, question: str) -> tuple[Kind, ...]:
    """All that a question about an article itself asks for: "which outlet ran it, and when?" asks two things."""
    return (
        kind,
        *(other for other, pattern in _BESIDE.items() if other != kind and pattern.search(question)),
    )


_BEFORE = re.compile(
    rf"^\W*{_COURTESY}(?: there| again| all| very much| a lot)?(?:[,.!;:]+\s+|\s+[–-]\s+|\s+(?={_ASKS}\b))(?=\w|¿)",
    re.I,
)
"""A pause, or a word that asks, parts it from the question: "Hello Kitty" and "Thanks to whom" are none."""


_ABOUT_THE_ASKER = re.compile(
    r"^\W*(?:i|i['’]m|i['’]d|i['’]ve|we|we['’]re|we['’]ve|my|our|sorry|apologies|excuse me|pardon|(?:i )?hope|just|one|there is|there['’]s|a)\b",
    re.I,
)
_LEAD_IN = re.compile(
    rf"^.*?(?:\b(?:i|we|you|please|can|could|would|kindly|to|me)\b.{{0,60}}?"
    rf"\b(?:(?:tell|inform|remind|show) (?:me|us)|let (?:me|us) know|to (?:know|learn|ask(?: you)?|find out|understand)|wonder(?:ing)?)"
    rf"|\b(?:can|could|would|will) you (?:please |kindly |perhaps )?(?:say|explain|confirm|check|find out|look up|clarify)"
    rf"|\b(?:more|last|quick|small|final|little|simple|short) (?:thing|question|point)\b[^:?]{{0,40}}:)"
    rf"[\s,:]*(?:please,?\s*)?(?=(?:{_ASKS}|if|whether|is|are|was|were|has|have|had|can|will)\b)",
    re.I | re.DOTALL,
)
_ASKED_FOR = re.compile(
    r"^\W*(?:(?:please|kindly)\W+)?(?:(?:can|could|would|will) you (?:please |kindly |perhaps )?|do you (?:happen to )?(?=know)|(?=tell|give|show|remind))"
    rf"(?:(?P<keep>name|list) (?=\w)|(?:(?:tell|give|show) me|remind me of|state|know) (?=the \w)|know (?={_ASKS}\b))",
    re.I,
)


def _what_is(found: re.Match[str]) -> str:
    if found["keep"]:
        return f"{found['keep'].capitalize()} "
    return "What is " if found.string[found.end() :].lower().startswith("the ") else ""


_TAIL = re.compile(
    r"(?:,\s*for (?:my|our|those)\b[^?]*|,?\s*(?:please|if (?:i may|possible|you (?:can|could|would|don['’]t mind|know)))|[.?!]\s*(?:many )?thanks?\b[^?]*)(?=\W*$)",
    re.I,
)


_FEWEST_WORDS = 2


def without_courtesy(question: str) -> str:
    """The question that a polite one comes to: "I would be grateful if you could tell me who signed" asks who signed.

    "Could you tell me the date on which ..." is no question of yes or no but asks what the date is. What is said about the
    asker is left out only where a question remains.
    """
    bare = _LEAD_IN.sub("", _ASKED_FOR.sub(_what_is, question, count=1), count=1)
    pieces = re.split(r"(?<=[.!?;])\s+", bare)
    asking = [p for p in pieces if not _ABOUT_THE_ASKER.search(p)]
    # "I want to drive to Kelmouth. Where do I park?" needs what the asker says of himself.
    if any("?" in p for p in asking) and (names(" ".join(asking)) or not names(bare)):
        bare = " ".join(asking)
    bare = _TAIL.sub("", bare).strip()
    if bare == question or len(re.findall(r"\w+", bare)) < _FEWEST_WORDS:
        return question
    return f"{bare[0].upper()}{bare[1:].rstrip(' .?!')}?"


def without_orders(question: str) -> str:
    """The question without a greeting before it and without sentences that order the program about instead of asking; ""
    when nothing is left.

    An order to ignore the articles or to say a given word is no question about them, wherever it is hidden.
    """
    question = _TEMPLATE.sub(" ", question)
    if kind_of(question) != "greeting":
        question = _BEFORE.sub("", question)
    pieces = re.split(
        r"(?<=[.!?;:\n])\s+|\s+(?:and then|then|, and)\s+(?=\w+ (?:the|a|only|just)\b)", question.strip()
    )
    kept = [p for p in pieces if p.strip() and not _ORDERS.search(p)]
    return without_courtesy(" ".join(kept).strip(" ;:"))
