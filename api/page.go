package api

import (
	"encoding/json"
	"errors"
	"math"
	"mime"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/gin-gonic/gin"

	"pymon-bridge/httpd"
	"pymon-bridge/monitor"
	"pymon-bridge/monitor/wire"
)

// pageParam is the name of the query parameter for the page, and of the member in a JSON body.
const pageParam = "page"

// pageNumber returns the number of the requested page. 1 is the first page, -1 is the last page. It returns 1 if the
// request has no whole number, and [math.MaxInt64] if the number is out of range.
func pageNumber(c *gin.Context) (int64, error) {
	text, ok := c.GetQuery(pageParam)
	if !ok {
		var err error
		if text, err = bodyPage(c.Request); err != nil {
			return 0, err
		}
	}
	n, err := strconv.ParseInt(text, 10, 64)
	switch {
	case errors.Is(err, strconv.ErrRange):
		return math.MaxInt64, nil
	case err != nil:
		return 1, nil
	}
	return n, nil
}

// maxGETBody is the limit of the body of a GET request, in bytes.
const maxGETBody = 64 << 10

// bodyPage returns the page number in the JSON body of a request, or "".
func bodyPage(r *http.Request) (string, error) {
	media, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || media != jsonType {
		return "", nil
	}
	body, err := httpd.ReadBody(r, nil, maxGETBody)
	switch {
	case err != nil:
		return "", err
	case len(body) == 0:
		return "", nil
	case !json.Valid(body):
		return "", monitor.Errorf(monitor.EInvalid, "the body is not JSON")
	}
	var members map[string]json.RawMessage
	if json.Unmarshal(body, &members) != nil {
		return "", nil // the body is not an object
	}
	page := string(members[pageParam])
	if page == "" || page == "null" || page[0] == '-' || page[0] >= '0' && page[0] <= '9' {
		return page, nil
	}
	return "", &monitor.Error{Code: monitor.EInvalid, Message: "invalid page in the body",
		Fields: map[string]string{pageParam: "expected a number"}}
}

// pageCount returns the number of pages for count elements.
func pageCount(count, size int64) int64 { return (count + size - 1) / size }

// pageLinks has the number of pages and the links from a page to its neighbors.
type pageLinks struct {
	total      int64
	prev, next string // "" if there is no such page
}

// linksOf returns the links of page number. They keep the other parameters of the query.
func linksOf(c *gin.Context, number, total int64) pageLinks {
	links := pageLinks{total: total}
	if number > 1 {
		links.prev = pageLink(c, number-1)
	}
	if number < total {
		links.next = pageLink(c, number+1)
	}
	return links
}

func pageLink(c *gin.Context, number int64) string {
	return httpd.LinkPrefix(c) + linkPath(c.Request.URL) + "?" + withPage(c.Request.URL.RawQuery, number)
}

// withPage returns a query with another page number. It keeps the order of the parameters. If a parameter is repeated, it
// keeps the first.
func withPage(query string, number int64) string {
	var parts []string
	seen := map[string]bool{}
	add := func(name, value string) {
		seen[name] = true
		parts = append(parts, url.QueryEscape(name)+"="+url.QueryEscape(value))
	}
	page := strconv.FormatInt(number, 10)
	for part := range strings.SplitSeq(query, "&") {
		name, value, _ := strings.Cut(part, "=")
		name, nameErr := url.QueryUnescape(name)
		value, valueErr := url.QueryUnescape(value)
		if part == "" || seen[name] || nameErr != nil || valueErr != nil {
			continue
		}
		if name == pageParam {
			value = page
		}
		add(name, value)
	}
	if !seen[pageParam] {
		add(pageParam, page)
	}
	return strings.Join(parts, "&")
}

// appendLink appends a link to another page. For an empty link it appends null or, without nullLinks, nothing.
func appendLink(dst []byte, nullLinks bool, name, link string) []byte {
	if link == "" && !nullLinks {
		return dst
	}
	dst = append(append(append(dst, `,"`...), name...), `":`...)
	if link == "" {
		return append(dst, "null"...)
	}
	return wire.AppendText(dst, link)
}
