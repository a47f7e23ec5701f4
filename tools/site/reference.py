"""Doxygen's XML as pages: one for each header, what is public in it.

    for page in Reference(folder_of_xml, root).pages(): page.name, page.html
"""

import glob
import html
import os
import re
import xml.etree.ElementTree as ElementTree

import markdown

SECTIONS = ("public-type", "public-func", "public-static-func", "public-attrib", "friend")


def escape(text):
    return html.escape(text, quote=False)


def description(element):
    """The HTML of a <detaileddescription> or of a part of it."""
    return "" if element is None else "".join(_block(child) for child in element)


def _block(node):
    if node.tag == "para":
        result, text = [], escape(node.text or "")
        for child in node:
            if child.tag in ("verbatim", "itemizedlist", "orderedlist", "programlisting"):
                if text.strip():
                    result.append("<p>%s</p>\n" % text.strip())
                text = ""
                result.append(_block(child))
            else:
                text += _inline(child)
            text += escape(child.tail or "")
        if text.strip():
            result.append("<p>%s</p>\n" % text.strip())
        return "".join(result)
    if node.tag == "verbatim":
        return markdown.code((node.text or "").strip("\n") + "\n", "cpp")
    if node.tag == "programlisting":
        lines = ["".join(_listing(part) for part in line) for line in node]
        return markdown.code("\n".join(lines) + "\n", "cpp")
    if node.tag in ("itemizedlist", "orderedlist"):
        tag = "ul" if node.tag == "itemizedlist" else "ol"
        return "<%s>%s</%s>\n" % (
            tag, "".join("<li>%s</li>" % description(item) for item in node), tag)
    raise ValueError("unknown in Doxygen's XML: <%s>" % node.tag)


def _listing(node):
    text = " " if node.tag == "sp" else node.text or ""
    return text + "".join(_listing(child) + (child.tail or "") for child in node)


def _inline(node):
    text = escape(node.text or "") + "".join(
        _inline(child) + escape(child.tail or "") for child in node)
    tags = {"computeroutput": "code", "emphasis": "em", "bold": "strong"}
    if node.tag in tags:
        return "<%s>%s</%s>" % (tags[node.tag], text, tags[node.tag])
    if node.tag == "ref":
        return text
    signs = {"ndash": "–", "mdash": "—", "nonbreakablespace": " ", "sp": " ", "linebreak": "<br>"}
    if node.tag in signs:
        return signs[node.tag]
    raise ValueError("unknown in Doxygen's XML: <%s>" % node.tag)


def text_of(element):
    return "" if element is None else "".join(element.itertext()).strip()


def spelled(text):
    """As we write it: `const T& x`, no blanks within angle brackets."""
    text = re.sub(r"\s+", " ", text)
    text = re.sub(r"<\s+", "<", text)
    text = re.sub(r"\s+>", ">", text)
    text = re.sub(r"\s+([&*]+)", r"\1 ", text)
    text = re.sub(r"([&*]+) +([,)>])", r"\1\2", text)
    return re.sub(r" +\.\.\.", "...", text).strip()


def template_of(element):
    params = element.find("templateparamlist")
    if params is None:
        return ""
    names = []
    for param in params:
        name = text_of(param.find("type"))
        declared = param.find("declname")
        if declared is not None:
            name += " " + text_of(declared)
        default = param.find("defval")
        names.append(name + (" = " + text_of(default) if default is not None else ""))
    return "template <%s>\n" % ", ".join(spelled(name) for name in names)


def declaration(member):
    kind, name = member.get("kind"), text_of(member.find("name"))
    kind_of_type = text_of(member.find("type"))
    arguments = text_of(member.find("argsstring"))
    if kind == "typedef":
        return template_of(member) + "using %s = %s;" % (name, spelled(kind_of_type))
    if kind == "enum":
        values = ", ".join(text_of(value.find("name")) for value in member.findall("enumvalue"))
        return "enum class %s { %s };" % (name, values)
    if kind == "variable":
        start = spelled(text_of(member.find("initializer")))
        return "%s%s %s%s;" % (template_of(member), spelled(kind_of_type), name, start and " " + start)
    words = [word for word, given in (("static", member.get("static")), ("explicit", member.get("explicit")),
                                      ("virtual", "yes" if member.get("virt") in ("virtual", "pure-virtual") else "no"))
             if given == "yes" and word not in kind_of_type.split()]
    if "override" in arguments and "virtual" in words:
        words.remove("virtual")
    if kind_of_type:
        words.append(spelled(kind_of_type))
    return template_of(member) + " ".join(words + [name]) + spelled(arguments) + ";"


class Page:
    def __init__(self, name, title, body):
        self.name, self.title, self.html = name, title, body


class Reference:
    def __init__(self, folder, root):
        self.compounds = {}
        for path in sorted(glob.glob(os.path.join(folder, "*.xml"))):
            for compound in ElementTree.parse(path).getroot().iter("compounddef"):
                self.compounds[compound.get("id")] = compound
        self.doors = self._doors(root)

    @staticmethod
    def _doors(root):
        """{"core/errors.h": "errors.h"}: public headers that only include."""
        doors = {}
        folder = os.path.join(root, "lib", "joblib")
        for name in sorted(os.listdir(folder)):
            if name.endswith(".h"):
                with open(os.path.join(folder, name), encoding="utf-8") as stream:
                    text = stream.read()
                if text.startswith("// The public door to joblib/"):
                    doors[re.match(r"// The public door to joblib/(\S+)\.\n", text)[1]] = name
        return doors

    def pages(self):
        for compound in self.compounds.values():
            if compound.get("kind") == "file":
                page = self._page(compound)
                if page:
                    yield page

    def _page(self, file):
        path = file.find("location").get("file")
        short = path.split("lib/joblib/", 1)[1]
        parts = []
        classes = [c for c in self.compounds.values() if c.get("kind") in ("class", "struct", "concept")
                   and self._public(c) and c.find("location").get("file") == path]
        classes.sort(key=lambda c: int(c.find("location").get("line")))
        members = [m for space in self.compounds.values() if space.get("kind") == "namespace"
                   and text_of(space.find("compoundname")).startswith("joblib")
                   for m in space.iter("memberdef") if m.find("location").get("file") == path]
        members.sort(key=lambda m: int(m.find("location").get("line")))
        # In the order of the header.
        for element in sorted(classes + members, key=lambda e: int(e.find("location").get("line"))):
            parts.append(self._class(element) if element.tag == "compounddef" else self._member(element, 2))
        if not parts:
            return None
        shown = "joblib/" + self.doors.get(short, short)
        body = '<h1>%s</h1>\n<pre><code class="cpp">#include "%s"</code></pre>\n%s%s' % (
            escape(shown), escape(shown), description(file.find("detaileddescription")), "".join(parts))
        return Page(re.sub(r"\W", "_", shown[7:-2]) + ".html", shown[7:], body)

    @staticmethod
    def _public(compound):
        return compound.get("prot", "public") == "public" and "internal" not in text_of(compound.find("compoundname"))

    def _member(self, member, level):
        name = text_of(member.find("name"))
        told = description(member.find("briefdescription")) + description(member.find("detaileddescription"))
        for value in member.findall("enumvalue"):
            told += "<p><code>%s</code> %s</p>" % (
                escape(text_of(value.find("name"))),
                re.sub(r"</?p>\n?", "", description(value.find("briefdescription")) + description(value.find("detaileddescription"))))
        head = "<h2 id=\"%s\">%s</h2>\n" % (escape(name), escape(name)) if level == 2 else ""
        return '%s<div class="member"><pre><code class="cpp">%s</code></pre>\n%s</div>\n' % (
            head, markdown.colored(declaration(member), "cpp"), told)

    def _class(self, compound):
        name = text_of(compound.find("compoundname"))
        name = re.sub(r"^joblib::", "", name)
        bases = [text_of(b) for b in compound.findall("basecompoundref") if b.get("prot") == "public"]
        if compound.get("kind") == "concept":
            line = text_of(compound.find("initializer")).replace("template<", "template <").replace("concept joblib::", "concept ")
        else:
            line = "%s%s %s%s;" % (template_of(compound), compound.get("kind"), spelled(name),
                                   " : public " + spelled(", ".join(bases)) if bases else "")
        parts = []
        for section in compound.findall("sectiondef"):
            if section.get("kind") in SECTIONS:
                for member in section:
                    if member.tag == "memberdef" and not text_of(member.find("definition")).startswith("friend class"):
                        if text_of(member.find("argsstring")).endswith("=delete"):
                            continue
                        if section.get("kind") == "friend" and member.get("kind") != "function":
                            continue
                        parts.append(self._member(member, 3))
        return '<h2 id="%s">%s</h2>\n<pre><code class="cpp">%s</code></pre>\n%s%s' % (
            escape(name), escape(spelled(name)), markdown.colored(line, "cpp"),
            description(compound.find("briefdescription")) + description(compound.find("detaileddescription")),
            "".join(parts))
