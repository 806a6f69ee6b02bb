package report_test

import (
	"bytes"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/extension"
	east "github.com/yuin/goldmark/extension/ast"
	"github.com/yuin/goldmark/text"

	"pymon-bridge/monitor"
	"pymon-bridge/report"
)

const maxComment = 65_536

// parsed is Markdown as a renderer understands it.
type parsed struct {
	rows  [][]string // of all tables, heads included
	links []string
	kinds map[string]int
	html  []string // raw HTML: blocks and inline tags
}

func parseMarkdown(tb testing.TB, source string) parsed {
	tb.Helper()
	src := []byte(source)
	p := parsed{kinds: map[string]int{}}
	root := goldmark.New(goldmark.WithExtensions(extension.GFM)).Parser().Parse(text.NewReader(src))
	require.NoError(tb, ast.Walk(root, func(n ast.Node, entering bool) (ast.WalkStatus, error) {
		if entering {
			p.kinds[n.Kind().String()]++
			p.add(n, src)
		}
		return ast.WalkContinue, nil
	}))
	return p
}

func (p *parsed) add(n ast.Node, src []byte) {
	switch n := n.(type) {
	case *east.TableRow, *east.TableHeader:
		var cells []string
		for c := n.FirstChild(); c != nil; c = c.NextSibling() {
			cells = append(cells, plainText(c, src))
		}
		p.rows = append(p.rows, cells)
	case *ast.Link:
		p.links = append(p.links, string(n.Destination))
	case *ast.AutoLink:
		p.links = append(p.links, string(n.URL(src)))
	case *ast.HTMLBlock:
		p.html = append(p.html, strings.TrimSpace(string(n.Lines().Value(src))))
	case *ast.RawHTML:
		p.html = append(p.html, string(n.Segments.Value(src)))
	}
}

// plainText returns what a reader sees of a node, entities resolved.
func plainText(n ast.Node, src []byte) string {
	var b bytes.Buffer
	for c := n.FirstChild(); c != nil; c = c.NextSibling() {
		switch c := c.(type) {
		case *ast.Text:
			if c.Parent().Kind() == ast.KindCodeSpan {
				b.Write(c.Value(src)) // entities are text in code
			} else {
				b.WriteString(unescape(string(c.Value(src))))
			}
		case *ast.String:
			b.Write(c.Value)
		default:
			b.WriteString(plainText(c, src))
		}
	}
	return b.String()
}

// TestMarkdownKeepsItsShape holds that no name adds a cell, a row, a link or a tag: a report on odd names has the very
// structure of one on plain names.
func TestMarkdownKeepsItsShape(t *testing.T) {
	t.Parallel()
	for _, name := range oddNames() {
		for _, grafana := range []string{"", "https://grafana.example.org"} {
			odd, even := named(name), named("plain")
			o := report.Options{All: true, GrafanaURL: grafana}
			got := parseMarkdown(t, write(t, report.Markdown, odd, o))
			want := parseMarkdown(t, write(t, report.Markdown, even, o))
			assert.Equal(t, shape(want.rows), shape(got.rows), "%q", name)
			if len(name) < 250 { // the addresses of longer ones are too long to link
				assert.Len(t, got.links, len(want.links), "%q", name)
			}
			assert.Equal(t, want.html, withoutCode(got.html), "%q", name)
			for _, kind := range []string{"Emphasis", "Heading", "Paragraph", "Table", "HTMLBlock", "List", "Image"} {
				assert.Equal(t, want.kinds[kind], got.kinds[kind], "%s in %q", kind, name)
			}
		}
	}
}

// named is a report in which everything from outside is name, on two classes of machine.
func named(name string) *monitor.Report {
	r := newReport()
	r.Run, r.ScmRef, r.Branch, r.Build, r.Against = "x"+name, "x"+name, "x"+name, "x"+name, "x"+name
	r.Suite.Status = monitor.StatusSlowMachine
	r.Suite.Machines = []monitor.Machine{{Env: name, Status: monitor.StatusSlowMachine}, {Env: bigBox}}
	for _, s := range []monitor.Status{monitor.StatusRegression, monitor.StatusSuspect, monitor.StatusOK} {
		one := result(s, name, monitor.MetricCPUTime, 0.04, 0.09)
		one.ItemFSLoc, one.LastGood, one.FirstBad, one.Component, one.Env = name, "x"+name, "x"+name, name, name
		r.Results = append(r.Results, one)
	}
	other := unjudged(monitor.StatusNotJudged, name, "x"+name, 0)
	other.Item, other.Metric = name, "x"+name
	r.Results = append(r.Results, other)
	r.Summary = monitor.Summary{Tests: 2, OK: 1, NotJudged: 1, Suspects: 1, Regressions: 1}
	return r
}

func shape(rows [][]string) (widths []int) {
	for _, r := range rows {
		widths = append(widths, len(r))
	}
	return widths
}

func withoutCode(html []string) (rest []string) {
	for _, tag := range html {
		if tag != "<code>" && tag != "</code>" {
			rest = append(rest, tag)
		}
	}
	return rest
}

// TestMarkdownShowsNamesAsTheyAre holds that escapes are not seen: a reader reads the name.
func TestMarkdownShowsNamesAsTheyAre(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"test[a|b\\|c]", "test[`code` ``two``]", "test[<img src=x onerror=alert(1)>]", "test[&amp;]",
		"test[**bold** _it_ ~~no~~ [link](http://x.example)]", "@everyone #1 www.example.org", "test[größe ✓ 日本語]", "\\", "`"} {
		r := newReport()
		r.Results = []monitor.Result{result(monitor.StatusRegression, name, monitor.MetricCPUTime, 0.04, 0.09)}
		got := parseMarkdown(t, write(t, report.Markdown, r, report.Options{}))
		require.Len(t, got.rows, 2)
		assert.Equal(t, "tests/checkout/test_payment.py::"+name, got.rows[1][0])
	}
}

// TestCommentFits holds that a comment is small enough for GitHub however much there is to say, that it says how much
// it leaves out, and that it ends as it should.
func TestCommentFits(t *testing.T) {
	t.Parallel()
	r := manyReport(3000, 3000)
	for i := range r.Results {
		r.Results[i].ItemVariant += strings.Repeat("|", 300)
	}
	for _, o := range []report.Options{{}, {GrafanaURL: "https://grafana.example.org", All: true}} {
		got := write(t, report.Markdown, r, o)
		assert.Less(t, len(got), maxComment)
		assert.Greater(t, len(got), maxComment/2, "there is room for more")
		assert.True(t, strings.HasSuffix(got, "</sub>\n"))
		assert.Equal(t, strings.Count(got, "<details>"), strings.Count(got, "</details>"))
		assert.Contains(t, got, " more regressions left out here")
		assert.Contains(t, got, " more suspects left out here")
		seen := strings.Count(got, "**×")
		assert.Contains(t, got, "\n"+itoa(3000-seen)+" more regressions left out here")
	}
}

// TestCommentIsFound holds that the comments of a project start alike, and that no project's name breaks out of that.
func TestCommentIsFound(t *testing.T) {
	t.Parallel()
	for _, s := range samples() {
		assert.True(t, strings.HasPrefix(write(t, report.Markdown, s.report, report.Options{}), report.Marker(s.report.Project)+"\n"))
	}
	assert.Equal(t, "<!-- pymon-bridge webshop -->", report.Marker("webshop"))
	assert.NotEqual(t, report.Marker("webshop"), report.Marker("warehouse"))
	for _, name := range append(oddNames(), "a -->b") {
		marker := report.Marker(name)
		assert.Equal(t, 1, strings.Count(marker, "-->"), name)
		assert.NotContains(t, marker, "\n", name)
	}
}

// TestLinks holds that addresses that are none of the web make no link, and good ones do.
func TestLinks(t *testing.T) {
	t.Parallel()
	for _, wrong := range []string{"javascript:alert(1)", "grafana.example.org", "https://", "//x", "https://x y/", "%"} {
		got := parseMarkdown(t, write(t, report.Markdown, oneReport(), report.Options{BridgeURL: wrong, GrafanaURL: wrong}))
		assert.Empty(t, got.links, wrong)
	}
	got := parseMarkdown(t, write(t, report.Markdown, oneReport(), report.Options{BridgeURL: "https://x/|>)`\\?q#f\n"}))
	assert.Equal(t, "https://x/%7C%3E%29%60%5C/p/webshop/runs/ci-4711", got.links[0])
	assert.Equal(t, "https://x/%7C%3E%29%60%5C/p/webshop/api/v1/regressions?all=true&branch=main&format=text&run=ci-4711", got.links[1])
	again := oneReport()
	again.Runs, again.Branches = []string{"a", "b"}, []string{again.Branch}
	got = parseMarkdown(t, write(t, report.Markdown, again, report.Options{BridgeURL: "http://b"}))
	assert.Equal(t, "http://b/p/webshop/api/v1/regressions?all=true&branch=main&format=text&head=feature%2Fpay-faster&scm_ref="+bad, got.links[1])
	again.Run = strings.Repeat("r", 2000)
	got = parseMarkdown(t, write(t, report.Markdown, again, report.Options{BridgeURL: "http://b"}))
	assert.True(t, strings.HasPrefix(got.links[0], "http://b/p/webshop/api/"), "the page has no address")
	got = parseMarkdown(t, write(t, report.Markdown, oneReport(), report.Options{GrafanaURL: "https://g.example.org/"}))
	assert.Len(t, got.links, 5)
	for _, link := range got.links {
		assert.True(t, strings.HasPrefix(link, "https://g.example.org/d/pymon-"), link)
	}
}

// TestLinksNameTags holds that a dashboard is given the texts that it has to look for, which are those of the tags.
func TestLinksNameTags(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		"test_pay[visa, 3 items]": "test_pay[visa, 3 items]", `naïve ✓ "quoted", a=b`: `naïve ✓ "quoted", a=b`, "100%": "100%25",
		`C:\dir\`: "C:%5Cdir%5C", "two\nlines": "two%0Alines", "\xff\x7f": "%FF%7F", "(none)": "%28none)",
	} {
		r := newReport()
		r.Results = []monitor.Result{result(monitor.StatusSuspect, name, monitor.MetricCPUTime, 1, 2)}
		r.Results[0].ItemPath, r.Results[0].Env = "", name
		links := parseMarkdown(t, write(t, report.Markdown, r, report.Options{GrafanaURL: "https://g.example.org"})).links
		require.Len(t, links, 2)
		u, err := url.Parse(links[1])
		require.NoError(t, err)
		assert.Equal(t, url.Values{"var-project": {"webshop"}, "var-test": {want}, "var-env": {want}, "var-module": {"(none)"},
			"from": {"1769850000000"}, "to": {"1772528400000"}}, u.Query())
	}
}
