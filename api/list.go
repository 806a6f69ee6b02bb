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
	style  style

	rows  func(ctx context.Context, p monitor.Page) iter.Seq2[T, error]
	count func(ctx context.Context) (int64, error)

	json  func(dst []byte, v T) []byte // appends one as JSON
	table *table[T]                    // one as a row; nil where only pages are offered

	// vacuous says that there cannot be anything, in which case no page is missing; nil where there always can.
	vacuous func(ctx context.Context) (bool, error)
}

// style is how an answer says where it stands in the list. Clients see the differences, so they stay.
type style int

const (
	// absentLinks leaves out the link to a page that does not exist, and answers 204 when nothing is found.
	absentLinks style = iota
	// nullLinks gives null for a page that does not exist.
	nullLinks
	// whole is a list that is always on one page.
	whole
)

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

// answerFirst answers with the first n of a list, as one page or in the format asked for.
func answerFirst[T any](c *gin.Context, n int64, l list[T]) error {
	f, err := formatOf(c, l.table != nil)
	if err != nil {
		return err
	}
	if n == 0 {
		l.rows = func(context.Context, monitor.Page) iter.Seq2[T, error] { return func(func(T, error) bool) {} }
	}
	first := monitor.Page{Limit: n}
	if f != formatJSON {
		return stream(c, f, l, first)
	}
	b := newBody(c, jsonType, pageLimit)
	if _, err := appendRows(b, l, first); err != nil {
		return err
	}
	b.data = appendEnd(b.data, l.style, pageLinks{total: 1})
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

// answerPage answers with the page asked for. Its number is of use only together with the number of all: that is
// asked of the store where it does not follow from what is on the page.
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
	b.data = appendEnd(b.data, l.style, linksOf(c.Request.URL, number, pageCount(count, size)))
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
	if l.style == absentLinks {
		c.Status(http.StatusNoContent)
		return nil
	}
	b := newBody(c, jsonType, pageLimit)
	b.data = appendEnd(appendStart(b.data, l), l.style, pageLinks{})
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
func appendEnd(dst []byte, s style, links pageLinks) []byte {
	dst = strconv.AppendInt(append(dst, `],"total_page":`...), links.total, 10)
	dst = appendLink(dst, s, "prev_url", links.prev)
	return append(appendLink(dst, s, "next_url", links.next), "}\n"...)
}
