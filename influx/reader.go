package influx

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"strings"
	"time"

	"pymon-bridge/monitor"
)

// Reader reads back what was delivered, by whichever bridge. It is safe for concurrent use.
//
// It asks in InfluxQL, at InfluxDB's route /query of version 1. That route has two peculiarities: it answers for the
// organisation that the token belongs to, and it knows a bucket by its name as a database, unless the operator has
// mapped that name to another bucket (a DBRP mapping).
type Reader struct {
	cfg    Config
	rest   rest
	source monitor.Destination
}

// NewReader checks the settings and returns a Reader. The token needs read access to both buckets. It does not need
// InfluxDB to be there. Fails with EInvalid.
func NewReader(cfg Config) (*Reader, error) {
	cfg, err := cfg.complete()
	if err != nil {
		return nil, err
	}
	return newReader(cfg), nil
}

func newReader(cfg Config) *Reader {
	return &Reader{cfg: cfg, rest: newRest(cfg), source: cfg.destination()}
}

// Destination names what is read from, as [Writer.Destination] does.
func (r *Reader) Destination() monitor.Destination { return r.source }

// The times that records are accepted with, and more on both sides than time zones take.
var (
	earliest = time.Date(1969, time.December, 1, 0, 0, 0, 0, time.UTC)
	latest   = time.Date(2200, time.February, 1, 0, 0, 0, 0, time.UTC)
)

var errStopped = errors.New("whoever reads wants no more")

// Query says which points to read.
type Query struct {
	Class   monitor.Class
	Project string // empty for all
	// The points are from From on and before To. A zero time leaves that side open. Contexts have no date, and ignore both.
	From, To time.Time
}

// complete fills in the sides that are open.
func (q Query) complete() Query {
	if q.From.Before(earliest) {
		q.From = earliest
	}
	if q.To.IsZero() || q.To.After(latest) {
		q.To = latest
	}
	if q.Class == monitor.ClassContext {
		q.From, q.To = contextWeek, contextWeek.Add(week)
	}
	return q
}

// Part is a part of the answer to a [Query]: the points of a week at most.
type Part struct {
	Query
	values []string // the values of the tag by which the part is read
}

// Parts divides the points of a query into weeks, in their order, and leaves out the weeks without points. Fails with EInvalid
// when a bucket's name has a slash, which InfluxQL takes for a retention policy, with EForbidden when the token may not read
// the bucket, with EUnavailable when InfluxDB does not answer. Nothing follows an error.
func (r *Reader) Parts(ctx context.Context, q Query) iter.Seq2[*Part, error] {
	q = q.complete()
	return sequence(func(visit func(*Part) error) error {
		for _, name := range []string{r.cfg.Bucket, r.cfg.MetaBucket} {
			if strings.Contains(name, "/") {
				return monitor.Errorf(monitor.EInvalid, "bucket %q cannot be read back: expected a name without a slash", name)
			}
		}
		return r.walk(ctx, q, visit)
	})
}

// Read returns the points of a part as they were delivered, in any order, each with its class of machine and its run.
// [monitor.Record.Source] is the Reader's destination. Memory does not depend on how many points there are, neither here nor
// in InfluxDB. The time that it takes follows the number of points and of tests measured in the week. What is delivered
// meanwhile may be in it or not. It fails as Parts does.
func (r *Reader) Read(ctx context.Context, part *Part) iter.Seq2[*monitor.Point, error] {
	return sequence(func(visit func(*monitor.Point) error) error { return r.readWeek(ctx, part, visit) })
}

// Count returns how many points a query has, about: those of other programs may be missing. It fails as Parts does.
func (r *Reader) Count(ctx context.Context, q Query) (n int64, err error) {
	q = q.complete()
	where, p := q.condition()
	field := "utc_offset" // an integer that all have: InfluxDB counts them fastest
	if q.Class == monitor.ClassContext {
		field = "ram_total"
	}
	query := fmt.Sprintf("SELECT count(%q::integer) AS n FROM %q WHERE %s", field, measurement(q.Class), where)
	_, err = r.rest.query(ctx, r.bucket(q.Class), query, p, func(found row) error {
		n, _ = found.value("n").(int64)
		return nil
	})
	return n, r.explain(q.Class, err)
}

// Points returns the records of a span of time, as Read does: first all contexts, then the sessions that began in the span,
// then its metrics, then its outcomes. The span begins at from and ends before to; a zero time leaves that side open. It fails
// as Parts does, and with ENotFound when the metrics bucket answers nothing for a span that has sessions.
func (r *Reader) Points(ctx context.Context, from, to time.Time) iter.Seq2[*monitor.Point, error] {
	return sequence(func(visit func(*monitor.Point) error) error {
		counts := map[monitor.Class]int64{}
		for _, class := range Classes {
			for part, err := range r.Parts(ctx, Query{Class: class, From: from, To: to}) {
				if err != nil {
					return err
				}
				err := r.readWeek(ctx, part, func(p *monitor.Point) error {
					counts[class]++
					return visit(p)
				})
				if err != nil {
					return err
				}
			}
		}
		return r.CheckMapping(func(class monitor.Class) int64 { return counts[class] })
	})
}

// Classes are the classes of records, those first that others refer to.
var Classes = [...]monitor.Class{monitor.ClassContext, monitor.ClassSession, monitor.ClassMetric, monitor.ClassOutcome}

// CheckMapping fails with ENotFound when sessions were read, but nothing that they measured. read says how many points
// of a class were.
func (r *Reader) CheckMapping(read func(monitor.Class) int64) error {
	n := read(monitor.ClassSession)
	if n == 0 || read(monitor.ClassMetric)+read(monitor.ClassOutcome) > 0 {
		return nil
	}
	return monitor.Errorf(monitor.ENotFound, "bucket %q has %d sessions, but bucket %q answers nothing that they measured: either they measured nothing, or it "+
		"expired there, or the organisation maps the database %[3]q to another bucket (see `influx v1 dbrp list`)",
		r.cfg.MetaBucket, n, r.cfg.Bucket)
}

// sequence makes a sequence of what scan visits.
func sequence[T any](scan func(visit func(T) error) error) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		err := scan(func(v T) error {
			if !yield(v, nil) {
				return errStopped
			}
			return nil
		})
		if err != nil && !errors.Is(err, errStopped) {
			var none T
			yield(none, err)
		}
	}
}

// points reads the points of a class that fulfil a condition, and returns the length of the answer.
func (r *Reader) points(ctx context.Context, class monitor.Class, where string, p params, visit func(*monitor.Point) error) (size int64, err error) {
	query := fmt.Sprintf("SELECT %s FROM %q WHERE %s", selection(class), measurement(class), where)
	size, err = r.rest.query(ctx, r.bucket(class), query, p, func(found row) error {
		ns, _ := found.value("time").(int64)
		point := Decode(class, ns, found.value)
		point.Source = r.source
		return visit(point)
	})
	return size, r.explain(class, err)
}

// bucket returns the name of the bucket that has the records of a class.
func (r *Reader) bucket(class monitor.Class) string {
	if isMetadata(class) {
		return r.cfg.MetaBucket
	}
	return r.cfg.Bucket
}

// explain says what InfluxDB's "not found" means for a bucket: also that the token may not see it.
func (r *Reader) explain(class monitor.Class, err error) error {
	switch {
	case err == nil || errors.Is(err, errStopped):
		return err
	case monitor.ErrorCode(err) == monitor.ENotFound:
		return monitor.Errorf(monitor.EForbidden, "the token may not read bucket %q in organisation %q, or belongs to another organisation, "+
			"or the bucket does not exist: give it read access to both buckets, as the token of `pymon-bridge influx setup` has (%w)", r.bucket(class), r.cfg.Org, err)
	default:
		return wrap(err, "read bucket %q", r.bucket(class))
	}
}
