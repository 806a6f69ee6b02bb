package influx

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/tinylib/msgp/msgp"

	"pymon-bridge/monitor"
)

// row is one row of an answer to InfluxQL, which is good until the next one is read. Values are in the order of the
// query's columns; the first is the time.
type row struct {
	tags   map[string]string // that the query groups by
	floats []float64         // NaN for what is no number
	texts  [][]byte          // nil for what is no text
	time   int64
}

// errElsewhere says that InfluxQL gives no answer here, while Flux may.
var errElsewhere = errors.New("InfluxDB does not answer InfluxQL")

// rowsOf reads the metrics of sessions, one window after the other, by the columns of a query in InfluxQL. visit says
// whether a row was of one of the sessions. Fails with errElsewhere where none was.
func (s *Store) rowsOf(ctx context.Context, plan *windows, columns string, p params, visit func(*row) (bool, error)) error {
	found := false
	for spans := plan.next(); len(spans) > 0; spans = plan.next() {
		for _, in := range spans {
			query := fmt.Sprintf(columns, fmt.Sprintf("time >= %d AND time < %d", in.from, in.to))
			err := s.influxQL(ctx, query, p, func(r *row) error {
				wanted, err := visit(r)
				found = found || wanted
				return err
			})
			if errors.Is(err, errElsewhere) && found { // what was handed over cannot be taken back
				return monitor.Errorf(monitor.EUnavailable, "read from InfluxDB at %s: %v", s.writer.cfg.URL, err)
			}
			if err != nil {
				return err
			}
		}
	}
	if !found { // perhaps because the data is where InfluxQL does not look
		return errElsewhere
	}
	return nil
}

// influxQL runs a query in InfluxQL, whose answer is streamed in the form that is cheapest to write and to read, and
// hands each row to visit. It ends when InfluxDB shows no sign of life, however long it takes otherwise. Fails with
// errElsewhere where no row was handed over and asking by Flux makes sense: InfluxQL answers for the organisation of
// the token only, and knows a bucket only by its name as a database.
func (s *Store) influxQL(ctx context.Context, query string, p params, visit func(*row) error) error {
	values, err := json.Marshal(p)
	if err != nil {
		return monitor.Errorf(monitor.EInternal, "make a query: %w", err)
	}
	database, policy, _ := strings.Cut(s.writer.cfg.Bucket, "/")
	form := url.Values{"db": {database}, "q": {query}, "params": {string(values)}, "epoch": {"ns"}, "chunked": {"true"}}
	if policy != "" {
		form.Set("rp", policy)
	}
	rows := 0
	err = s.Pulsed(ctx, func(ctx context.Context) error {
		return s.writer.rest.stream(ctx, form, func(body io.Reader) error {
			return decodeInfluxQL(body, func(r *row) error { rows++; return visit(r) })
		})
	})
	refused := monitor.ErrorCode(err) != monitor.EUnavailable
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case rows == 0 && (refused || errors.Is(err, errElsewhere)):
		return errElsewhere
	case errors.Is(err, errStopped):
		return errStopped
	default:
		return monitor.Errorf(monitor.EUnavailable, "read from InfluxDB at %s: %v", s.writer.cfg.URL, err)
	}
}

// stream makes a request to InfluxDB's query route of version 1, and has the answer read, which may take any time.
func (r rest) stream(ctx context.Context, form url.Values, read func(io.Reader) error) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, r.client.HTTPService().ServerURL()+"query", strings.NewReader(form.Encode()))
	if err != nil {
		return monitor.Errorf(monitor.EInternal, "make a request to InfluxDB: %w", err)
	}
	return r.do(req, http.Header{
		"Content-Type": {"application/x-www-form-urlencoded"},
		"Accept":       {msgpackType},
	}, func(resp *http.Response) error {
		if resp.Header.Get("Content-Type") != msgpackType {
			return errElsewhere
		}
		return read(resp.Body)
	})
}

const msgpackType = "application/x-msgpack"

// decoder reads the chunks of an answer, each of which is an object of its own.
type decoder struct {
	*msgp.Reader
	row     row
	visit   func(*row) error
	partial bool // more has to follow
}

func decodeInfluxQL(body io.Reader, visit func(*row) error) error {
	d := &decoder{Reader: msgp.NewReaderSize(body, 64<<10), visit: visit}
	for {
		if _, err := d.NextType(); errors.Is(err, io.EOF) {
			if d.partial {
				return io.ErrUnexpectedEOF
			}
			return nil
		}
		err := d.object(map[string]func() error{
			"results": func() error { return d.array(d.result) },
			"error":   d.failure,
		})
		if err != nil {
			return err
		}
	}
}

func (d *decoder) result() error {
	d.partial = false
	return d.object(map[string]func() error{
		"series":  func() error { return d.array(d.series) },
		"error":   d.failure,
		"partial": func() (err error) { d.partial, err = d.ReadBool(); return err },
	})
}

// series reads rows that have tags in common. The tags come before the values.
func (d *decoder) series() error {
	d.row.tags = nil
	return d.object(map[string]func() error{
		"tags":   d.tags,
		"values": func() error { return d.array(d.values) },
	})
}

func (d *decoder) tags() error {
	d.row.tags = map[string]string{}
	n, err := d.ReadMapHeader()
	for range n {
		if err != nil {
			return err
		}
		var name string
		if name, err = d.ReadString(); err == nil {
			d.row.tags[name], err = d.ReadString()
		}
	}
	return err
}

// failure reads what InfluxDB met instead of more rows.
func (d *decoder) failure() error {
	message, err := d.ReadString()
	if err != nil {
		return err
	}
	return fmt.Errorf("%w: %s", errElsewhere, message)
}

// object reads an object of which some members matter.
func (d *decoder) object(members map[string]func() error) error {
	n, err := d.ReadMapHeader()
	if err != nil {
		return err
	}
	for range n {
		key, err := d.ReadMapKeyPtr()
		if err != nil {
			return err
		}
		read := members[string(key)]
		if read == nil {
			read = d.Skip
		}
		if err := read(); err != nil {
			return err
		}
	}
	return nil
}

func (d *decoder) array(element func() error) error {
	n, err := d.ReadArrayHeader()
	if err != nil {
		return err
	}
	for range n {
		if err := element(); err != nil {
			return err
		}
	}
	return nil
}
