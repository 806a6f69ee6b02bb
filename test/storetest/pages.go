package storetest

import (
	"context"
	"iter"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"pymon-bridge/monitor"
)

// all reads a list to its end.
func all[T any](t *testing.T, list iter.Seq2[T, error]) []T {
	t.Helper()
	items := []T{}
	for item, err := range list {
		require.NoError(t, err)
		items = append(items, item)
	}
	return items
}

// question is a list and its count for one query.
type question[T any] struct {
	list  func(ctx context.Context, p monitor.Page) iter.Seq2[T, error]
	count func(ctx context.Context) (int64, error)
}

// ask makes a question.
func ask[Q, T any](q Q, list func(context.Context, Q, monitor.Page) iter.Seq2[T, error],
	count func(context.Context, Q) (int64, error)) question[T] {
	return question[T]{
		list:  func(ctx context.Context, p monitor.Page) iter.Seq2[T, error] { return list(ctx, q, p) },
		count: func(ctx context.Context) (int64, error) { return count(ctx, q) },
	}
}

// check compares the whole list, its count and some pages. The order of equal items is the store's own. So check sorts
// the list with arrange before it compares, and compares pages with the list of the store. same compares two items.
func (q question[T]) check(t *testing.T, r *rand.Rand, want []T, arrange func([]T), same func(t *testing.T, want, got T)) {
	t.Helper()
	listed := all(t, q.list(t.Context(), monitor.Page{}))
	require.Len(t, listed, len(want))
	arranged := append([]T{}, listed...)
	if arrange != nil {
		arrange(arranged)
	}
	for i := range want {
		same(t, want[i], arranged[i])
	}
	n, err := q.count(t.Context())
	require.NoError(t, err)
	require.Equal(t, int64(len(want)), n)
	for _, p := range pages(r, len(want)) {
		page := all(t, q.list(t.Context(), p))
		from := min(int(p.Offset), len(listed))
		part := listed[from:]
		if p.Limit > 0 {
			part = part[:min(len(part), int(p.Limit))]
		}
		require.Len(t, page, len(part), "%+v", p)
		for i := range part {
			same(t, part[i], page[i])
		}
	}
}

// pages returns the first page, the last page and one more page: in between, after the end, or without a limit.
func pages(r *rand.Rand, n int) []monitor.Page {
	size := 1 + r.IntN(pick(r, []int{7, 60}))
	last := max(0, n-1) / size * size
	return []monitor.Page{
		{Limit: int64(size)},
		{Offset: int64(last), Limit: int64(size)},
		pick(r, []monitor.Page{
			{Offset: int64(r.IntN(n + 1)), Limit: int64(size)},
			{Offset: int64(n), Limit: int64(size)},
			{Offset: int64(n / 2)},
		}),
	}
}
