package influx

import (
	"context"
	"strings"

	"pymon-bridge/monitor"
)

// cutTexts knows the texts that tags stand for which do not give them back.
type cutTexts struct {
	store   *Store
	project string // any if empty
	whole   map[string]string
}

func newCutTexts(s *Store, project string) *cutTexts {
	return &cutTexts{store: s, project: project, whole: map[string]string{}}
}

// stable returns the text that a tag stands for: that of a test with addresses replaced, that of a class of machine as
// it was sent.
func (c *cutTexts) stable(ctx context.Context, name, tag string) (string, error) {
	if isEnv := name == "env"; !isEnv && len(tag) < cutTag-maxTorn || !standing.MatchString(tag) {
		return DecodeText(tag), nil
	}
	key := name + "\x00" + tag
	if text, ok := c.whole[key]; ok {
		return text, nil
	}
	sc := newScan(c.store.writer.cfg.Bucket, MetricMeasurement, name+rawSuffix)
	sc.ofProject(c.project)
	sc.tags = append(sc.tags, "r."+name+" == "+sc.bind(tag))
	text := DecodeText(tag)
	err := c.store.ask(ctx, sc.flux(everywhere)+` |> last() |> group() |> limit(n: 1) |> keep(columns: ["_value"])`, sc.params,
		func(r *record) error { text = strings.Clone(DecodeText(r.text("_value"))); return nil })
	if err != nil {
		return "", err
	}
	if name != "env" {
		text = monitor.StableText(text)
	}
	c.whole[key] = text
	return text, nil
}
