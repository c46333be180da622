"""Which format a file has, and that a stranger's file cannot make the question slow."""

import time

import pytest

from knowledge.formats.sniff import Format, detect


@pytest.mark.parametrize(
    "page",
    [
        "<!doctype html><p>x",
        "<!DOCTYPE  HTML><p>x",
        " \n<html>",
        '<?xml version="1.0"?>\n<html xmlns="x">',
        "<!-- saved from -- > here -->\n<!----><!-- two --> <body>",
    ],
)
def test_a_page_is_known_by_how_it_begins(page: str) -> None:
    assert detect(page.encode(), "page") is Format.HTML


@pytest.mark.parametrize("text", ["<!-- only a remark -->", "<!-- never closed <html>", "<htmlx>", "x <html>"])
def test_what_only_looks_like_a_page_is_none(text: str) -> None:
    assert detect(text.encode(), "page") is not Format.HTML


@pytest.mark.parametrize("link", ["[a](b)\n[c](d)", "[see [1](x)\n- y"])
def test_two_marks_make_markdown(link: str) -> None:
    assert detect(link.encode(), "notes") is Format.MARKDOWN


@pytest.mark.parametrize("piece", ["<!---->", "<!-- ", "<!----> -->", "[](", "[a](", "<?xml ", " ", "|"])
def test_any_repetition_is_told_in_time(piece: str) -> None:
    started = time.process_time()
    detect((piece * 100_000 + ".").encode(), "file")
    assert time.process_time() - started < 2.0
