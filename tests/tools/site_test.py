"""tools/docs: our Markdown as HTML, our comments as Doxygen's."""

import glob
import os
import sys
import unittest

sys.path.insert(0, os.path.abspath("tools/site"))
import comments  # pylint: disable=wrong-import-position
import markdown  # pylint: disable=wrong-import-position


def html_of(text):
    return markdown.render(text, lambda target: target.replace(".md", ".html"))[0]


def converted(text):
    return list(comments.convert(text.splitlines()))


class MarkdownTest(unittest.TestCase):
    def test_links_code_and_emphasis_within_a_paragraph(self):
        self.assertEqual(
            html_of("See [`a*b*`](a.md), *this* and **that** <x>.\n"),
            '<p>See <a href="a.html"><code>a*b*</code></a>, <em>this</em> and '
            "<strong>that</strong> &lt;x&gt;.</p>\n",
        )

    def test_a_picture_has_words(self):
        self.assertEqual(
            html_of("![Two lanes, a & b](lanes.svg)\n"),
            '<p><img src="lanes.svg" alt="Two lanes, a &amp; b"></p>\n',
        )

    def test_a_bar_in_code_ends_no_cell(self):
        self.assertIn("<td><code>a || b</code></td><td>c</td>", html_of("| x | y |\n| --- | --- |\n| `a || b` | c |\n"))

    def test_a_list_goes_on_below(self):
        self.assertEqual(
            html_of("1. first\n   more\n2. second\n"),
            "<ol>\n<li>first\nmore</li>\n<li>second</li>\n</ol>\n",
        )

    def test_comments_are_not_shown_but_those_of_code_are(self):
        text = "<!-- cpp\nint hidden;\n-->\n```html\n<!-- shown -->\n```\n"
        self.assertNotIn("hidden", html_of(text))
        self.assertIn("shown", html_of(text))

    def test_the_pages_of_the_guide_are_known_markdown(self):
        pages = glob.glob("lib/joblib/docs/*.md") + ["README.md"]
        self.assertGreater(len(pages), 10)
        for path in pages:
            with open(path, encoding="utf-8") as stream:
                body, title = markdown.render(stream.read(), lambda target: target)
            self.assertTrue(title, path)
            self.assertNotIn("```", body, path)
            self.assertNotIn("\ue000", body, path)


class GuideTest(unittest.TestCase):
    def test_each_page_with_code_is_among_those_that_are_run(self):
        with open("tests/docs/BUILD.bazel", encoding="utf-8") as stream:
            build = stream.read()
        for path in glob.glob("lib/joblib/docs/*.md"):
            with open(path, encoding="utf-8") as stream:
                if "```cpp" in stream.read():
                    self.assertIn('"//lib/joblib/docs:%s"' % os.path.basename(path), build)


class CommentsTest(unittest.TestCase):
    def test_a_comment_above_and_one_behind(self):
        self.assertEqual(
            converted("// The file.\n\n// Adds.\nint f();  // Or not,\n          // sometimes.\n"),
            ["/// @file", "/// The file.", "", "/// Adds.", "int f();  ///< Or not,", "          ///< sometimes."],
        )

    def test_what_the_first_line_is_about_needs_none(self):
        lines = converted("// A<T> and B: two.\n\ntemplate <class T>\nclass A {};\nclass B {};\nclass C {};\n")
        self.assertTrue(lines[3].startswith("/** The subject"))
        self.assertTrue(lines[5].startswith("/** The subject"))
        self.assertEqual(lines[6], "class C {};")

    def test_names_of_the_standard_library_need_none(self):
        self.assertIn("/** ", converted("// X.\n\n  iterator begin() const;\n")[3])
        self.assertEqual(converted("// X.\n\n  int first() const;\n")[3], "  int first() const;")

    def test_code_in_a_comment_is_code_for_markdown(self):
        self.assertEqual(
            converted("// So:\n//   f(x);\n"),
            ["/// @file", "/// So:", "///", "///     f(x);"],
        )

    def test_the_end_of_a_namespace_is_no_comment(self):
        self.assertEqual(converted("// X.\n}  // namespace a\n")[2], "}  // namespace a")


if __name__ == "__main__":
    unittest.main()
