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

// pageParam is the query parameter with the number of a page.
const pageParam = "page"

// askedPage returns the number of the page asked for. Pages count from 1, negative ones from the end. It returns 1 where
// no whole number is asked for, and a number that no list has for one that does not fit.
func askedPage(c *gin.Context) (int64, error) {
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

// maxGETBody bounds the JSON that a GET may carry.
const maxGETBody = 64 << 10

// bodyPage returns the page that a JSON body of a request asks for, "" where it has none.
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
		return "", nil // no object, so it says nothing about pages
	}
	page := string(members[pageParam])
	if page == "" || page == "null" || page[0] == '-' || page[0] >= '0' && page[0] <= '9' {
		return page, nil
	}
	return "", &monitor.Error{Code: monitor.EInvalid, Message: "the body asks for no page",
		Fields: map[string]string{pageParam: "expected a number"}}
}

// pageCount is how many pages hold count elements.
func pageCount(count, size int64) int64 { return (count + size - 1) / size }

// pageLinks say where a page stands.
type pageLinks struct {
	total      int64
	prev, next string // empty where there is none
}

// linksOf returns the links from page number of total. They keep the other parameters of the query.
func linksOf(u *url.URL, number, total int64) pageLinks {
	links := pageLinks{total: total}
	if number > 1 {
		links.prev = pageLink(u, number-1)
	}
	if number < total {
		links.next = pageLink(u, number+1)
	}
	return links
}

func pageLink(u *url.URL, number int64) string {
	return linkPath(u) + "?" + withPage(u.RawQuery, number)
}

// withPage returns a query with another page. It keeps the order, and only the first of a repeated parameter.
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

// appendLink appends a link to another page. Where there is none, it appends null or nothing.
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
