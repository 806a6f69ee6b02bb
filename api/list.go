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

// list is the answer to a question that finds many.
type list[T any] struct {
	repeat []member // what the answer repeats of the question
	key    string   // member that holds what is found
	// nullLinks gives null for the link to a page that does not exist, and an empty list where nothing is found. Without
	// it the link is absent, and the answer is 204. Clients of the reference server see the difference.
	nullLinks bool

	rows  func(ctx context.Context, p monitor.Page) iter.Seq2[T, error]
	count func(ctx context.Context) (int64, error)

	json  func(dst []byte, v T) []byte // appends one as JSON
	table *table[T]                    // one as a row; nil where only pages are offered

	// vacuous says that the list cannot have elements. Any page of it is then answered as empty instead of missing. nil
	// stands for no.
	vacuous func(ctx context.Context) (bool, error)
}

// newList is the answer to q, which rows and count of a store answer.
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

// answerList answers with a page of a list, or with all of it in the format asked for.
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

// answerPart answers with a part of a list, as its only page or in the format asked for.
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
	return b.end()
}

// answerAll answers with a whole list and nothing but its elements.
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
	return b.end()
}

// answerPage answers with the page asked for and with the number of pages. It asks the store for the number of elements
// only where that does not follow from what is on the page.
func answerPage[T any](c *gin.Context, size int64, l list[T]) error {
	number, err := askedPage(c)
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
	p := monitor.Page{Offset: (number - 1) * size, Limit: size}
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
	b.data = appendEnd(b.data, l.nullLinks, linksOf(c.Request.URL, number, pageCount(count, size)))
	return b.end()
}

// answerMissing refuses a page that does not exist.
func answerMissing[T any](c *gin.Context, l list[T]) error {
	if l.vacuous != nil {
		none, err := l.vacuous(c.Request.Context())
		if err != nil {
			return err
		}
		if none {
			return answerEmpty(c, l)
		}
	}
	return monitor.Errorf(monitor.ENotFound, "there is no such page of this list")
}

// answerEmpty answers that nothing was found.
func answerEmpty[T any](c *gin.Context, l list[T]) error {
	if !l.nullLinks {
		c.Status(http.StatusNoContent)
		return nil
	}
	b := newBody(c, jsonType, pageLimit)
	b.data = appendEnd(appendStart(b.data, l), l.nullLinks, pageLinks{})
	return b.end()
}

// appendStart appends an answer up to its first element.
func appendStart[T any](dst []byte, l list[T]) []byte {
	dst = append(dst, '{')
	for _, m := range l.repeat {
		dst = appendMember(dst, m)
	}
	return append(append(append(dst, '"'), l.key...), `":[`...)
}

// appendRows appends an answer up to its last element and returns how many there are.
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
		if err := b.grown(); err != nil {
			return n, err
		}
	}
	return n, nil
}

// appendEnd appends what follows the last element.
func appendEnd(dst []byte, nullLinks bool, links pageLinks) []byte {
	dst = strconv.AppendInt(append(dst, `],"total_page":`...), links.total, 10)
	dst = appendLink(dst, nullLinks, "prev_url", links.prev)
	return append(appendLink(dst, nullLinks, "next_url", links.next), "}\n"...)
}
