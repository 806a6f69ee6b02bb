package web

import (
	"context"

	"pymon-bridge/monitor"
)

// sameName is how many tests of a module are looked at for one of a name.
const sameName = 1000

// named returns the path of the test that has the module and the name of a series, whatever its function, kind and component are.
// Dashboards and people know no more. The texts may be in the form that they have as tags in InfluxDB. It is "" where there is no
// such test, and for an address that says more.
func (p *Pages) named(ctx context.Context, s monitor.Series, asked *state) (path string, err error) {
	if asked.values.Has("item") || asked.values.Has("kind") || asked.values.Has("component") {
		return "", nil // else two addresses could lead to each other
	}
	for _, form := range []func(string) string{func(text string) string { return text }, monitor.DecodeText} {
		wanted := monitor.Series{Project: s.Project, ItemPath: form(s.ItemPath), ItemVariant: form(s.ItemVariant)}
		wanted.Item = monitor.FunctionOf(wanted.ItemVariant) // those of this function come first
		tests, err := p.parts.Store.Siblings(ctx, wanted, sameName)
		if err != nil {
			return "", err
		}
		for _, one := range tests {
			if one.ItemVariant == wanted.ItemVariant || one.ItemVariant == "" && one.Item == wanted.ItemVariant {
				if one != s {
					return monitor.TestPath(s.Project, one.ID(form(asked.values.Get("env")))), nil
				}
			}
		}
	}
	return "", nil
}
