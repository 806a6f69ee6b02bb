package influx_test

import (
	"math"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"pymon-bridge/influx"
	"pymon-bridge/monitor"
)

func TestLineOfMetric(t *testing.T) {
	p := metricPoint(3)
	p.Metric.At.UTC = 1795365360123456789
	require.Equal(t, `test_metrics,component=engine,env=Linux-x86_64\ 8x\ Intel(R)\ Xeon(R)\ CPU\ @\ 2.30GHz\ 32G\ py3.11,`+
		`item=test_function_3,item_path=tests.unit.test_module_03,item_variant=test_function_3[param\,\ 3],kind=function,`+
		`project=default total_time=0.021332999999999998,user_time=0.01,kernel_time=0,cpu_usage=0.4694835680751174,`+
		`mem_usage=-1.2265625,session_h="d2bb0ae6a6d8c67cbd5cb2a2c1e0a3d1",context_h="0f6ab6a8a4a2dd3c6b2e7a3f86fdc0e1",`+
		`item_start_time="2026-11-22T17:36:00.123456",item_fs_loc="tests/unit/test_module_03.py",`+
		`run="d2bb0ae6a6d8c67cbd5cb2a2c1e0a3d1",scm_ref="0a6b4de46e0f4a9d98b4b7bf7b9ad5a4ab9bf3c4",branch="main",build="1842",utc_offset=3600i`+
		` 1795365360123456789`, string(influx.AppendLine(nil, p)))
}

func TestLineOfOddMetric(t *testing.T) {
	p := &monitor.Point{Record: &monitor.Record{Project: "p", Metric: &monitor.Metric{
		ItemStartTime: "2026-11-22", ItemPath: `dir\`, Item: "(none)", ItemVariant: "f[a=b\n\"<x at 0x7f>\"]", Kind: "",
		ItemFSLoc: `C:\"new"`, SessionH: "\xed\xb3\xbf",
		TotalTime: absent(), UserTime: 1e-7, KernelTime: 1e21, CPUUsage: absent(), MemUsage: math.Copysign(0, -1),
	}}, Origin: monitor.Origin{Env: monitor.UnknownEnv}}
	require.Equal(t, `test_metrics,component=(none),env=unknown,item=%28none),item_path=dir%5C,`+
		`item_variant=f[a\=b%0A"<x\ at\ 0x…>"],kind=(none),project=p user_time=1e-07,kernel_time=1e+21,mem_usage=-0,`+
		`session_h="%ED%B3%BF",context_h="(none)",item_start_time="2026-11-22",item_fs_loc="C:%5C\"new\"",`+
		`run="(none)",scm_ref="(none)",branch="(none)",build="(none)",utc_offset=0i,item_variant_raw="f[a=b%0A\"<x at 0x7f>\"]" 0`,
		string(influx.AppendLine(nil, p)))
}

func TestLineOfContext(t *testing.T) {
	p := contextPoint("p", "0f6ab6a8")
	p.Context.CPUFrequency, p.Context.CPUVendor.Null = absent(), true
	require.Equal(t, `contexts,prefix=0f,project=p h="0f6ab6a8",cpu_count=8i,cpu_type="(none)",ram_total=32086i,`+
		`machine_node="builder, 7",machine_type="x86_64",machine_arch="64bit",system_info="Linux - 6.1.0-18-amd64",`+
		`python_info="3.9.2 (default)%0A[GCC 10.2.1 \"x\"]",env="Linux-x86_64 8x Intel(R) Xeon(R) CPU @ 2.30GHz 32G py3.9",`+
		`received=1795365360123456000i 1578708352823784441`, string(influx.AppendLine(nil, p)))
}

func TestLineOfSession(t *testing.T) {
	require.Equal(t, `sessions,prefix=xx,project=p session_h="AB12",run_date="2026-11-22T17:36:00",utc_offset=3600i,`+
		`scm_ref="0a6b4de",description="{\"description\": \"night%5Cnly\", \"run\": \"1842\", \"k=v %5C%5C\": \"100%25\"}",`+
		`run="1842",branch="(none)",build="(none)",machine="(none)",received=1795365360123456000i 1795365360000000417`,
		string(influx.AppendLine(nil, sessionPoint("p", "AB12"))))
}

// Marks that a session does not have are no fields.
func TestLineOfSessionWithMarks(t *testing.T) {
	p := sessionPoint("p", "AB12")
	p.Session.Marks = monitor.Marks{Imported: true, StatesOffset: true, Completion: monitor.Partial, Method: "m2"}
	require.Contains(t, string(influx.AppendLine(nil, p)),
		`,machine="(none)",imported=true,states_offset=true,completion="partial",method="m2",exit_status=0i,collected=0i,deselected=0i,partial="(none)",received=`)
}

func TestLineOfSessionThatHasEnded(t *testing.T) {
	p := sessionPoint("p", "AB12")
	before := string(influx.AppendLine(nil, p))
	p.Session.Completion = monitor.Partial
	p.Session.End = monitor.End{ExitStatus: 2, Collected: 7, Deselected: 3, Reason: "-x", Ended: time.Unix(0, 5)}
	after := string(influx.AppendLine(nil, p))
	require.Contains(t, after, `,completion="partial",exit_status=2i,collected=7i,deselected=3i,partial="-x",ended=5i,received=`)
	head, at := before[:strings.Index(before, ",received=")], before[strings.LastIndexByte(before, ' '):]
	require.True(t, strings.HasPrefix(after, head), "all fields are as before")
	require.True(t, strings.HasSuffix(after, at), "the end changes the point, and makes no other")
}

// TestAnEndOverwritesAnotherEnd has two ends of one session: every field of the one is a field of the other.
func TestAnEndOverwritesAnotherEnd(t *testing.T) {
	fields := regexp.MustCompile(`[ ,](\w+)=`)
	names := func(completion monitor.Completion, end monitor.End) (names []string) {
		p := sessionPoint("p", "AB12")
		p.Session.Completion, p.Session.End = completion, end
		for _, m := range fields.FindAllStringSubmatch(string(influx.AppendLine(nil, p)), -1) {
			names = append(names, m[1])
		}
		return names
	}
	stopped := names(monitor.Partial, monitor.End{ExitStatus: 2, Collected: 7, Deselected: 3, Reason: "-x", Ended: time.Unix(0, 5)})
	require.Contains(t, stopped, "partial")
	require.Equal(t, stopped, names(monitor.Complete, monitor.End{Ended: time.Unix(0, 6)}))
}

func TestLineOfOutcome(t *testing.T) {
	p := outcomePoint(3)
	metric := string(influx.AppendLine(nil, metricPoint(3)))
	shared, at := metric[len("test_metrics"):strings.LastIndexByte(metric, ' ')], metric[strings.LastIndexByte(metric, ' '):]
	require.Equal(t, "test_outcomes"+shared+`,outcome="failed",attempts=2i,nodeid="tests/unit/test_module_03.py::test_function_3",`+
		`setup_time=0.25,mem_peak=120.5,mem_test=-0`+at, string(influx.AppendLine(nil, p)))
}

func TestPrefixOfHash(t *testing.T) {
	for hash, want := range map[string]string{"0f6a": "0f", "ab": "ab", "a": "xx", "AB12": "xx", "0g": "xx", "é1": "xx", "4711": "47"} {
		line := string(influx.AppendLine(nil, contextPoint("p", hash)))
		require.True(t, strings.HasPrefix(line, "contexts,prefix="+want+","), "%s: %s", hash, line)
	}
}

// All contexts are in the week that begins on Monday, 2020-01-06, and in one shard of InfluxDB.
func TestContextTimes(t *testing.T) {
	seen := map[int64]bool{}
	for i := range 1000 {
		at := influx.Time(contextPoint("p", metricPoint(i).Metric.Item))
		monday := time.Date(2020, time.January, 6, 0, 0, 0, 0, time.UTC)
		require.False(t, time.Unix(0, at).Before(monday))
		require.True(t, time.Unix(0, at).Before(monday.AddDate(0, 0, 7)))
		seen[at] = true
	}
	require.Len(t, seen, 500) // of as many names
	require.NotEqual(t, influx.Time(contextPoint("p", "ab")), influx.Time(contextPoint("q", "ab")))
}

// What others wrote into the measurement is read as far as it goes.
func TestDecodePointOfOthers(t *testing.T) {
	row := map[string]any{"item": "f", "total_time": int64(3), "run": 1.5, "utc_offset": "1"}
	p := influx.Decode(monitor.ClassMetric, 5, func(column string) any { return row[column] })
	require.Equal(t, "f", p.Metric.Item)
	require.True(t, math.IsNaN(p.Metric.TotalTime), "a time of another type is absent")
	require.Empty(t, p.Run)
	require.Equal(t, monitor.Instant{UTC: 5}, p.Metric.At)
	nothing := func(string) any { return nil }
	require.True(t, influx.Decode(monitor.ClassContext, 5, nothing).Received.IsZero())
	require.True(t, influx.Decode(monitor.ClassSession, 5, nothing).Session.ScmRef.Null)
}

func TestSameRecordSameBytes(t *testing.T) {
	first := string(influx.AppendLine(nil, metricPoint(1)))
	for range 100 {
		again := metricPoint(1)
		again.Received = again.Received.Add(time.Hour) // another bridge, or a later day
		require.Equal(t, first, string(influx.AppendLine(nil, again)))
	}
}
