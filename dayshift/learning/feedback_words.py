"""The words a person heads their feedback with, in English and German: what worked, what did not, a rule, a rating."""

import re
from dataclasses import dataclass
from enum import StrEnum


class Field(StrEnum):
    """What a piece of feedback is."""

    rating = "rating"
    worked = "worked"
    failed = "failed"
    rule = "rule"
    remark = "remark"


@dataclass(frozen=True, slots=True)
class Label:
    """The beginning of a line that says what follows; `rest` is what follows on the line itself."""

    field: Field
    rest: str = ""
    scope: str = ""  #: which tasks a rule is for, as written
    many: bool = False  #: it heads several: `rules`


WORDS = {
    Field.rating: """rating|ratings|my rating|rate|score|stars|bewertung|wertung|sterne|punkte""",
    Field.worked: """worked|works|worked well|what worked|what worked well|what did work|what went well|went well
        |what was good|what i liked|liked|good|the good|good things|pros|positive|positives|what went right|keep|👍|✅
        |gut|das gute|was gut war|was gut lief|was lief gut|lief gut|was gut ging|was ging gut|was ging
        |was funktioniert hat|was hat funktioniert|was funktionierte|was hat geklappt|was geklappt hat|geklappt
        |funktioniert|hat funktioniert|hat geklappt|positiv|positives""",
    Field.failed: """did not|did not work|didn't|didn't work|not worked|what did not|what did not work|what didn't
        |what didn't work|what did not go well|what didn't go well|what went wrong|went wrong|wrong|what failed|failed
        |what was bad|what i did not like|what i didn't like|disliked|bad|the bad|bad things|not good|not so good|cons
        |negative|negatives|problem|problems|could be better|what could be better|to improve|what to improve|👎|❌
        |schlecht|das schlechte|nicht gut|nicht so gut|was schlecht war|was schlecht lief|was lief schlecht
        |lief schlecht|was nicht gut war|was nicht gut lief|was lief nicht gut|lief nicht gut|was nicht lief|was nicht
        |was lief nicht|was nicht ging|was ging nicht|was ging schief|was schief ging|was schief lief|was lief schief
        |schief gelaufen|was nicht funktioniert hat|was hat nicht funktioniert|was nicht funktionierte|nicht geklappt
        |was nicht geklappt hat|was hat nicht geklappt|hat nicht funktioniert|hat nicht geklappt|negativ|negatives
        |probleme""",
    Field.rule: """rule|rules|a rule|new rule|my rule|rule for next time|rules for next time|a rule for next time
        |rule next time|next time|for next time|lesson|lessons|lesson learned|lesson learnt|lessons learned
        |lessons learnt|from now on|in future|in the future|for the future|going forward|rule for the future
        |regel|regeln|eine regel|neue regel|regel fürs nächste mal|regel für das nächste mal|regeln fürs nächste mal
        |regeln für das nächste mal|nächstes mal|beim nächsten mal|das nächste mal|fürs nächste mal
        |für das nächste mal|ab jetzt|ab sofort|ab heute|künftig|zukünftig|in zukunft|für die zukunft|lehre|lehren
        |merke""",
    Field.remark: """anything else|everything else|something else|general|generally|overall|other|others|misc
        |miscellaneous|note|notes|remark|remarks|comment|comments|free text|further|the day|the whole day
        |the day as a whole|day as a whole|whole day|sonstiges|allgemein|allgemeines|insgesamt|notiz|notizen|anmerkung
        |anmerkungen|bemerkung|bemerkungen|kommentar|kommentare|freitext|der tag|der ganze tag|ganzer tag|weiteres""",
}
MANY = ("rules", "lessons", "regeln", "lehren")

_SPELT = str.maketrans(
    {"ä": "ae", "ö": "oe", "ü": "ue", "\u2019": "'", "\u2018": "'", "_": " ", "*": " ", "`": " ", "~": " "}
)


def normal(words: str) -> str:
    """The words in the one spelling in which they are compared; without case, emphasis, umlauts, end marks."""
    folded = " ".join(words.casefold().translate(_SPELT).split())
    return folded.strip(" .,;:!?\"'…#\ufe0f")


_FIELDS = {normal(word): field for field, words in WORDS.items() for word in words.split("|")}
_QUESTIONS = ("what ", "was ", "rule for ", "rules for ", "regel f", "regeln f")
_NOTHING = frozenset({
    "", "-", "--", "\u2013", "—", "/", "n/a", "na", "none", "nothing", "no", "nope", "nil", "tbd", "todo", "nichts",
    "keine", "keiner", "keins", "nix", "nein", "leer", "entfaellt",
})  # fmt: skip

_WHAT = r"[^:\uff1a=()\[\]]{1,60}?"
_LABEL = re.compile(
    rf"[*_`~]*(?P<words>{_WHAT})[*_`~]*\s*(?P<aside>\([^()]{{0,80}}\)|\[[^\[\]]{{0,80}}\])?[*_`~]*\s*"
    r"(?P<mark>[:\uff1a=]|\s[-\u2013—]+(?=\s)|$)[*_`~]*\s*(?P<rest>.*)",
    re.DOTALL,
)
_SIGN = re.compile(r"(👍|👎|✅|❌)\ufe0f?\s+(?=\S)")
_SCALE = re.compile(
    r"\s*(?:1|one)?\s*(?:-|\u2013|—|\.{2,3}|…|to|bis|of|von)\s*(?:5|five)\s*(?:stars|sterne)?\s*", re.IGNORECASE
)
_SCOPED = re.compile(r"(?P<what>.*?)[\s*_`]*(?:\bfor|\bfür|\bfuer|\bin)\s+(?P<scope>.+)", re.IGNORECASE | re.DOTALL)
_EVERY = re.compile(
    r"(?:all|every|alle[ns]?|jede[nrs]?)(?:\s+(?:the\s+)?(?:tasks?|thing|aufgaben?))?|everything", re.IGNORECASE
)
_SOME = re.compile(
    r"(?:the\s+)?(?P<key>module|modul|kind|art|complexity|komplexität)s?\s*[:=]?\s+(?P<name>\S.*)",
    re.IGNORECASE | re.DOTALL,
)
_KEYS = {"modul": "module", "art": "kind", "komplexität": "complexity"}
_CUE = re.compile(
    r"[-*_\"'(]*(?:(?:and|so|but|und|also|aber)\s+|(?:please|bitte)[,\s]+)?"
    r"(?:from now on|next time|in (?:the )?future|going forward"
    r"|ab jetzt|ab sofort|künftig|zukünftig|in zukunft|(?:das |beim |fürs )?nächste[sn]? mal)\b",
    re.IGNORECASE,
)


def label(text: str, headed: bool = False) -> Label | None:
    """What the text says of itself at its beginning; None if it says nothing. A heading needs no mark after it."""
    if sign := _SIGN.match(text):
        return Label(_FIELDS[sign[1]], text[sign.end() :])
    found = _LABEL.match(text)
    if not found:
        return None
    words, aside, rest = found["words"], found["aside"] or "", found["rest"]
    if not (headed or found["mark"] or _stands_alone(words)):
        return None
    field, scope = _FIELDS.get(normal(words)), ""
    if field is None:
        field, scope = _scoped_rule(words)
    return _completed(field, scope, aside, rest, normal(words)) if field else None


def _completed(field: Field, scope: str, aside: str, rest: str, words: str) -> Label:
    """The label with what stood in brackets: a scope, the scale of a rating, else words like the rest."""
    inside = aside[1:-1]
    if field is Field.rule and not scope and (scope := scope_of(inside)):
        aside = ""
    if field is Field.rating and _SCALE.fullmatch(inside):
        aside = ""
    return Label(field, f"{aside} {rest}".strip() if aside else rest.strip(), scope, words.startswith(MANY))


def _stands_alone(words: str) -> bool:
    """Whether a line of nothing but these words is a label: nobody would write it as all they have to say."""
    return normal(words).startswith(_QUESTIONS)


def _scoped_rule(words: str) -> tuple[Field | None, str]:
    """`rule for module orders`, `for kind fix`: a rule, and its scope."""
    if not (found := _SCOPED.fullmatch(words)) or not (scope := scope_of(found["scope"])):
        return None, ""
    before = normal(found["what"])
    return (Field.rule, scope) if _FIELDS.get(before, Field.rule) is Field.rule and _known(before) else (None, "")


def _known(words: str) -> bool:
    return not words or words in _FIELDS


def scope_of(text: str) -> str:
    """The scope that is written there, its key in English: `all`, `module orders`; empty if it is none."""
    written = text.strip(" *_`")
    if _EVERY.fullmatch(written):
        return "all"
    if found := _SOME.fullmatch(written):
        key = found["key"].casefold()
        return f"{_KEYS.get(key, key)} {' '.join(found['name'].split())}"
    return ""


def says_nothing(text: str) -> bool:
    """Whether the text stands where something could have been said, to say that there is nothing."""
    return normal(text) in _NOTHING


def is_label(text: str) -> bool:
    """Whether these words alone are a label."""
    return normal(text) in _FIELDS


def is_rule(sentence: str) -> bool:
    """Whether the sentence begins as a rule does: `next time …`, `from now on …`."""
    return _CUE.match(sentence) is not None
