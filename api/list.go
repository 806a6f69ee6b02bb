package api

import (
	"context"
	"iter"
	"math"
	"net/http"
	"strconv"

	"github.com/gin-gonic/gin"

	"pymon-bridge/monitor"
)

// list is a list of elements from a store, and the form of its answer.
type list[T any] struct {
	params []member // path parameters that the answer repeats
	key    string   // name of the member with the elements
	// nullLinks chooses between the two ways of the reference server. With it, a link without a page is null, and an
	// empty list is answered 200. Without it, the link is absent, and an empty list is answered 204.
	nullLinks bool

	rows  func(ctx context.Context, p monitor.Page) iter.Seq2[T, error]
	count func(ctx context.Context) (int64, error)

	json  func(dst []byte, v T) []byte // appends an element as JSON
	table *table[T]                    // for CSV; nil if the list has pages of JSON only

	// alwaysEmpty reports that the list cannot have elements. Then every page is answered as empty, instead of with 404.
	// It may be nil.
	alwaysEmpty func(ctx context.Context) (bool, error)
}

// newList returns the list for the query q. rows and count are methods of the store.
func newList[Q, T any](key string, q Q, rows func(context.Context, Q, monitor.Page) iter.Seq2[T, error],
	count func(context.Context, Q) (int64, error), json func([]byte, T) []byte, table *table[T]) list[T] {
	return list[T]{
		key:   key,
		rows:  func(ctx context.Context, p monitor.Page) iter.Seq2[T, error] { return rows(ctx, q, p) },
		count: func(ctx context.Context) (int64, error) { return count(ctx, q) },
		json:  json,
		table: table,
	}
}

// answerList answers with a page of a list as JSON, or with the whole list in another format.
func answerList[T any](c *gin.Context, size int64, l list[T]) error {
	f, err := formatOf(c, l.table != nil)
	if err != nil {
		return err
	}
	if f != formatJSON {
		return stream(c, f, l, monitor.Page{})
	}
	return answerPage(c, size, l)
}

// answerPart answers with the part p of a list, in any format. As JSON it is a single page.
func answerPart[T any](c *gin.Context, l list[T], p monitor.Page) error {
	f, err := formatOf(c, l.table != nil)
	if err != nil {
		return err
	}
	if f != formatJSON {
		return stream(c, f, l, p)
	}
	b := newBody(c, jsonType, pageLimit)
	if _, err := appendRows(b, l, p); err != nil {
		return err
	}
	b.data = appendEnd(b.data, l.nullLinks, pageLinks{total: 1})
	return b.finish()
}

// answerAll answers with a whole list as JSON, without links and without the number of pages.
func answerAll[T any](c *gin.Context, l list[T]) error {
	b := newBody(c, jsonType, pageLimit)
	n, err := appendRows(b, l, monitor.Page{})
	if err != nil {
		return err
	}
	if n == 0 {
		c.Status(http.StatusNoContent)
		return nil
	}
	b.data = append(b.data, "]}\n"...)
	return b.finish()
}

// answerPage answers with one page as JSON. The answer has the number of pages, so it needs the number of elements. It
// asks the store for this number only if the page itself does not tell it.
func answerPage[T any](c *gin.Context, size int64, l list[T]) error {
	number, err := pageNumber(c)
	if err != nil {
		return err
	}
	ctx, count := c.Request.Context(), int64(-1)
	if number < 0 {
		if count, err = l.count(ctx); err != nil {
			return err
		}
		number += pageCount(count, size) + 1
	}
	if number < 1 || number > math.MaxInt64/size {
		return answerMissing(c, l)
	}
	b := newBody(c, jsonType, pageLimit)
	p := monitor.Page{Offset: (number - 1) * size, Limit: size, Total: &count}
	n, err := appendRows(b, l, p)
	switch {
	case err != nil:
		return err
	case n == 0 && number == 1:
		return answerEmpty(c, l)
	case n == 0:
		return answerMissing(c, l)
	case n < size:
		count = p.Offset + n
	case count < 0:
		if count, err = l.count(ctx); err != nil {
			return err
		}
	}
	b.data = appendEnd(b.data, l.nullLinks, linksOf(c, number, pageCount(count, size)))
	return b.finish()
}

// answerMissing answers a request for a page that does not exist.
func answerMissing[T any](c *gin.Context, l list[T]) error {
	if l.alwaysEmpty != nil {
		empty, err := l.alwaysEmpty(c.Request.Context())
		if err != nil {
			return err
		}
		if empty {
			return answerEmpty(c, l)
		}
	}
	return monitor.Errorf(monitor.ENotFound, "this list has no such page")
}

func answerEmpty[T any](c *gin.Context, l list[T]) error {
	if !l.nullLinks {
		c.Status(http.StatusNoContent)
		return nil
	}
	b := newBody(c, jsonType, pageLimit)
	b.data = appendEnd(appendStart(b.data, l), l.nullLinks, pageLinks{})
	return b.finish()
}

// appendStart appends the part of an answer before its first element.
func appendStart[T any](dst []byte, l list[T]) []byte {
	dst = append(dst, '{')
	for _, m := range l.params {
		dst = appendMember(dst, m)
	}
	return append(append(append(dst, '"'), l.key...), `":[`...)
}

// appendRows appends the start of an answer and its elements. It returns the number of elements.
func appendRows[T any](b *body, l list[T], p monitor.Page) (n int64, err error) {
	b.data = appendStart(b.data, l)
	for v, err := range l.rows(b.c.Request.Context(), p) {
		if err != nil {
			return n, err
		}
		if n++; n > 1 {
			b.data = append(b.data, ',')
		}
		b.data = l.json(b.data, v)
		if err := b.sendIfFull(); err != nil {
			return n, err
		}
	}
	return n, nil
}

// appendEnd appends the part of an answer after its last element.
func appendEnd(dst []byte, nullLinks bool, links pageLinks) []byte {
	dst = strconv.AppendInt(append(dst, `],"total_page":`...), links.total, 10)
	dst = appendLink(dst, nullLinks, "prev_url", links.prev)
	return append(appendLink(dst, nullLinks, "next_url", links.next), "}\n"...)
}
