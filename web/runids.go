package web

import (
	"context"
	"slices"
	"strings"
)

// isHash says whether a text has the digits of a hash only.
func isHash(s string) bool { return s != "" && strings.Trim(s, "0123456789abcdef") == "" }

// shortDigits is how many digits of the id of a session are shown.
const shortDigits = 10

// short returns an id of a run as it is shown. The id of a session is a long hash.
func short(id string) string {
	if len(id) == 32 && isHash(id) {
		return id[:shortDigits]
	}
	return id
}

// runsOfHash returns the runs whose id is a hash that begins with a text of as many digits as name a run.
func (p *Pages) runsOfHash(ctx context.Context, project, text string, max int) ([]string, error) {
	if len(text) < leastDigits || !isHash(text) {
		return nil, nil
	}
	runs, err := p.parts.Store.RunsOfHash(ctx, project, text, max)
	return slices.DeleteFunc(runs, func(run string) bool { return !isHash(run) }), err
}

// theRunOfHash returns the only run whose id is a hash that begins so; "" if there are more or none.
func (p *Pages) theRunOfHash(ctx context.Context, project, text string) (string, error) {
	runs, err := p.runsOfHash(ctx, project, text, 2)
	if err != nil || len(runs) != 1 {
		return "", err
	}
	return runs[0], nil
}
