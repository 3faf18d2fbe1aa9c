"""Who is let in: nobody but the people of the list, and they in the chats of the list alone."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dayshift.telegram.admittance import Admittance

ME, MINE, GROUP, STRANGER = 42, 42, -100123, 666
IN = Admittance([ME], [MINE, GROUP])
USER, CHAT = {"id": ME}, {"id": MINE}

TYPES = [
    "message", "edited_message", "channel_post", "edited_channel_post", "business_message", "inline_query",
    "chosen_inline_result", "callback_query", "shipping_query", "pre_checkout_query", "poll_answer", "my_chat_member",
    "chat_member", "chat_join_request", "message_reaction", "something_new",
]  # fmt: skip


def update(kind: str, user: Any, chat: Any) -> dict[str, Any]:
    if kind == "callback_query":
        return {"update_id": 1, kind: {"from": user, "message": {"chat": chat, "from": {"id": 7}}, "data": "x"}}
    return {"update_id": 1, kind: {"from": user, "chat": chat, "text": "/stop"}}


@pytest.mark.parametrize("kind", TYPES)
def test_a_person_of_the_list_is_let_in_in_a_chat_of_the_list_and_nobody_else_anywhere(kind: str) -> None:
    assert IN.admits(update(kind, USER, CHAT))
    assert IN.admits(update(kind, USER, {"id": GROUP}))
    assert not IN.admits(update(kind, {"id": STRANGER}, CHAT))
    assert not IN.admits(update(kind, USER, {"id": STRANGER}))
    assert not IN.admits(update(kind, {"id": MINE + 1}, {"id": ME + 1}))


@pytest.mark.parametrize("nobody", [None, {}, [], "42", 42, {"id": None}, {"id": "42"}, {"id": 42.0}, {"id": [42]},
                                    {"username": "me"}, {"id": True}])  # fmt: skip
def test_an_id_is_a_whole_number_and_nothing_that_looks_like_one(nobody: Any) -> None:
    assert not any(IN.admits(update(kind, nobody, CHAT)) for kind in TYPES)
    assert not any(IN.admits(update(kind, USER, nobody)) for kind in TYPES)


def test_true_is_not_the_person_of_the_id_one() -> None:
    assert not Admittance([1], [1]).admits(update("message", {"id": True}, {"id": 1}))


def test_channel_posts_and_hidden_admins_are_strangers() -> None:
    assert not IN.admits({"update_id": 1, "channel_post": {"chat": {"id": GROUP}, "text": "/stop"}})
    hidden = {"chat": {"id": GROUP}, "sender_chat": {"id": GROUP}, "text": "/stop"}
    assert not IN.admits({"update_id": 1, "message": hidden})
    assert not IN.admits({"update_id": 1, "message": {**hidden, "from": USER}})


def test_a_button_under_a_message_that_is_no_longer_shown_names_no_chat_and_is_not_heard() -> None:
    assert not IN.admits({"update_id": 1, "callback_query": {"from": USER, "data": "x", "inline_message_id": "5"}})
    assert not IN.admits({"update_id": 1, "callback_query": {"from": USER, "message": None}})


@pytest.mark.parametrize("broken", [{}, {"update_id": 1}, {"update_id": 1, "message": None}, {"message": "x"},
                                    {"message": [1]}])  # fmt: skip
def test_an_update_without_content_is_nobodys(broken: dict[str, Any]) -> None:
    assert not IN.admits(broken)


@pytest.mark.parametrize(("users", "chats"), [([], [MINE]), ([ME], []), ([], [])])
def test_an_empty_list_is_refused(users: list[int], chats: list[int]) -> None:
    with pytest.raises(ValueError, match="nobody would be heard"):
        Admittance(users, chats)


ids = st.sampled_from([ME, GROUP, STRANGER, "42", None, True, 42.0])
whoever = st.dictionaries(st.just("id"), ids) | ids
plainly = st.dictionaries(st.sampled_from(["from", "chat"]), whoever)
content = st.dictionaries(st.sampled_from(["from", "chat", "message"]), whoever | plainly) | ids


@given(st.dictionaries(st.sampled_from([*TYPES, "update_id"]), content, max_size=3))
def test_whatever_comes_it_is_let_in_only_with_both_ids(found: dict[str, Any]) -> None:
    admitted = IN.admits(found)
    for kind, each in found.items():
        if admitted and kind != "update_id":
            assert each["from"]["id"] == ME
            assert (each if "chat" in each else each["message"])["chat"]["id"] in (MINE, GROUP)
