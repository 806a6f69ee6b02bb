package influx

import (
	"context"
	"log/slog"
	"slices"
	"testing"

	"github.com/influxdata/influxdb-client-go/v2/api/query"
	"github.com/stretchr/testify/require"

	"pymon-bridge/monitor"
	"pymon-bridge/test/harness"
)

// InfluxDB applies the filters of a look-up, whose values travel beside the query, where the data is: only what
// matches leaves the storage.
func TestLookupIsPushedDown(t *testing.T) {
	t.Parallel()
	server := harness.SharedInflux(t)
	w, err := Open(Config{URL: server.URL, Token: server.Token, Org: server.Org}, slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	defer func() { require.NoError(t, w.Close()) }()
	s := &monitor.Session{SessionH: "ab12", Start: monitor.Instant{UTC: 1_700_000_000_000_000_000}}
	require.Equal(t, monitor.Delivered, w.Deliver(t.Context(), []*monitor.Point{{Record: &monitor.Record{Project: "p", Session: s}}}).Outcome)

	meta := w.Metadata()
	place := Row{Time: s.Start.UTC, Tags: map[string]string{tagPrefix: "ab", tagProject: "p"}}
	for name, make := range map[string]func() (string, params){
		"search": func() (string, params) {
			return meta.search(lookup{measurement: SessionMeasurement, field: "session_h", hash: "ab12"}, place.Tags)
		},
		"point": func() (string, params) { return meta.read(SessionMeasurement, place) },
	} {
		t.Run(name, func(t *testing.T) {
			flux, p := make()
			operators, found := profile(t.Context(), t, w, flux, p)
			require.Positive(t, found)
			require.True(t, slices.Contains(operators, "*influxdb.readFilterSource"), "%v", operators)
			require.False(t, slices.Contains(operators, "*universe.filterTransformation"), "%v", operators)
		})
	}
}

// profile runs a query and returns the types of the operators that ran, and how many records it gave.
func profile(ctx context.Context, t *testing.T, w *Writer, flux string, p params) (operators []string, found int) {
	t.Helper()
	flux = "import \"profiler\"\noption profiler.enabledProfilers = [\"operator\"]\n" + flux
	err := w.rest.query(ctx, w.cfg.Org, flux, p, func(_ *query.FluxTableMetadata, r *query.FluxRecord) {
		if r.Measurement() == "profiler/operator" {
			operators = append(operators, r.ValueByKey("Type").(string))
		} else {
			found++
		}
	})
	require.NoError(t, err)
	return operators, found
}
