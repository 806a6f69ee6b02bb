package influx_test

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pymon-bridge/influx"
	"pymon-bridge/monitor"
	"pymon-bridge/test/harness"
)

func TestEnsureCreatesBuckets(t *testing.T) {
	t.Parallel()
	server := harness.SharedInflux(t)
	cfg := settings(server)
	w := mustOpen(t, cfg)
	require.NoError(t, w.Ensure(t.Context()))
	require.NoError(t, w.Ensure(t.Context()), "what is there stays")
	for _, bucket := range []string{cfg.Bucket, cfg.MetaBucket} {
		require.True(t, server.HasBucket(bucket))
		require.Equal(t, 28*24*time.Hour, server.ShardGroup(bucket))
	}
}

func TestEnsureByOrganisationID(t *testing.T) {
	t.Parallel()
	server := harness.SharedInflux(t)
	cfg := settings(server)
	cfg.Org = server.OrgID
	require.NoError(t, mustOpen(t, cfg).Ensure(t.Context()))
	require.True(t, server.HasBucket(cfg.Bucket))
}

// The message tells the operator what is missing, and where.
func TestEnsureNamesWhatIsMissing(t *testing.T) {
	t.Parallel()
	server := harness.SharedInflux(t)
	there, other := server.NewBucket("there", 0), server.NewBucket("other", 0)
	meta := server.NewBucket("meta", 0)
	seeOrg := harness.Permission{Action: "read", Resource: harness.Resource{Type: "orgs", ID: server.OrgID}}
	for _, c := range []struct {
		name    string
		token   string
		org     string
		bucket  string
		code    monitor.Code
		message string
	}{
		{"read only", server.NewToken(server.OnBucket("read", there), server.OnBucket("write", meta)), server.Org, there,
			monitor.EForbidden, `the token may not write to bucket %[1]q in organisation %[2]q: give it write access to that bucket`},
		{"another bucket", server.NewToken(server.OnBucket("write", other), server.OnBucket("write", meta)), server.Org, there,
			monitor.EForbidden, `the token may not write to bucket %[1]q`},
		{"may not create", server.NewToken(server.OnBucket("write", meta), seeOrg), server.Org, "absent",
			monitor.EForbidden, `the token may not create buckets: create bucket %[1]q in organisation %[2]q or give the token write:buckets`},
		{"may not see the organisation", server.NewToken(server.OnBucket("write", meta)), server.Org, "absent",
			monitor.ENotFound, `bucket %[1]q in organisation %[2]q cannot be written to (bucket "absent" not found), and the token may not see that organisation: create the bucket, correct the organisation, or give the token read:orgs and write:buckets`},
		{"unknown token", "nonsense", server.Org, there, monitor.EUnauthorized, `InfluxDB does not accept the token: unauthorized access`},
		{"unknown organisation", server.Token, "nobody", there, monitor.ENotFound, `(organization name "nobody" not found)`},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := mustOpen(t, influx.Config{URL: server.URL, Token: c.token, Org: c.org, Bucket: c.bucket, MetaBucket: meta})
			err := w.Ensure(t.Context())
			require.Error(t, err)
			require.Equal(t, c.code, monitor.ErrorCode(err))
			want := c.message
			if strings.Contains(want, "%[") {
				want = strings.Split(fmt.Sprintf(want, c.bucket, c.org), "%!")[0]
			}
			require.Contains(t, err.Error(), want)
			v := w.Prepare(metricPoints(1))(t.Context())
			require.Equal(t, monitor.Denied, v.Kind)
			require.Contains(t, v.Message, want, "the first delivery says the same")
		})
	}
}

// A token that may write to the two buckets and nothing else is enough to deliver.
func TestWriteOnlyToken(t *testing.T) {
	t.Parallel()
	server := harness.SharedInflux(t)
	bucket, meta := server.NewBucket("metrics", time.Hour), server.NewBucket("meta", 0)
	var log strings.Builder
	w, err := influx.Open(influx.Config{URL: server.URL, Org: server.Org, Bucket: bucket, MetaBucket: meta,
		Token: server.NewToken(server.OnBucket("write", bucket), server.OnBucket("write", meta))},
		slog.New(slog.NewTextHandler(&log, nil)))
	require.NoError(t, err)
	defer func() { require.NoError(t, w.Close()) }()
	require.NoError(t, w.Ensure(t.Context()))
	require.Contains(t, log.String(), "contexts and sessions that only another bridge has will not be found")
	p := metricPoint(1)
	p.Metric.At.UTC = time.Now().UnixNano()
	require.Equal(t, monitor.Delivered, w.Prepare([]*monitor.Point{p, sessionPoint("p", "ab")})(t.Context()).Kind)
	require.Empty(t, w.Limit(metricPoint(1)), "its retention is not known")
	_, err = w.Reader().Session(t.Context(), "p", "ab")
	require.Equal(t, monitor.EForbidden, monitor.ErrorCode(err))
	require.Contains(t, err.Error(), `the token may not read bucket "`+meta+`"`)
}

func TestRevokedToken(t *testing.T) {
	t.Parallel()
	server := harness.SharedInflux(t)
	cfg := settings(server)
	cfg.Token = server.NewToken(harness.OwnerOf(server.OrgID)...)
	w := mustOpen(t, cfg)
	require.Equal(t, monitor.Delivered, w.Prepare(metricPoints(1))(t.Context()).Kind)
	server.RevokeToken(cfg.Token)
	v := w.Prepare(metricPoints(1))(t.Context())
	require.Equal(t, monitor.Reply{Kind: monitor.Denied, Status: 401, Message: "unauthorized access"}, v)
	v = w.Probe(t.Context(), monitor.ClassMetric) // it looks for the bucket again
	require.Equal(t, monitor.Reply{Kind: monitor.Denied, Status: 401,
		Message: "InfluxDB does not accept the token: unauthorized access"}, v)
}

func TestDeletedBucketIsCreatedAgain(t *testing.T) {
	t.Parallel()
	server := harness.SharedInflux(t)
	cfg := settings(server)
	var created []string
	cfg.OnCreated = func(bucket string, _ []monitor.Class) { created = append(created, bucket) }
	w := mustOpen(t, cfg)
	require.Equal(t, monitor.Delivered, w.Prepare(metricPoints(1))(t.Context()).Kind)
	require.Equal(t, []string{cfg.MetaBucket, cfg.Bucket}, created, "both buckets are there before the first point")
	server.DeleteBucket(cfg.Bucket)
	v := w.Prepare(metricPoints(1))(t.Context())
	require.Equal(t, monitor.Denied, v.Kind)
	require.Equal(t, 404, v.Status)
	require.Equal(t, monitor.Delivered, w.Prepare(metricPoints(1))(t.Context()).Kind, "the next try creates it")
	require.Len(t, server.Points(cfg.Bucket, influx.MetricMeasurement), 1)
	require.Equal(t, []string{cfg.MetaBucket, cfg.Bucket, cfg.Bucket}, created)
	again := mustOpen(t, cfg)
	require.Equal(t, monitor.Delivered, again.Prepare(metricPoints(1))(t.Context()).Kind)
	require.Len(t, created, 3, "what is there was not created")
}

// Of two bridges that deliver to a bucket, one creates it again. Both say so.
func TestBucketThatAnotherCreatedAgainIsNoticed(t *testing.T) {
	t.Parallel()
	server := harness.SharedInflux(t)
	cfg := settings(server)
	var created []string
	cfg.OnCreated = func(bucket string, _ []monitor.Class) { created = append(created, bucket) }
	w := mustOpen(t, cfg)
	require.Equal(t, monitor.Delivered, w.Prepare(metricPoints(1))(t.Context()).Kind)
	created = nil
	server.DeleteBucket(cfg.Bucket)
	require.Equal(t, 404, w.Prepare(metricPoints(1))(t.Context()).Status)
	another := cfg
	another.OnCreated = nil
	require.NoError(t, mustOpen(t, another).Ensure(t.Context()))
	require.Equal(t, monitor.Delivered, w.Prepare(metricPoints(1))(t.Context()).Kind)
	require.Equal(t, []string{cfg.Bucket}, created)
	require.Equal(t, monitor.Delivered, w.Prepare(metricPoints(1))(t.Context()).Kind)
	require.Len(t, created, 1, "it is said once")
}

// Others may delete a bucket and make it again while the bridge delivers nothing. It has another ID then.
func TestBucketThatWasExchangedIsNoticed(t *testing.T) {
	t.Parallel()
	server := harness.SharedInflux(t)
	cfg := settings(server)
	var created []string
	cfg.OnCreated = func(bucket string, _ []monitor.Class) { created = append(created, bucket) }
	now := time.Now()
	cfg.Now = func() time.Time { return now }
	w := mustOpen(t, cfg)
	deliver := func(kind monitor.ReplyKind, noticed ...string) {
		t.Helper()
		created = nil
		require.Equal(t, kind, w.Prepare(metricPoints(1))(t.Context()).Kind)
		require.Equal(t, noticed, created)
	}
	later := func() { now = now.Add(time.Minute) }
	deliver(monitor.Delivered, cfg.MetaBucket, cfg.Bucket)
	for _, bucket := range []string{cfg.Bucket, cfg.MetaBucket} {
		server.DeleteBucket(bucket)
		server.AddBucket(bucket, 0)
		later()
		deliver(monitor.Delivered, bucket)
		later()
		deliver(monitor.Delivered)
	}
	server.DeleteBucket(cfg.Bucket)
	deliver(monitor.Denied)
	deliver(monitor.Delivered, cfg.Bucket)
	later()
	deliver(monitor.Delivered) // the ID that the bridge made itself
}

// An InfluxDB that refuses a bucket with a length of shards gets one without. Its words about a bucket that it refuses altogether are told.
func TestBucketThatIsRefused(t *testing.T) {
	for _, c := range []struct {
		name    string
		takes   int    // rules at most
		message string // what Ensure says, empty if it succeeds
	}{
		{"without a length of shards", 0, ""},
		{"altogether", -1, `create bucket "pytest_meta": bucket limit reached, not with 0 rules: bucket "pytest_meta" not found`},
	} {
		t.Run(c.name, func(t *testing.T) {
			there, posts := map[string]bool{}, 0
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				refuse := func(status int, code, message string) {
					w.Header().Set("Content-Type", "application/json")
					w.WriteHeader(status)
					fmt.Fprintf(w, `{"code":%q,"message":%q}`, code, message)
				}
				switch bucket := r.URL.Query().Get("bucket"); {
				case r.URL.Path == "/api/v2/orgs":
					fmt.Fprint(w, `{"orgs":[{"id":"0123456789abcdef","name":"o"}]}`)
				case r.URL.Path == "/api/v2/write" && !there[bucket]:
					refuse(404, "not found", fmt.Sprintf("bucket %q not found", bucket))
				case r.URL.Path == "/api/v2/write":
					w.WriteHeader(http.StatusNoContent)
				case r.URL.Path == "/api/v2/buckets" && r.Method == http.MethodPost:
					var asked struct {
						Name           string
						RetentionRules []any
					}
					assert.NoError(t, json.NewDecoder(r.Body).Decode(&asked))
					assert.NotNil(t, asked.RetentionRules)
					if posts++; len(asked.RetentionRules) > c.takes {
						refuse(422, "unprocessable entity", fmt.Sprintf("bucket limit reached, not with %d rules", len(asked.RetentionRules)))
						return
					}
					there[asked.Name] = true
					w.WriteHeader(http.StatusCreated)
					fmt.Fprint(w, `{}`)
				default:
					fmt.Fprint(w, `{}`)
				}
			}))
			defer server.Close()
			err := mustOpen(t, influx.Config{URL: server.URL, Token: secret, Org: "o"}).Ensure(t.Context())
			if c.message == "" {
				require.NoError(t, err)
				require.Equal(t, 4, posts, "each of the two once more")
				return
			}
			require.Equal(t, monitor.ENotFound, monitor.ErrorCode(err))
			require.ErrorContains(t, err, c.message)
		})
	}
}

// A proxy's 404 says nothing about the bucket.
func TestBucketBehindAProxyIsNotMissed(t *testing.T) {
	n := 0
	s := mustScript(t, func(w http.ResponseWriter, r *http.Request) {
		if n++; n == 2 {
			w.WriteHeader(404)
			fmt.Fprintf(w, `{"code":"not found","message":"nothing at %s"}`, r.URL)
			return
		}
		w.WriteHeader(204)
	})
	cfg := s.settings()
	cfg.OnCreated = func(bucket string, _ []monitor.Class) { t.Error("the bucket was there: ", bucket) }
	w := mustOpen(t, cfg)
	for _, kind := range []monitor.ReplyKind{monitor.Delivered, monitor.Denied, monitor.Delivered} {
		require.Equal(t, kind, w.Prepare(metricPoints(1))(t.Context()).Kind)
	}
}

// A bridge that was started before InfluxDB, or while it is away, delivers once it is there.
func TestInfluxDBComesLater(t *testing.T) {
	t.Parallel()
	server := harness.StartInflux(t)
	cfg := settings(server)
	server.Kill()
	w := mustOpen(t, cfg)
	require.Equal(t, monitor.EUnavailable, monitor.ErrorCode(w.Ensure(t.Context())))
	require.Equal(t, monitor.Unavailable, w.Prepare(metricPoints(10))(t.Context()).Kind)
	server.Start()
	require.Equal(t, monitor.Delivered, w.Prepare(metricPoints(10))(t.Context()).Kind)
	server.Kill()
	require.Equal(t, monitor.Unavailable, w.Prepare(metricPoints(20))(t.Context()).Kind)
	require.Equal(t, monitor.Unavailable, w.Probe(t.Context(), monitor.ClassMetric).Kind)
	server.Start()
	require.Equal(t, monitor.Delivered, w.Prepare(metricPoints(20))(t.Context()).Kind)
	require.Len(t, server.Points(cfg.Bucket, influx.MetricMeasurement), 20)
}

// The retention is asked for at the first delivery, again after ten minutes, and by a replay.
func TestRetentionIsRefreshed(t *testing.T) {
	var seconds atomic.Int64
	var asked atomic.Int64
	now := start
	s := mustScript(t, status(204, ""))
	inner := s.Config.Handler
	s.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/api/v2/buckets" && r.URL.Query().Get("name") == "pytest" {
			asked.Add(1)
			w.Header().Set("Date", now.Format(http.TimeFormat))
			fmt.Fprintf(w, `{"buckets":[{"name":"pytest","retentionRules":[{"everySeconds":%d}]}]}`, seconds.Load())
			return
		}
		inner.ServeHTTP(w, r)
	})
	cfg := s.settings()
	cfg.Now = func() time.Time { return now }
	w := mustOpen(t, cfg)
	old := metricPoint(1)
	old.Metric.At.UTC = start.AddDate(0, 0, -1).UnixNano()
	deliver := func() {
		require.Equal(t, monitor.Delivered, w.Prepare(metricPoints(1))(t.Context()).Kind)
	}

	require.Empty(t, w.Limit(old), "not known before the first delivery")
	deliver()
	require.Empty(t, w.Limit(old), "kept for ever")
	seconds.Store(3600)
	deliver()
	require.Equal(t, int64(1), asked.Load())
	now = now.Add(10 * time.Minute)
	deliver()
	require.Equal(t, int64(2), asked.Load())
	require.Equal(t, `outside retention: its time 2026-11-21T16:36:00Z is more than the 1h0m0s ago that bucket "pytest" keeps`, w.Limit(old))

	// Where all is outside of the retention nothing is delivered that would ask for it again.
	now = now.Add(time.Minute)
	require.Empty(t, w.Limit(old), "it may keep more by now")

	// A replay knows them as they are at its begin, before it sends something.
	w.KnowLimits(t.Context(), now)
	require.Equal(t, int64(3), asked.Load())
	require.NotEmpty(t, w.Limit(old))
	w.KnowLimits(t.Context(), now)
	require.Equal(t, int64(3), asked.Load())
	seconds.Store(0)
	now = now.Add(time.Second)
	w.KnowLimits(t.Context(), now)
	require.Equal(t, int64(4), asked.Load())
	require.Empty(t, w.Limit(old), "kept for ever")
	now = now.Add(time.Minute)
	w.KnowLimits(t.Context(), now.Add(-time.Minute))
	require.Equal(t, int64(5), asked.Load(), "a long replay asks again")
}

// A clock of this machine that is years ahead makes no point old: InfluxDB would take it. A point that is old by InfluxDB's clock too is not
// sent.
func TestAClockThatIsAheadMakesNoPointOld(t *testing.T) {
	t.Parallel()
	server := harness.SharedInflux(t)
	cfg := settings(server)
	cfg.Bucket = server.NewBucket("pytest", 30*24*time.Hour)
	var ahead atomic.Int64
	cfg.Now = func() time.Time { return time.Now().AddDate(int(ahead.Load()), 0, 0) }
	w := mustOpen(t, cfg)
	young, old := metricPoint(1), metricPoint(2)
	young.Metric.At.UTC, old.Metric.At.UTC = time.Now().AddDate(0, 0, -20).UnixNano(), time.Now().AddDate(0, 0, -40).UnixNano()
	require.Equal(t, monitor.Delivered, w.Prepare([]*monitor.Point{young})(t.Context()).Kind)
	require.Contains(t, w.Limit(old), "outside retention")
	ahead.Store(2)
	require.Empty(t, w.Limit(young), "just after the clock has jumped")
	w.KnowLimits(t.Context(), cfg.Now())
	require.Empty(t, w.Limit(young))
	require.Contains(t, w.Limit(old), "outside retention")
	require.Equal(t, monitor.Delivered, w.Prepare([]*monitor.Point{young})(t.Context()).Kind)
	ahead.Store(-2)
	w.KnowLimits(t.Context(), cfg.Now())
	require.Empty(t, w.Limit(young))
	require.Empty(t, w.Limit(old), "InfluxDB decides")
}

func TestOpenRefusesWrongSettings(t *testing.T) {
	good := influx.Config{URL: "http://127.0.0.1:1", Token: "t", Org: "o"}
	for _, c := range []struct {
		name    string
		change  func(*influx.Config)
		message string
	}{
		{"no URL", func(c *influx.Config) { c.URL = "" }, "the InfluxDB URL must look like http://host:8086"},
		{"no scheme", func(c *influx.Config) { c.URL = "influx:8086" }, "the InfluxDB URL must look like http://host:8086"},
		{"unreadable", func(c *influx.Config) { c.URL = "http://a:hidden@[::" }, "the InfluxDB URL cannot be read"},
		{"no token", func(c *influx.Config) { c.Token = "" }, "InfluxDB needs a token"},
		{"line break", func(c *influx.Config) { c.Token = "hidden\n" }, "the InfluxDB token has a space, a line break or a letter that is not ASCII"},
		{"no organisation", func(c *influx.Config) { c.Org = "" }, "InfluxDB needs an organisation"},
		{"one bucket", func(c *influx.Config) { c.MetaBucket = "pytest" }, `metrics and metadata cannot share the bucket "pytest"`},
	} {
		t.Run(c.name, func(t *testing.T) {
			cfg := good
			c.change(&cfg)
			_, err := influx.Open(cfg, slog.New(slog.DiscardHandler))
			require.Equal(t, monitor.EInvalid, monitor.ErrorCode(err))
			require.EqualError(t, err, c.message)
		})
	}
}

func TestDestination(t *testing.T) {
	w := mustOpen(t, influx.Config{URL: "https://user:hidden@host/path/?q#f", Token: "t", Org: "my org"})
	require.Equal(t, monitor.Destination("https://host/path org=my org bucket=pytest meta=pytest_meta"), w.Destination())
}

func TestShardsFitTheRetention(t *testing.T) {
	t.Parallel()
	const day = 24 * time.Hour
	for retention, expected := range map[time.Duration]time.Duration{0: 28 * day, time.Hour: time.Hour, day: day, 7 * day: day, 30 * day: 7 * day,
		90 * day: 22 * day, 400 * day: 28 * day} {
		require.Equal(t, expected, influx.ShardGroup(retention), retention)
	}
}
