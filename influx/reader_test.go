package influx_test

import (
	"context"
	"fmt"
	"math"
	"net/http"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"pymon-bridge/influx"
	"pymon-bridge/monitor"
	"pymon-bridge/test/harness"
)

// Any records that the Writer delivered come back as they were sent: texts byte for byte, floats bit for bit, integers
// exactly, with their instants, offsets, runs, classes of machine and marks.
func TestAnyRecordsReadBack(t *testing.T) {
	t.Parallel()
	w := mustOpen(t, settings(harness.SharedInflux(t)))
	checks := 0
	rapid.Check(t, func(rt *rapid.T) {
		checks++ // all checks share the buckets, and have projects of their own
		d := drawer{T: rt, project: fmt.Sprintf("check-%d", checks), week: rapid.SampledFrom(weeks).Draw(rt, "week")}
		sent := d.points()
		reply := w.Prepare(sent)(t.Context())
		require.Equal(rt, monitor.Delivered, reply.Kind, "%+v", reply)
		var got []*monitor.Point
		for p, err := range w.Reader().Points(t.Context(), d.week, d.week.AddDate(0, 0, 7)) {
			require.NoError(rt, err)
			if p.Project == d.project {
				require.Equal(rt, w.Destination(), p.Source)
				got = append(got, p)
			}
		}
		require.Equal(rt, written(sent), written(got))
	})
}

// weeks are some in which records are placed, among them the first and the last that there are.
var weeks = []time.Time{
	time.Date(1969, time.December, 29, 0, 0, 0, 0, time.UTC),
	time.Date(2026, time.November, 19, 1, 2, 3, 456, time.UTC), // that does not begin on Monday
	time.Date(2199, time.December, 30, 0, 0, 0, 0, time.UTC),
}

// written returns texts that tell all that is delivered of records, in an order that does not depend on that of the
// records. When a metric or an outcome was received is not delivered.
func written(points []*monitor.Point) []string {
	var all []string
	for _, p := range points {
		received := int64(0)
		if p.Measured() == nil && !p.Received.IsZero() {
			received = p.Received.UnixNano()
		}
		all = append(all, fmt.Sprintf("%#v %#v %#v %#v %#v %#v received %d", p.Project, p.Context, p.Session, p.Metric, p.Outcome, p.Origin, received))
	}
	slices.Sort(all)
	return all
}

// A span has its first nanosecond and not its last; contexts, which have no date, are in every span.
func TestReadSpan(t *testing.T) {
	t.Parallel()
	w := mustOpen(t, settings(harness.SharedInflux(t)))
	c, s := contextPoint("p", "ab"), sessionPoint("p", "ab")
	from := time.Unix(0, s.Session.Start.UTC)
	to := from.Add(time.Second)
	at := func(p *monitor.Point, at time.Time) *monitor.Point {
		p.Measured().At.UTC = at.UnixNano()
		return p
	}
	inside := []*monitor.Point{c, s, at(metricPoint(1), from), at(metricPoint(2), to.Add(-1)), at(outcomePoint(1), from)}
	outside := []*monitor.Point{at(metricPoint(1), from.Add(-1)), at(metricPoint(2), to), at(outcomePoint(1), to)}
	require.Equal(t, monitor.Delivered, w.Prepare(slices.Concat(inside, outside))(t.Context()).Kind)
	got := readBack(t, w.Reader(), from, to)
	require.Equal(t, written(inside), written(got))
	require.Equal(t, []monitor.Class{monitor.ClassContext, monitor.ClassSession, monitor.ClassMetric, monitor.ClassMetric, monitor.ClassOutcome},
		classes(got), "what others refer to comes first")
	require.Len(t, readBack(t, w.Reader(), time.Time{}, time.Time{}), 8)
	require.Len(t, readBack(t, w.Reader(), to.Add(time.Hour), time.Time{}), 1)
}

// One project can be read by itself, in parts of a week at most that follow each other.
func TestReadOneProjectInWeeks(t *testing.T) {
	t.Parallel()
	w := mustOpen(t, settings(harness.SharedInflux(t)))
	var sent, wanted []*monitor.Point
	for n := range 20 {
		p := metricPoint(n)
		p.Metric.At.UTC = start.AddDate(0, 0, 5*n).UnixNano()
		if n%3 == 0 {
			p.Project = "shop"
			wanted = append(wanted, p)
		}
		sent = append(sent, p)
	}
	require.Equal(t, monitor.Delivered, w.Prepare(sent)(t.Context()).Kind)
	var got []*monitor.Point
	last := time.Time{}
	for part, err := range w.Reader().Parts(t.Context(), influx.Query{Class: monitor.ClassMetric, Project: "shop"}) {
		require.NoError(t, err)
		require.False(t, part.From.Before(last), "weeks follow each other")
		require.LessOrEqual(t, part.To.Sub(part.From), 7*24*time.Hour)
		last = part.To
		for p, err := range w.Reader().Read(t.Context(), part) {
			require.NoError(t, err)
			at := time.Unix(0, p.Metric.At.UTC)
			require.False(t, at.Before(part.From) || !at.Before(part.To))
			got = append(got, p)
		}
	}
	require.Equal(t, written(wanted), written(got))
}

func classes(points []*monitor.Point) (all []monitor.Class) {
	for _, p := range points {
		all = append(all, p.Class())
	}
	return all
}

// What another program wrote into the measurements does not change how our points are read.
func TestReadBesideOthers(t *testing.T) {
	t.Parallel()
	server := harness.SharedInflux(t)
	cfg := settings(server)
	w := mustOpen(t, cfg)
	ours := metricPoints(3)
	require.NoError(t, w.Ensure(t.Context()))
	require.Equal(t, monitor.Delivered, w.Prepare(ours)(t.Context()).Kind)
	elsewhere := start.AddDate(0, 0, 30) // InfluxDB compares types within a shard only
	server.Write(cfg.Bucket, fmt.Sprintf("test_metrics,item_path=x,project=p total_time=\"slow\",run=7,env=1.5,session_h=true,build=\"b\" %d\n"+
		"test_metrics,item_path=y,project=p,host=h total_time=3i %d\nother,item_path=x f=1 %[1]d", elsewhere.UnixNano(), elsewhere.AddDate(0, 0, 30).UnixNano()))
	got := readBack(t, w.Reader(), time.Time{}, time.Time{})
	require.Len(t, got, 5)
	require.Equal(t, written(ours), written(got[:3]))
	slices.SortFunc(got[3:], func(a, b *monitor.Point) int { return strings.Compare(a.Metric.ItemPath, b.Metric.ItemPath) })
	require.Equal(t, "x", got[3].Metric.ItemPath)
	require.True(t, math.IsNaN(got[3].Metric.TotalTime))
	require.Empty(t, got[3].Run+got[3].Env+got[3].Metric.SessionH)
	require.InDelta(t, 3, got[4].Metric.TotalTime, 0)
}

// Reading can be left, begun again and cancelled, like any sequence.
func TestReadIsASequence(t *testing.T) {
	t.Parallel()
	w := mustOpen(t, settings(harness.SharedInflux(t)))
	require.Equal(t, monitor.Delivered, w.Prepare(append(metricPoints(5000), contextPoint("p", "ab")))(t.Context()).Kind)
	all := w.Reader().Points(t.Context(), time.Time{}, time.Time{})
	for range 2 {
		for _, err := range all {
			require.NoError(t, err)
			break
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	points, failed := 0, error(nil)
	for _, err := range w.Reader().Points(ctx, time.Time{}, time.Time{}) {
		require.NoError(t, failed, "nothing comes after an error")
		if failed = err; err == nil {
			points++
			cancel()
		}
	}
	require.ErrorIs(t, failed, context.Canceled)
	require.Less(t, points, 5001)
	require.Len(t, readBack(t, w.Reader(), time.Time{}, time.Time{}), 5001)
}

// The error names what the token lacks, or what stands between the name of the bucket and its points.
func TestReadNamesWhatIsMissing(t *testing.T) {
	t.Parallel()
	server := harness.SharedInflux(t)
	cfg := settings(server)
	w := mustOpen(t, cfg)
	require.Equal(t, monitor.Delivered, w.Prepare([]*monitor.Point{contextPoint("p", "ab"), sessionPoint("p", "ab"), metricPoint(1)})(t.Context()).Kind)
	read := func(cfg influx.Config, from time.Time) error {
		r, err := influx.NewReader(cfg)
		require.NoError(t, err)
		for _, err := range r.Points(t.Context(), from, time.Time{}) {
			if err != nil {
				return err
			}
		}
		return nil
	}
	require.NoError(t, read(cfg, start.Add(-time.Hour)))
	for _, c := range []struct {
		token   string
		code    monitor.Code
		message string
	}{
		{server.NewToken(server.OnBucket("read", cfg.MetaBucket), server.OnBucket("write", cfg.Bucket)), monitor.EForbidden,
			fmt.Sprintf("the token may not read bucket %q in organisation %q", cfg.Bucket, cfg.Org)},
		{server.NewToken(server.OnBucket("read", cfg.Bucket)), monitor.EForbidden, fmt.Sprintf("the token may not read bucket %q", cfg.MetaBucket)},
		{"nonsense", monitor.EUnauthorized, fmt.Sprintf("read bucket %q: ", cfg.MetaBucket)},
	} {
		limited := cfg
		limited.Token = c.token
		err := read(limited, start.Add(-time.Hour))
		require.Equal(t, c.code, monitor.ErrorCode(err), "%v", err)
		require.Contains(t, err.Error(), c.message)
	}
	mapDatabase(t, server, cfg.Bucket, server.NewBucket("other", 0))
	err := read(cfg, start.Add(-time.Hour))
	require.Equal(t, monitor.ENotFound, monitor.ErrorCode(err), "%v", err)
	require.Contains(t, err.Error(), fmt.Sprintf("bucket %q has 1 sessions, but bucket %q answers nothing", cfg.MetaBucket, cfg.Bucket))
	require.Contains(t, err.Error(), fmt.Sprintf("maps the database %q to another bucket", cfg.Bucket))
	require.NoError(t, read(cfg, start.Add(time.Hour)), "no sessions, nothing missing")
}

// mapDatabase makes InfluxQL find a bucket under the name of another one.
func mapDatabase(t *testing.T, server *harness.Influx, name, bucket string) {
	t.Helper()
	body := fmt.Sprintf(`{"orgID":%q,"bucketID":%q,"database":%q,"retention_policy":"autogen","default":true}`, server.OrgID, server.BucketID(bucket), name)
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, server.URL+"/api/v2/dbrps", strings.NewReader(body))
	require.NoError(t, err)
	req.Header.Set("Authorization", "Token "+server.Token)
	resp, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	require.Equal(t, http.StatusCreated, resp.StatusCode)
}

// A hundred megabytes of descriptions are never in memory at once. No test runs beside this one, since it looks at the
// memory of the process.
func TestReadHugeDescriptions(t *testing.T) {
	const size = 1_000_000
	w := mustOpen(t, settings(harness.SharedInflux(t)))
	for batch := range 10 {
		var points []*monitor.Point
		for n := range 10 {
			p := sessionPoint("p", fmt.Sprintf("%02x", 10*batch+n))
			p.Session.Description = strings.Repeat("d", size)
			points = append(points, p)
		}
		require.Equal(t, monitor.Delivered, w.Prepare(append(points, metricPoint(batch)))(t.Context()).Kind)
	}
	sessions, most := 0, uint64(0)
	for p, err := range w.Reader().Points(t.Context(), time.Time{}, time.Time{}) {
		require.NoError(t, err)
		if p.Session == nil {
			continue
		}
		require.Len(t, p.Session.Description, size)
		sessions++
		runtime.GC() // so that only what is in use counts
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		most = max(most, m.HeapAlloc)
	}
	require.Equal(t, 100, sessions)
	require.Less(t, most, uint64(50*size))
}
