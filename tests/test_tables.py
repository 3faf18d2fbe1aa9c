"""Rows aligned for eyes, and as CSV that any spreadsheet reads and none runs."""

import csv
import io

from dayshift.commands.tables import aligned, as_csv, folded


def test_the_key_stands_left_and_numbers_stand_right() -> None:
    assert aligned([("day", "cost"), ("2026-11-20", "$1.00"), ("x", "$100.00")]) == [
        "day            cost",
        "2026-11-20    $1.00",
        "x           $100.00",
    ]
    assert aligned([]) == []


def test_words_in_a_column_without_a_name_begin_under_one_another() -> None:
    assert aligned([("budget", "left", ""), ("day", "$9.00", "[--] 4 %"), ("week", "$8.00", "[#-] 50 %")]) == [
        "budget   left",
        "day     $9.00  [--] 4 %",
        "week    $8.00  [#-] 50 %",
    ]


def test_what_is_too_wide_goes_on_below_under_the_same_keys() -> None:
    rows = [("day", "tasks", "done", "spent"), ("monday", "12", "11", "$1.00"), ("friday", "3", "3", "$0.50")]
    assert folded(rows, None) == folded(rows, 40) == aligned(rows)
    assert folded(rows, 20) == [
        "day     tasks  done",
        "monday     12    11",
        "friday      3     3",
        "",
        "day     spent",
        "monday  $1.00",
        "friday  $0.50",
    ]
    assert max(map(len, folded(rows, 1))) == 13, "a column is never cut"
    assert folded([], 10) == []


def test_csv_has_crlf_and_quotes_what_needs_it_and_reads_back() -> None:
    rows = [("a", "b"), ('say "hi", twice', "two\nlines"), ("", "Ü")]
    text = as_csv(rows)
    assert text.startswith('a,b\r\n"say ""hi"", twice","two\nlines"\r\n')
    assert [tuple(row) for row in csv.reader(io.StringIO(text, newline=""))] == rows


def test_a_cell_that_looks_like_a_formula_is_text() -> None:
    assert as_csv([("=1+1", "@x", "-1", "a=b")]) == "'=1+1,'@x,'-1,a=b\r\n"
