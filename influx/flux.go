package influx

import (
	"context"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/influxdata/influxdb-client-go/v2/api"
	"github.com/influxdata/influxdb-client-go/v2/api/query"

	"pymon-bridge/monitor"
)

// allTime is the range of every time that is accepted. Queries must name one, and range(start: 0) would end now.
const allTime = "range(start: 1970-01-01T00:00:00Z, stop: 2200-01-01T00:00:00Z)"

// params are the values that a query refers to as v.NAME: texts, floats and patterns. They travel beside the query,
// never in its text, so that nothing in them can become part of it.
type params map[string]any

// pattern is a regular expression as a value of params.
type pattern string

// node is one node of Flux's syntax tree in JSON.
type node = map[string]any

// extern returns the syntax tree of `option v = {NAME: "TEXT", …}`, which InfluxDB runs before the query. (Query
// parameters proper exist in InfluxDB Cloud only.)
func (p params) extern() node {
	var properties []node
	for _, name := range slices.Sorted(maps.Keys(p)) {
		properties = append(properties, node{
			"type":  "Property",
			"key":   node{"type": "Identifier", "name": name},
			"value": literal(p[name]),
		})
	}
	assignment := node{
		"type": "VariableAssignment",
		"id":   node{"type": "Identifier", "name": "v"},
		"init": node{"type": "ObjectExpression", "properties": properties},
	}
	return node{"type": "File", "imports": []node{}, "body": []node{{"type": "OptionStatement", "assignment": assignment}}}
}

func literal(value any) node {
	kind := "StringLiteral"
	switch value.(type) {
	case float64:
		kind = "FloatLiteral"
	case pattern:
		kind = "RegexpLiteral"
	}
	return node{"type": kind, "value": value}
}

// query runs Flux and hands each record to visit.
func (r rest) query(ctx context.Context, org, flux string, p params, visit func(*query.FluxTableMetadata, *query.FluxRecord)) error {
	body, err := json.Marshal(map[string]any{
		"query": flux, "extern": p.extern(), "type": "flux", "dialect": api.DefaultDialect(),
	})
	if err != nil {
		return monitor.Errorf(monitor.EInternal, "make a query: %w", err)
	}
	return r.call(ctx, http.MethodPost, "query", url.Values{"org": {org}}, string(body), func(body io.Reader) error {
		result := api.NewQueryTableResult(io.NopCloser(body))
		for result.Next() {
			visit(result.TableMetadata(), result.Record())
		}
		return result.Err()
	})
}

// rows runs a query that gives unpivoted records (one per field) and puts the fields of each point together, in the
// order of their first record. Pivoting in Flux would make an absent text of an empty one.
func (r rest) rows(ctx context.Context, org, flux string, p params) ([]Row, error) {
	var rows []Row
	at := map[string]int{}
	err := r.query(ctx, org, flux, p, func(table *query.FluxTableMetadata, record *query.FluxRecord) {
		tags := tagsOf(table, record)
		key := rowKey(tags, record.Time())
		i, ok := at[key]
		if !ok {
			i = len(rows)
			at[key] = i
			rows = append(rows, Row{Time: record.Time().UnixNano(), Tags: tags, Fields: map[string]any{}})
		}
		rows[i].Fields[record.Field()] = fieldValue(table, record)
	})
	return rows, err
}

// tagsOf returns the tags of a record: the group columns that are not InfluxDB's own.
func tagsOf(table *query.FluxTableMetadata, record *query.FluxRecord) map[string]string {
	tags := map[string]string{}
	for _, c := range table.Columns() {
		if !c.IsGroup() || strings.HasPrefix(c.Name(), "_") {
			continue
		}
		tags[c.Name()], _ = record.ValueByKey(c.Name()).(string)
	}
	return tags
}

// fieldValue returns the value of a record. The client reads an empty text as none; unpivoted records always have one.
func fieldValue(table *query.FluxTableMetadata, record *query.FluxRecord) any {
	if v := record.Value(); v != nil {
		return v
	}
	for _, c := range table.Columns() {
		if c.Name() == "_value" && c.DataType() == "string" {
			return ""
		}
	}
	return nil
}

func rowKey(tags map[string]string, at time.Time) string {
	var b strings.Builder
	b.WriteString(strconv.FormatInt(at.UnixNano(), 10))
	for _, name := range slices.Sorted(maps.Keys(tags)) {
		b.WriteByte(0) // in no encoded text
		b.WriteString(name)
		b.WriteByte(0)
		b.WriteString(tags[name])
	}
	return b.String()
}
