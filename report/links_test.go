package report_test

import (
	"encoding/json"
	"encoding/xml"
	"html"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pymon-bridge/monitor"
	"pymon-bridge/report"
)

const (
	runOfOne  = "https://pymon.example.org/x/p/webshop/runs/ci-4711"
	testOfOne = "https://pymon.example.org/x/p/webshop/test?component=checkout&env=Linux-x86_64+8x+Intel%28R%29+Xeon%28R%29+CPU+%40+2.30GHz+32G+py3.11" +
		"&item=test_pay&name=test_pay%5Bvisa%2C+3+items%5D&path=tests.checkout.test_payment"
)

// Every format leads to the page of the run, and to that of a conspicuous test.
func TestEveryFormatLeadsToThePages(t *testing.T) {
	t.Parallel()
	r := oneReport()
	r.Against = r.Branch
	r.Results[0].Item = "test_pay_by" // not what the name begins with
	test := strings.Replace(testOfOne, "item=test_pay&", "item=test_pay_by&", 1)
	for _, f := range report.Formats() {
		plain := write(t, f, r, report.Options{BridgeURL: "https://pymon.example.org/x/"})
		switch f {
		case report.JSON:
			var got struct {
				Page    string
				Results []struct{ Page string }
			}
			require.NoError(t, json.Unmarshal([]byte(plain), &got))
			assert.Equal(t, runOfOne, got.Page)
			assert.Equal(t, test, got.Results[0].Page)
			continue
		case report.GitHub:
			plain = strings.ReplaceAll(plain, "%25", "%")
			assert.Contains(t, plain, "%0A"+test+"\n", "in a line of its own")
		case report.JUnit:
			require.NoError(t, xml.Unmarshal([]byte(plain), new(struct{})))
			plain = html.UnescapeString(plain)
			assert.Contains(t, plain, `<property name="page" value="`+runOfOne+`">`)
			assert.Contains(t, plain, "\n"+test+"</failure>")
		case report.Markdown:
			assert.Contains(t, plain, "[Everything about this run](<"+runOfOne+">)")
			assert.NotContains(t, plain, "[the whole report]")
		case report.Text:
			assert.True(t, strings.HasSuffix(plain, "\nworst     "+test+"\npage      "+runOfOne+"\n"), plain)
		}
		assert.Contains(t, plain, runOfOne, f)
		assert.Contains(t, plain, test, f)
	}
}

func TestNoFormatLeadsToPagesWithoutAnAddress(t *testing.T) {
	t.Parallel()
	for _, f := range report.Formats() {
		for _, o := range []report.Options{{}, {BridgeURL: "pymon.example.org"}} {
			text := write(t, f, oneReport(), o)
			assert.NotContains(t, text, "/runs/", f)
			assert.NotContains(t, text, "/test?", f)
			assert.NotContains(t, text, "\"page\"", f)
		}
		assert.NotContains(t, write(t, f, fineReport(), report.Options{BridgeURL: "https://pymon.example.org"}), "/test?", "nothing is worst")
	}
}

// The page of a run shows the run alone, judged by its own branch. Where a comment says something else, it leads to that too.
func TestCommentsLeadToTheWholeReport(t *testing.T) {
	t.Parallel()
	o := report.Options{BridgeURL: "https://pymon.example.org/x"}
	several, against := oneReport(), oneReport()
	several.Runs = []string{"ci-4711", "ci-4710"}
	against.Branch, against.Against = "fix", "main"
	for want, r := range map[string]*monitor.Report{"&scm_ref=": several, "&branch=main&": against} {
		text := write(t, report.Markdown, r, o)
		assert.Contains(t, text, "[Everything about this run](<"+runOfOne+">), [the whole report](<https://pymon.example.org/x/p/webshop/api/v1/regressions?")
		assert.Contains(t, text, want)
	}
}

// JSON has U+FFFD for what is no Unicode. The pages of such names are those that the bridge sent, at the address that the reader
// knows.
func TestPagesThatTheBridgeSent(t *testing.T) {
	t.Parallel()
	const odd = "a\xed\xa0\x80z"
	sent := oneReport()
	sent.Run, sent.Runs, sent.Against = odd, []string{odd}, sent.Branch
	sent.Results[0].ItemPath, sent.Results[0].ItemVariant = odd, odd
	var r monitor.Report
	require.NoError(t, json.Unmarshal([]byte(write(t, report.JSON, sent, report.Options{BridgeURL: "http://10.0.0.1:8080/y"})), &r))
	const base = "https://pymon.example.org/x"
	run, test := report.RunPage(base, "webshop", odd), report.TestPage(base, "webshop", sent.Results[0].TestID)
	require.Contains(t, run+test, "%ED%A0%80")
	for _, f := range report.Formats() {
		plain := strings.ReplaceAll(html.UnescapeString(write(t, f, &r, report.Options{BridgeURL: base})), "%25", "%")
		if f == report.JSON {
			plain = strings.ReplaceAll(plain, `\u0026`, "&")
		}
		assert.Contains(t, plain, run, f)
		assert.Contains(t, plain, test, f)
	}
	for _, bad := range []string{"http://b/p/webshop/test?\x1b[31m", "http://b/p/webshop/>) x", "http://b/p/webshop/\u0085", "http://b/p/other/test", "javascript:1"} {
		r.Page, r.Results[0].Page = bad, bad
		for _, f := range report.Formats() {
			text := write(t, f, &r, report.Options{BridgeURL: base})
			assert.NotContains(t, text, bad, f)
			assert.Contains(t, text, base+"/p/webshop/runs/a", f)
		}
	}
}

// Whatever a run and a test are called, their pages have addresses that browsers leave alone, and that name them.
func TestPagesOfOddNames(t *testing.T) {
	t.Parallel()
	for _, name := range append(oddNames(), ".", "..", "a/b", "a?b#c") {
		id := monitor.TestID{ItemPath: name, Item: name, ItemVariant: name, Kind: name, Component: name, Env: name}
		address := report.TestPage("https://pymon.example.org", "shop", id)
		if len(name) > 250 {
			assert.Empty(t, address, "some browsers and proxies refuse long addresses")
			continue
		}
		u, err := url.Parse(address)
		require.NoError(t, err)
		for _, parameter := range []string{"path", "item", "name", "kind", "component", "env"} {
			if got := u.Query(); got.Has(parameter) {
				assert.Equal(t, name, got.Get(parameter))
			} else {
				assert.Contains(t, map[string]string{"item": monitor.FunctionOf(name), "component": "", "env": ""}[parameter], name)
			}
		}
		page := report.RunPage("https://pymon.example.org", "shop", name)
		u, err = url.Parse(page)
		require.NoError(t, err)
		switch strings.Trim(name, ".") {
		case "":
			assert.Equal(t, name != "", page != "")
			assert.Equal(t, name, u.Query().Get("id"))
		default:
			assert.Equal(t, "/p/shop/runs/"+name, u.Path)
			assert.Empty(t, u.RawQuery+u.Fragment)
			assert.NotContains(t, strings.TrimPrefix(u.EscapedPath(), "/p/shop/runs/"), "/")
		}
	}
	for _, project := range []string{"", "..", "a/b", strings.Repeat("x", 65)} {
		assert.Empty(t, report.ProjectPage("https://pymon.example.org", project))
	}
}
