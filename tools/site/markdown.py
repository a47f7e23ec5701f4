"""Our Markdown as HTML: the part of it that the repository's pages use.

    html, title = render(text, link)    link(target) -> href

Headings, paragraphs, lists, tables, fenced and indented code, `code`, **bold**,
*emphasis*, [links](x), ![pictures](x). HTML comments are dropped. Raises ValueError for what it
doesn't know.
"""

import html
import re

FENCE = re.compile(r"^(`{3,})(\w*)$")
ITEM = re.compile(r"^(\s*)([-*]|\d+\.) +(.*)$")
RULE = re.compile(r"^\|( *:?-+:? *\|)+$")


def slug(text):
    return re.sub(r"[^\w -]", "", text.lower()).strip().replace(" ", "-")


def inline(text, link):
    """Text within a block."""
    pieces = re.split(r"(`+)(.+?)\1", text, flags=re.S)
    result = []
    for i in range(0, len(pieces), 3):
        result.append(_plain(pieces[i]))
        if i + 2 < len(pieces):
            # A private character for each span: links may hold code.
            result.append("\ue000%d\ue001" % (i + 2))
    joined = "".join(result)
    joined = re.sub(
        r"!\[([^\]]+)\]\(([^)\s]+)\)",
        lambda m: '<img src="%s" alt="%s">' % (html.escape(link(html.unescape(m[2]))), m[1].replace('"', "&quot;")),
        joined,
    )
    joined = re.sub(
        r"\[([^\]]+)\]\(([^)\s]+)\)",
        lambda m: '<a href="%s">%s</a>' % (html.escape(link(html.unescape(m[2]))), m[1]),
        joined,
    )
    joined = re.sub(r"\*\*(.+?)\*\*", r"<strong>\1</strong>", joined, flags=re.S)
    joined = re.sub(r"(?<![\w*])\*(\S(?:.*?\S)?)\*(?![\w*])", r"<em>\1</em>", joined, flags=re.S)
    return re.sub(
        "\ue000(\\d+)\ue001",
        lambda m: "<code>%s</code>" % html.escape(pieces[int(m[1])].strip(), quote=False),
        joined,
    )


def _plain(text):
    return html.escape(text, quote=False)


def code(text, language=""):
    if language not in ("cpp", "js", "python", "html"):
        kind = ' class="output"' if language == "text" else ""
        return "<pre%s><code>%s</code></pre>\n" % (kind, html.escape(text, quote=False))
    return '<pre><code class="%s">%s</code></pre>\n' % (language, colored(text, language))


COMMENTS = {"cpp": r"//[^\n]*", "js": r"//[^\n]*", "python": r"#[^\n]*", "html": r"<!--.*?-->"}
STRINGS = r'"(?:\\.|[^"\\\n])*"' + r"|'(?:\\.|[^'\\\n])+'"


def colored(text, language):
    """Comments and strings told apart, no more."""
    token = re.compile("(%s)|(%s)" % (COMMENTS[language], STRINGS), re.S)
    result, at = [], 0
    for match in token.finditer(text):
        result.append(html.escape(text[at : match.start()], quote=False))
        kind = "c" if match[1] else "s"
        result.append('<span class="%s">%s</span>' % (kind, html.escape(match[0], quote=False)))
        at = match.end()
    result.append(html.escape(text[at:], quote=False))
    return "".join(result)


def cells(line):
    # A bar inside of code does not end a cell.
    line = re.sub(r"`[^`]*`", lambda m: m[0].replace("|", "\ue002"), line.strip()[1:-1])
    return [cell.strip().replace("\ue002", "|") for cell in line.split("|")]


class Page:
    def __init__(self, text, link):
        # A comment within a code block is the block's.
        parts = re.split(r"(^```.*?^```$)", text, flags=re.S | re.M)
        parts[::2] = [re.sub(r"^<!--.*?-->\n?", "", part, flags=re.S | re.M) for part in parts[::2]]
        self.lines = "".join(parts).split("\n")
        self.link = link
        self.at = 0
        self.title = ""

    def render(self):
        return "".join(self.blocks(""))

    def blocks(self, indent):
        """The blocks of lines that begin with `indent`."""
        while self.at < len(self.lines):
            line = self.lines[self.at]
            if not line.strip():
                self.at += 1
                continue
            if not line.startswith(indent):
                return
            line = line[len(indent) :]
            fence = FENCE.match(line)
            heading = re.match(r"(#+) (.*)", line)
            if fence:
                yield self.fenced(indent, fence)
            elif line.startswith("    "):
                yield self.indented(indent)
            elif heading:
                self.at += 1
                yield self.heading(heading)
            elif ITEM.match(line):
                yield self.list(indent)
            elif line.startswith("|"):
                yield self.table(indent)
            else:
                yield "<p>%s</p>\n" % inline(self.paragraph(indent), self.link)

    def heading(self, match):
        level = len(match[1])
        if level == 1 and not self.title:
            self.title = match[2]
        return '<h%d id="%s">%s</h%d>\n' % (level, slug(match[2]), inline(match[2], self.link), level)

    def fenced(self, indent, fence):
        self.at += 1
        lines = []
        while self.lines[self.at].strip() != fence[1]:
            lines.append(self.lines[self.at][len(indent) :])
            self.at += 1
        self.at += 1
        return code("\n".join(lines) + "\n", fence[2])

    def indented(self, indent):
        lines = []
        prefix = indent + "    "
        while self.at < len(self.lines) and (
            self.lines[self.at].startswith(prefix) or not self.lines[self.at].strip()
        ):
            lines.append(self.lines[self.at][len(prefix) :])
            self.at += 1
        return code("\n".join(lines).rstrip() + "\n")

    def paragraph(self, indent):
        lines = []
        while self.at < len(self.lines):
            line = self.lines[self.at]
            bare = line[len(indent) :]
            ends = not bare.strip() or not line.startswith(indent)
            if ends or (lines and re.match(r"(#+ |```|\||[-*] )", bare)):
                break
            lines.append(bare.strip())
            self.at += 1
        return "\n".join(lines)

    def list(self, indent):
        first = ITEM.match(self.lines[self.at][len(indent) :])
        tag = "ul" if first[2] in "-*" else "ol"
        items = []
        while self.at < len(self.lines):
            line = self.lines[self.at]
            item = ITEM.match(line[len(indent) :]) if line.startswith(indent) else None
            if not line.strip():
                self.at += 1
                continue
            if not item or item[1]:
                break
            inner = indent + " " * (len(item[2]) + 1)
            # The item's text, as if it stood alone.
            self.lines[self.at] = inner + item[3]
            body = "".join(self.blocks(inner))
            only = re.fullmatch(r"<p>(.*?)</p>\n", body, re.S)
            items.append("<li>%s</li>\n" % (only[1] if only and "<p>" not in only[1] else body))
        return "<%s>\n%s</%s>\n" % (tag, "".join(items), tag)

    def table(self, indent):
        rows = []
        while self.at < len(self.lines) and self.lines[self.at].startswith(indent + "|"):
            rows.append(self.lines[self.at][len(indent) :])
            self.at += 1
        if len(rows) < 2 or not RULE.match(rows[1]):
            raise ValueError("a table without a rule below its head: " + rows[0])
        result = []
        for number, row in enumerate(rows):
            if number == 1:
                continue
            tag = "th" if number == 0 else "td"
            texts = ["<%s>%s</%s>" % (tag, inline(text, self.link), tag) for text in cells(row)]
            result.append("<tr>%s</tr>\n" % "".join(texts))
        # On a narrow screen the table scrolls, not the page.
        return '<div class="table"><table>\n%s</table></div>\n' % "".join(result)


def render(text, link):
    page = Page(text, link)
    return page.render(), page.title
