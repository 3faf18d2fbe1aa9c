"""What is held for a request while it is under way: the most it can cost or, paced, what it has come to so far.

It joins request_bounds, for what bounds a request, and the prices.
"""

from dataclasses import dataclass, replace
from datetime import date

from dayshift.cost.prices import Prices
from dayshift.messages.request_bounds import SLACK, RequestFacts
from dayshift.money import Pico

SHARE_FOR_OUTPUT = 4  #: one answer may claim a quarter of the headroom, so that a task gets several turns
FEWEST_OUTPUT_TOKENS = 1024
PACE = 2048  #: tokens of answer that a paced hold is ahead of what was seen
BYTES_PER_TOKEN = 2  #: of a paced prompt that was never measured; English and code have about four


@dataclass(frozen=True, slots=True)
class Hold:
    """One request's prompt and answer, in the tokens that are paid for in advance."""

    facts: RequestFacts
    body_bytes: int
    prompt: int
    answer: int
    day: date  #: whose prices hold for it

    def cost(self, prices: Prices) -> Pico:
        """What is set aside for it."""
        return _cost(self.facts, self.prompt, self.answer, prices)

    def ceiling(self, prices: Prices) -> Pico:
        """The most it can cost, whatever is set aside."""
        return _cost(self.facts, self.facts.max_input_tokens, self.facts.max_tokens, prices)

    def outgrown(self, visible: int) -> bool:
        """Whether an answer of which so many bytes were seen may have more tokens than are held."""
        return visible > self.answer < self.facts.max_tokens

    def grown(self) -> "Hold":
        """The next larger hold for the same request."""
        return replace(self, answer=min(self.answer + PACE, self.facts.max_tokens))


def longest_answer(headroom: Pico, output_rate: Pico, most: int) -> int:
    """How long one answer may be, so that its worst case leaves room for more of them."""
    affordable = headroom // (SHARE_FOR_OUTPUT * max(output_rate, 1))
    return min(most, max(affordable, FEWEST_OUTPUT_TOKENS))


def strict(facts: RequestFacts, body_bytes: int, day: date) -> Hold:
    """A hold that nothing outgrows."""
    return Hold(facts, body_bytes, facts.max_input_tokens, facts.max_tokens, day)


def paced(facts: RequestFacts, body_bytes: int, day: date, last: tuple[int, int] | None, whole: bool = False) -> Hold:
    """A hold that grows with the answer. The prompt counts as many tokens as the conversation's `last` one (its bytes,
    its tokens) and one for each new byte, or one for two bytes if there was none. `whole`: the answer is held to its
    longest, since the last one was cut."""
    if facts.web_searches:  # what a search brings in is not seen before it is billed
        return strict(facts, body_bytes, day)
    if last and last[0] <= body_bytes:
        prompt = last[1] + body_bytes - last[0] + SLACK
    else:
        prompt = facts.max_input_tokens - body_bytes + first_prompt(body_bytes)
        prompt = max(prompt, first_prompt(facts.max_input_tokens))  # an image has more bytes than tokens
    return Hold(
        facts,
        body_bytes,
        min(prompt, facts.max_input_tokens),
        facts.max_tokens if whole else min(PACE, facts.max_tokens),
        day,
    )


def first_prompt(body_bytes: int) -> int:
    """Tokens that are held for so many bytes of a prompt that was never measured, in paced mode."""
    return -(-body_bytes // BYTES_PER_TOKEN)


def _cost(facts: RequestFacts, prompt: int, answer: int, prices: Prices) -> Pico:
    return prices.worst_case(
        facts.model, prompt, answer, cache_ttl_1h=facts.cache_ttl_1h, caches=facts.caches, fast=facts.fast,
        web_searches=facts.web_searches, geo=facts.geo,
    )  # fmt: skip
