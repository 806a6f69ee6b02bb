package influx

import (
	"context"
	"regexp"
	"slices"
	"unicode/utf8"

	"pymon-bridge/monitor"
)

// stand matches the tags that may stand for several texts, because an address was replaced or they were cut.
const stand = ` at 0x…>|~[0-9a-f]{16}$`

var standing = regexp.MustCompile(stand)

// tagOf and fieldOf name where the texts of metrics are.
var (
	tagOf = map[monitor.Field]string{monitor.FieldItem: "item", monitor.FieldItemVariant: "item_variant",
		monitor.FieldKind: "kind", monitor.FieldComponent: "component"}
	fieldOf = map[monitor.Field]string{monitor.FieldSessionH: "session_h", monitor.FieldContextH: "context_h"}
)

// metricScan puts a query in InfluxDB's terms. It returns nil if nothing can be found.
func (s *Store) metricScan(ctx context.Context, q monitor.MetricQuery) (*scan, error) {
	sc := newScan(s.writer.cfg.Bucket, MetricMeasurement, presentField)
	sc.ofProject(q.Project)
	var ofSession []monitor.Match
	for _, m := range q.Where {
		switch {
		case tagOf[m.Field] != "":
			if err := s.matchTag(ctx, sc, tagOf[m.Field], m); err != nil {
				return nil, err
			}
		case fieldOf[m.Field] != "":
			sc.matchField(fieldOf[m.Field], m)
		default:
			ofSession = append(ofSession, m)
		}
	}
	sc, err := s.narrow(ctx, sc, q, ofSession)
	if sc != nil && q.Top != nil {
		sc.matchPresent(measurementFields[q.Top.Of])
	}
	return sc, err
}

// matchTag adds a condition on a text that is a tag.
func (s *Store) matchTag(ctx context.Context, sc *scan, tag string, m monitor.Match) error {
	decide := func(p *sample) bool { return compares(m, p.text(tag)) }
	if m.How == monitor.Equals {
		value, exact := EncodeTag(m.Text)
		sc.equals(tag, value)
		sc.directed = sc.directed || tag == "item" || tag == "item_variant"
		if !exact || standing.MatchString(value) {
			sc.rows = nil
			sc.also(decide, tag+rawSuffix)
		}
		return nil
	}
	if m.Text == "" {
		return nil
	}
	sc.rows = nil
	if compares(m, emptyText) { // it stands for no text
		sc.tags = append(sc.tags, "r."+tag+" != "+sc.bind(emptyText))
	}
	if !utf8.ValidString(m.Text) { // bytes of a character do not stand in its encoding
		sc.also(decide, tag+rawSuffix)
		return nil
	}
	several, err := s.anyTag(ctx, sc, tag)
	if err != nil {
		return err
	}
	re := encodedPattern(m)
	if several {
		re += "|" + stand
		sc.also(decide, tag+rawSuffix)
	}
	sc.tags = append(sc.tags, "r."+tag+" =~ "+sc.bind(pattern(re)))
	return nil
}

// anyTag says whether a tag has a value that may stand for several texts.
func (s *Store) anyTag(ctx context.Context, sc *scan, tag string) (found bool, err error) {
	look := sc.keyed(sc.key, func(c *scan) string { return "" })
	look.tags = append(slices.Clone(sc.tags), "r."+tag+" =~ "+look.bind(pattern(stand)))
	err = s.ask(ctx, look.tagValues(tag)+` |> limit(n: 1)`, look.params, func(*record) error { found = true; return nil })
	return found, err
}

// encodedPattern returns the regular expression for encoded texts that match. The empty text has to be left out
// otherwise; m.Text is valid UTF-8.
func encodedPattern(m monitor.Match) string {
	re := regexp.QuoteMeta(encodePart(m.Text))
	if m.How == monitor.HasPrefix {
		re = "^" + re
	}
	if compares(m, emptyText) { // which is encoded like no other text
		re += "|^" + regexp.QuoteMeta(emptyTextLiteral) + "$"
	}
	return re
}

// matchField adds a condition on a text that is a field: as the key of the scan, if that is still free.
func (sc *scan) matchField(field string, m monitor.Match) {
	sc.rows = nil
	if sc.key != presentField || !utf8.ValidString(m.Text) && m.How != monitor.Equals {
		sc.also(func(p *sample) bool { return compares(m, p.row().text(field)) }, field)
		return
	}
	sc.key = field
	switch {
	case m.How == monitor.Equals:
		sc.value = "r._value == " + sc.bind(EncodeText(m.Text))
	case m.Text != "":
		sc.value = "r._value =~ " + sc.bind(pattern(encodedPattern(m)))
		if compares(m, emptyText) {
			sc.value += " and r._value != " + sc.bind(emptyText)
		}
	}
}

// matchPresent leaves out metrics that lack a field.
func (sc *scan) matchPresent(field string) {
	if sc.key == presentField && sc.exact() {
		sc.key = field
		return
	}
	sc.also(func(p *sample) bool { return p.fields[field] != nil }, field)
}
