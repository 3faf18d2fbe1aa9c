"""Every shape in which a provider refuses, as both generations of the CLI meet it, and what it is taken for."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dayshift import limits
from dayshift.claude.claude_stream import Limited, parse
from dayshift.limits import HELD_AT_MOST, LATEST, LONGEST_PAUSE, MARGIN, SOONEST, UNNAMED, Kind, Limit, PlanWindow

NOW = datetime(2026, 11, 20, 9, tzinfo=UTC)
SECOND, HOUR = timedelta(seconds=1), timedelta(hours=1)
AT_TWO = int((NOW + 5 * HOUR).timestamp())
ON_MONDAY = int((NOW + 72 * HOUR).timestamp())

#: What a subscription's answers carry when the five-hour window is used up.
REJECTED = {
    "anthropic-ratelimit-unified-status": "rejected",
    "anthropic-ratelimit-unified-reset": str(AT_TWO),
    "anthropic-ratelimit-unified-representative-claim": "five_hour",
    "anthropic-ratelimit-unified-overage-status": "rejected",
    "anthropic-ratelimit-unified-overage-disabled-reason": "org_level_disabled",
    "anthropic-ratelimit-unified-5h-status": "rejected",
    "anthropic-ratelimit-unified-5h-reset": str(AT_TWO),
    "anthropic-ratelimit-unified-5h-utilization": "1",
    "anthropic-ratelimit-unified-7d-status": "allowed",
    "anthropic-ratelimit-unified-7d-reset": str(ON_MONDAY),
    "anthropic-ratelimit-unified-7d-utilization": "0.41",
}
#: An earlier API names the whole and no window.
REJECTED_BARE = {
    "anthropic-ratelimit-unified-status": "rejected", "anthropic-ratelimit-unified-reset": str(AT_TWO)
}  # fmt: skip


def error(kind: str = "api_error", message: str = "words") -> bytes:
    return b'{"type": "error", "error": {"type": "%s", "message": "%s"}}' % (kind.encode(), message.encode())


def classified(status: int, body: bytes = b"", **headers: str) -> Limit | None:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return limits.classify(status, named, body, NOW)


# --- kinds -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "headers", "body", "kind"),
    [
        (429, REJECTED, error("rate_limit_error"), Kind.usage_limit),
        (429, REJECTED_BARE, error("rate_limit_error"), Kind.usage_limit),
        (429, {name.title(): value for name, value in REJECTED.items()}, b"", Kind.usage_limit),
        # who pays beyond the plan is served beyond it, and only told to slow down
        (429, {**REJECTED, "anthropic-ratelimit-unified-overage-status": "allowed"}, b"", Kind.rate_limited),
        (429, {**REJECTED, "anthropic-ratelimit-unified-overage-status": "allowed_warning"}, b"", Kind.rate_limited),
        (429, {"anthropic-ratelimit-unified-status": "allowed_warning"}, b"", Kind.rate_limited),
        (429, {"anthropic-ratelimit-requests-remaining": "0", "retry-after": "7"}, b"", Kind.rate_limited),
        (429, {}, error("rate_limit_error", "This request would exceed the rate limit"), Kind.rate_limited),
        (429, {}, b"<html>slow down</html>", Kind.rate_limited),
        (529, {}, error("overloaded_error"), Kind.overloaded),
        (529, {}, b"", Kind.overloaded),
        *((status, {}, b"", Kind.overloaded) for status in (500, 502, 503, 504)),
        (402, {}, error("billing_error"), Kind.credit),
        (402, {}, b"", Kind.credit),
        (400, {}, error("invalid_request_error", "Your credit balance is too low to access the API"), Kind.credit),
        (400, {}, error("billing_error"), Kind.credit),
        (403, {}, error("billing_error"), Kind.credit),
        (401, {}, error("authentication_error", "invalid x-api-key"), Kind.authentication),
        (401, {}, b"", Kind.authentication),
        (403, {}, error("authentication_error"), Kind.authentication),
        (403, {}, error("authentication_error", "OAuth token has been revoked"), Kind.authentication),
        (403, {}, error("permission_error", "Your API key cannot use this model"), None),  # one agent's own trouble
        (403, {}, b"<html>a proxy's own words</html>", None),
        (400, {}, error("invalid_request_error", "max_tokens: too large"), None),
        (404, {}, error("not_found_error"), None),
        (413, {}, error("request_too_large"), None),
        (200, REJECTED, b"", None),
        (400, {}, b"[" * 100_000, None),
        (400, {}, b'{"error": "credit balance is too low"}', None),
        (400, {}, b'["credit balance is too low"]', None),
        # an agent's own words, repeated to it
        (400, {}, error("invalid_request_error", "tools.0.type: 'credit balance is too low' is not one of"), None),
        (
            400,
            {},
            error("invalid_request_error", "Your credit balance is too low: Extra inputs are not permitted"),
            None,
        ),
    ],
)
def test_an_answer_is_taken_for_what_it_is(
    status: int, headers: dict[str, str], body: bytes, kind: Kind | None
) -> None:
    limit = limits.classify(status, headers, body, NOW)
    assert (limit.kind if limit else None) == kind


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        ("overloaded_error", Kind.overloaded),
        ("api_error", Kind.overloaded),
        ("rate_limit_error", Kind.rate_limited),
        ("invalid_request_error", None),
        ("", None),
    ],
)
def test_an_error_in_the_middle_of_a_stream_is_taken_for_what_it_is(error: str, kind: Kind | None) -> None:
    limit = limits.broken_off(error)
    assert (limit.kind if limit else None) == kind


@pytest.mark.parametrize(
    ("limit", "parks", "lasts"),
    [
        (Limit(Kind.unreachable), False, False),
        (Limit(Kind.overloaded), False, False),
        (Limit(Kind.overloaded, after=HELD_AT_MOST), False, False),
        (Limit(Kind.rate_limited, after=HELD_AT_MOST + SECOND), True, False),
        (Limit(Kind.usage_limit, until=NOW), True, False),
        (Limit(Kind.credit), True, True),
        (Limit(Kind.authentication), True, True),
    ],
)
def test_what_cannot_be_held_out_parks_the_fleet(limit: Limit, parks: bool, lasts: bool) -> None:
    assert (limit.parks, limit.lasts) == (parks, lasts)


def test_what_the_person_can_do_is_said() -> None:
    assert "`dayshift resume`" in Limit(Kind.credit).words
    assert "start again" in Limit(Kind.authentication).words
    assert Limit(Kind.usage_limit, until=NOW, detail="the plan's window five_hour").words == (
        "the plan's window five_hour, until 20 Nov 09:00 UTC"
    )


# --- times -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("reset", "again"),
    [
        (str(AT_TWO), NOW + 5 * HOUR + MARGIN),
        (str(AT_TWO) + ".4", NOW + 5 * HOUR + MARGIN + timedelta(milliseconds=400)),
        (str(int(NOW.timestamp()) - 99), NOW + SOONEST + MARGIN),
        (str(int(NOW.timestamp()) + 5), NOW + SOONEST + MARGIN),
        (str(AT_TWO * 1000), NOW + LATEST + MARGIN),  # milliseconds, if anybody ever sends them
        ("1" + "0" * 30, NOW + UNNAMED),
        ("soon", NOW + UNNAMED),
        ("NaN", NOW + UNNAMED),
        ("-5", NOW + UNNAMED),
        ("", NOW + UNNAMED),
    ],
)
def test_a_reset_is_believed_within_bounds(reset: str, again: datetime) -> None:
    limit = limits.classify(429, {**REJECTED_BARE, "anthropic-ratelimit-unified-reset": reset}, b"", NOW)
    assert limit is not None
    if reset == str(AT_TWO * 1000):
        assert limit.until in (NOW + LATEST + MARGIN, NOW + UNNAMED)
    else:
        assert limit.until == again


def test_without_a_reset_of_its_own_the_last_of_the_used_up_windows_counts() -> None:
    headers = {**REJECTED, "anthropic-ratelimit-unified-7d-status": "rejected"}
    del headers["anthropic-ratelimit-unified-reset"]
    limit = limits.classify(429, headers, b"", NOW)
    assert limit and limit.until == NOW + 72 * HOUR + MARGIN


def test_a_claim_is_shown_only_if_it_is_a_name() -> None:
    claims = ("seven_day_opus", "\x1b[2J", "x" * 99)
    shown = [
        limits.classify(429, {**REJECTED, "anthropic-ratelimit-unified-representative-claim": claim}, b"", NOW)
        for claim in claims
    ]
    assert [limit.detail for limit in shown if limit] == ["the plan's window seven_day_opus", "the plan", "the plan"]


@pytest.mark.parametrize(
    ("text", "pause"),
    [
        ("7", 7 * SECOND),
        ("0", SECOND),
        ("-3", SECOND),
        ("2.5", 2.5 * SECOND),
        ("Fri, 20 Nov 2026 09:00:30 GMT", 30 * SECOND),
        ("Fri, 20 Nov 2026 09:00:30", 30 * SECOND),
        ("Fri, 20 Nov 2026 08:00:00 GMT", SECOND),
        ("99999999", LONGEST_PAUSE),
        ("1e400", LONGEST_PAUSE),
        ("in a while", None),
        ("NaN", None),
        ("", None),
    ],
)
@pytest.mark.parametrize("status", [429, 529])
def test_a_pause_that_is_asked_for_is_kept_within_bounds(status: int, text: str, pause: timedelta | None) -> None:
    limit = classified(status, retry_after=text)
    assert limit is not None
    assert limit.after == pause


WORDS = ["Claude AI usage limit reached|1762952400", "5-hour limit reached ∙ resets 11pm", "resets Sep 14 at 8pm"]


@pytest.mark.parametrize("words", WORDS)
def test_no_time_is_read_out_of_words(words: str) -> None:
    limit = limits.classify(429, {}, error("rate_limit_error", words), NOW)
    assert limit == Limit(Kind.rate_limited, detail="HTTP 429")


# --- the plan's windows --------------------------------------------------------------------------------


def test_the_windows_of_a_plan_are_read_per_mille() -> None:
    assert limits.utilization(REJECTED) == (
        PlanWindow("five_hour", 1000, "rejected", NOW + 5 * HOUR),
        PlanWindow("seven_day", 410, "allowed", NOW + 72 * HOUR),
    )


def test_an_api_key_has_no_windows() -> None:
    assert limits.utilization({"anthropic-ratelimit-tokens-remaining": "1", "retry-after": "2"}) == ()
    assert limits.utilization(REJECTED_BARE) == ()


@pytest.mark.parametrize(
    ("text", "per_mille"),
    [("0", 0), ("0.0005", 0), ("0.4567", 457), ("1.02", 1020), ("-1", None), ("inf", None), ("much", None)],
)
def test_what_is_no_share_is_unknown_and_not_zero(text: str, per_mille: int | None) -> None:
    headers = {"anthropic-ratelimit-unified-5h-utilization": text, "anthropic-ratelimit-unified-5h-status": "allowed"}
    assert limits.utilization(headers)[0].per_mille == per_mille


def test_a_window_is_shown_in_percent() -> None:
    assert limits.to_json(PlanWindow("seven_day", 457, "allowed", NOW)) == {
        "window": "seven_day", "used_percent": "45.7", "status": "allowed", "resets_at": "2026-11-20T09:00:00Z"
    }  # fmt: skip
    assert limits.to_json(PlanWindow("seven_day", None, "", None))["used_percent"] is None


# --- what the CLI itself says of it --------------------------------------------------------------------

#: As 2.1.329 prints it; 2.1.197 prints it without `unifiedWindows`.
EVENT = b"""{"type":"rate_limit_event","rate_limit_info":{"status":"%s","resetsAt":1795200107,
"rateLimitType":"five_hour","overageStatus":"rejected","isUsingOverage":%s%s}}"""
NEWER = b',"unifiedWindows":{"five_hour":{"utilization":1,"resetsAt":1795200107,"status":"rejected"}}'


@pytest.mark.parametrize("windows", [NEWER, b""], ids=["2.1.329", "2.1.197"])
def test_both_generations_of_the_cli_tell_of_a_usage_limit(windows: bytes) -> None:
    line = (EVENT % (b"rejected", b"false", windows)).replace(b"\n", b"")
    assert parse(line) == [Limited(datetime.fromtimestamp(1795200107, UTC))]


@pytest.mark.parametrize(("status", "beyond"), [(b"allowed", b"false"), (b"allowed_warning", b"false"),
                                               (b"rejected", b"true")])  # fmt: skip
def test_a_warning_or_use_beyond_the_plan_stops_nobody(status: bytes, beyond: bytes) -> None:
    assert parse((EVENT % (status, beyond, NEWER)).replace(b"\n", b"")) == []


# --- whatever is sent -----------------------------------------------------------------------------------

TEXT = st.text(max_size=30) | st.integers().map(str) | st.floats().map(str) | st.sampled_from(["rejected", "allowed"])


@given(
    st.integers(100, 999),
    st.dictionaries(st.sampled_from([*REJECTED, "retry-after"]), TEXT),
    st.binary(max_size=50) | st.just(error("billing_error")),
)
def test_whatever_is_sent_is_classified_within_bounds(status: int, headers: dict[str, str], body: bytes) -> None:
    limit: Any = limits.classify(status, headers, body, NOW)
    windows = limits.utilization(headers)
    assert all(window.per_mille is None or window.per_mille >= 0 for window in windows)
    if limit is not None:
        assert limit.until is None or NOW < limit.until <= NOW + LATEST + MARGIN
        assert limit.after is None or SECOND <= limit.after <= LONGEST_PAUSE
        assert (limit.kind is Kind.usage_limit) == (limit.until is not None)
