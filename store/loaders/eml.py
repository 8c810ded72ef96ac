"""Saved mails, such as newsletters: subject, sender, date header, and the plain text part if there is one."""

import email
import email.policy
import email.utils
from collections.abc import Iterator
from email.message import EmailMessage

from store.dates import parse_published
from store.errors import InputRefused
from store.loaders.apart import parse_apart
from store.loaders.base import Refusal, article_from
from store.text import decode
from store.types import Article


def load(name: str, raw: bytes) -> Iterator[Article | Refusal]:
    """One article.

    Raises:
        InputRefused: It has no readable part, or no mail headers.
    """
    mail = email.message_from_bytes(raw, policy=email.policy.default)
    if not mail.keys():
        raise InputRefused("this is not a mail; it has no headers")
    date = _header(mail, "Date")
    sender, address = email.utils.parseaddr(_header(mail, "From") or "")
    yield article_from(
        _text(mail),
        name=name,
        title=_header(mail, "Subject"),
        published=parse_published(date, "header") if date else None,
        source=sender or address or None,
        language=_header(mail, "Content-Language"),
    )


def _header(mail: EmailMessage, name: str) -> str | None:
    try:
        value = mail[name]
    except (ValueError, IndexError, AttributeError):  # the standard library fails on some malformed headers
        return None
    # Bytes that are not ASCII arrive as surrogates.
    return None if value is None else str(value).encode("utf-8", "replace").decode()


def _text(mail: EmailMessage) -> str:
    part = mail.get_body(preferencelist=("plain", "html"))
    payload = part.get_payload(decode=True) if part is not None else None
    if part is None or not isinstance(payload, bytes):
        raise InputRefused("no text found; the mail has neither a plain nor an HTML part")
    if part.get_content_type() == "text/html":
        return str(parse_apart("html", payload)["text"])
    return decode(payload, declared=part.get_content_charset()).text
