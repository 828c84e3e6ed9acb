"""Reads an exported page with a parser of HTML, and an exported Markdown file line by line: what was said is there as
text and is nothing else. Arguments: the page, the Markdown file, and the texts in JSON. Ends with "all is well"."""

import json
import re
import sys
from html.parser import HTMLParser

PAGE, MARKDOWN, EXPECTED = sys.argv[1:]
VOID = {"meta"}
# Each element of ours, with the attributes that it may have.
KNOWN = {
    "html": {"lang"}, "head": set(), "meta": {"charset", "http-equiv", "content", "name"}, "title": set(), "style": set(),
    "body": set(), "h1": set(), "header": set(), "article": {"class"}, "time": {"datetime"}, "pre": set(), "em": set(),
    "footer": set(),
}  # fmt: skip


class Reader(HTMLParser):
    def __init__(self):
        super().__init__(convert_charrefs=True)
        self.open, self.texts, self.seen = [], [], []

    def handle_starttag(self, tag, attrs):
        assert tag in KNOWN and {name for name, _ in attrs} <= KNOWN[tag], (tag, attrs)
        self.seen.append(tag)
        if tag not in VOID:
            self.open.append(tag)
        if tag == "pre":
            self.texts.append("")

    def handle_endtag(self, tag):
        assert self.open and self.open.pop() == tag, tag

    def handle_data(self, data):
        if self.open and self.open[-1] == "pre":
            self.texts[-1] += data

    def handle_comment(self, data):
        raise AssertionError(data)

    def handle_pi(self, data):
        raise AssertionError(data)

    def unknown_decl(self, data):
        raise AssertionError(data)

    def handle_decl(self, decl):
        assert decl == "doctype html", decl


def read(path):
    with open(path, encoding="utf-8", newline="") as file:
        return file.read()


def check_page(texts):
    reader = Reader()
    reader.feed(read(PAGE))
    reader.close()
    assert not reader.open, reader.open
    # A parser of pages leaves out the first line's end in it.
    assert [text.removeprefix("\n") for text in reader.texts] == texts, reader.texts
    assert reader.seen.count("article") == len(texts) + 1, "and one that was deleted"
    assert reader.seen.count("style") == 1 and "script" not in reader.seen


def check_markdown(texts):
    """As CommonMark reads it: in a fence nothing means anything, up to one that is as long."""
    fence, inside, found, outside = None, [], [], []
    for line in read(MARKDOWN).split("\n"):
        opened = re.fullmatch(r"(`{3,})", line)
        if fence is None and opened:
            fence, inside = opened.group(1), []
        elif fence is not None and re.fullmatch(r" {0,3}`{%d,}[ \t]*" % len(fence), line):
            found.append("\n".join(inside))
            fence = None
        elif fence is not None:
            inside.append(line)
        else:
            outside.append(line)
    assert fence is None and found == texts, found
    for line in outside:
        plain = re.sub(r"\\[!-/:-@\[-`{-~]", "", line)
        assert not re.search(r"[<>`\[\]|]", plain), line
    headings = [line for line in outside if line.startswith("## ")]
    assert len(headings) == len(texts) + 1, headings


texts = json.loads(read(EXPECTED))
check_page(texts)
check_markdown(texts)
print("all is well")
