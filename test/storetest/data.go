package storetest

import (
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"time"

	"pymon-bridge/monitor"
	"pymon-bridge/monitor/wire"
)

// begin is the start of the first session of the data.
var begin = time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)

// syntax has texts that mean something in a query language, and texts that look like encodings of a store.
var syntax = []string{
	`' OR 1=1 --`, `"; DROP TABLE metrics; --`, `x') UNION SELECT h FROM hashes --`, `") |> drop(columns: ["_value"])`,
	`" or true or r.item == "`, `${true}`, `a"b`, `a'b`, `a\`, `\"`, `%`, `_`, `100%_sure`, `a%b`, `.*`, `^a(b|c)[d-f]+$`,
	`(?i)A`, `(none)`, `%28none)`, `%41`, `%00`, "nul\x00byte", "line\nbreak\ttab\r", "😀 emoji 🎉", "\xed\xb3\xbf", "é",
	"e\u0301", "a,b=c d", `item=x`, "<object at 0x7f3a>", "<object at 0x…>", "test[<object at 0x7f3a>, 1]",
	"test[<object at 0x00FF>, 1]", "test[<a at 0x1> <b at 0x2>]", "#comment", "1", "1e5", "NaN", "null", " ", "A", "a",
}

// long has two texts of 5,000 characters that differ only in the last character, and a text of 5,000 two-byte
// characters.
var long = []string{strings.Repeat("long", 1250), strings.Repeat("long", 1249) + "lonX", strings.Repeat("ü", 5000)}

var projects = []string{"shop", "depot", "zoo"}

// data makes records.
type data struct {
	random *rand.Rand
	out    []*monitor.Record
	now    time.Time
}

func newData(r *rand.Rand) *data { return &data{random: r, now: begin} }

// records returns contexts, sessions and metrics of all projects. Some projects have the same hashes and names.
func (d *data) records() []*monitor.Record {
	for i := range 24 {
		project := projects[i%len(projects)]
		context, session := d.context(project, i), d.session(project, i)
		for range 4 + d.random.IntN(20) {
			switch d.random.IntN(20) {
			case 0: // another context than the session's other metrics
				d.metric(project, session, pick(d.random, []string{"", "unknown", hash("c", 0)}))
			case 1:
				d.again(d.metric(project, session, context))
			default:
				d.metric(project, session, context)
			}
		}
		d.now = d.now.Add(time.Duration(1+d.random.IntN(90)) * time.Minute)
	}
	for _, s := range []string{"", "unknown", `') OR true`} { // metrics whose session or context never arrives
		d.metric("shop", s, pick(d.random, []string{"", "unknown", hash("c", 0)}))
	}
	d.tie("shop", hash("s", 0), hash("c", 0))
	d.now = begin.Add(10 * time.Second) // late arrivals
	for range 20 {
		d.metric("shop", hash("s", 0), hash("c", 0))
	}
	// Only one metric has this time, since the sum of two depends on their order.
	d.metric("depot", hash("s", 1), hash("c", 0)).TotalTime = math.MaxFloat64
	return d.out
}

func hash(kind string, i int) string {
	return pick(rand.New(rand.NewPCG(uint64(i), 5)), []string{"", "00", "ab", "ü", "%", "_"}) + kind + fmt.Sprintf("%x", i*7919)
}

func (d *data) add(project string, class any) {
	d.now = d.now.Add(time.Duration(1+d.random.IntN(2_000_000)) * time.Microsecond)
	rec := &monitor.Record{Project: project, Received: d.now, Client: "10.0.0.1"}
	switch v := class.(type) {
	case *monitor.Context:
		rec.Context = v
	case *monitor.Session:
		rec.Session = v
	case *monitor.Metric:
		rec.Metric = v
	}
	d.out = append(d.out, rec)
}

// context adds a context and returns its hash. Contexts of different projects have the same hashes.
func (d *data) context(project string, i int) string {
	h := hash("c", i/2)
	d.add(project, &monitor.Context{
		H: h, CPUCount: int64(1 + i%4), CPUFrequency: pick(d.random, []float64{2300, 2899.9, math.NaN()}),
		CPUType: "x", CPUVendor: pick(d.random, []monitor.Text{{String: "Example(R)"}, {String: ""}, {Null: true}}),
		RAMTotal: 32000, MachineNode: d.text(), MachineType: "x86_64", MachineArch: "64bit",
		SystemInfo: "Linux - 6.1", PythonInfo: fmt.Sprintf("3.%d.1", 9+i%3),
	})
	return h
}

// session adds one session, or several at a time as pytest-xdist does. It returns the hash of the last session.
func (d *data) session(project string, i int) string {
	ref := pick(d.random, []monitor.Text{{Null: true}, {String: ""}, {String: "c0ffee"}, {String: "c0ffee00"}, {String: "c0%"},
		{String: pick(d.random, syntax)}})
	description := d.description()
	var h string
	for part := range 1 + i%3 {
		h = hash("s", 3*(i/2)+part)
		d.add(project, &monitor.Session{
			SessionH: h, RunDate: clock(d.now), ScmRef: ref, Description: description, Tags: wire.ParseDescription(description),
		})
	}
	return h
}

// description returns a description. Most descriptions have the tags of a pipeline.
func (d *data) description() string {
	if d.random.IntN(8) == 0 {
		return pick(d.random, []string{"", "nightly run", `{"pipeline_branch": null, "flag": null}`, `{"pipeline_branch": "", "flag": ""}`})
	}
	names := []string{"pipeline_branch", "pipeline_build_no", "flag", "my-tag", "dot.tag", "[", `"`, "machine", "numpy", "é"}
	d.random.Shuffle(len(names), func(i, j int) { names[i], names[j] = names[j], names[i] })
	var members []string
	for _, name := range names[:3+d.random.IntN(6)] {
		value := quoted(pick(d.random, []string{"main", "release", "main2", "m%", "1", "7", pick(d.random, syntax)}))
		if name == "pipeline_build_no" {
			value = pick(d.random, []string{"7", `"7"`, `"8"`, `"%"`, "1.50", value})
		}
		members = append(members, quoted(name)+": "+value)
	}
	if d.random.IntN(5) == 0 {
		members = append(members, `"run": "nightly"`)
	}
	return "{" + strings.Join(members, ", ") + "}"
}

// quoted returns a text as a JSON text, also with lone surrogates.
func quoted(s string) string {
	const marker = "lone surrogate"
	b, err := json.Marshal(strings.ReplaceAll(s, "\xed\xb3\xbf", marker))
	if err != nil {
		panic(err) // a text can be encoded
	}
	return strings.ReplaceAll(string(b), marker, `\udcff`)
}

func clock(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000000") }

// text returns a text. Most texts come from a small set, so that queries find some.
func (d *data) text() string {
	switch d.random.IntN(10) {
	case 0:
		return ""
	case 1:
		return fmt.Sprintf("test_%d", d.random.IntN(1000))
	case 2, 3:
		return pick(d.random, syntax) + pick(d.random, syntax)
	case 4:
		if d.random.IntN(3) == 0 {
			return pick(d.random, long)
		}
	}
	return pick(d.random, syntax)
}

func (d *data) float() float64 {
	return pick(d.random, []float64{0, 0, math.NaN(), 1, -1.5, 0.25, d.random.Float64(), d.random.NormFloat64() * 100})
}

func (d *data) metric(project, session, context string) *monitor.Metric {
	m := &monitor.Metric{
		SessionH: session, ContextH: context, ItemStartTime: clock(d.now), ItemPath: d.text(), Item: d.text(),
		ItemVariant: d.text(), ItemFSLoc: d.text(),
		Kind:      pick(d.random, []string{"function", "function", "function", "module", "", d.text()}),
		Component: pick(d.random, []string{"", "core", "core", "Core", "core2", "c_re", d.text()}),
		TotalTime: math.Abs(d.float()), UserTime: d.float(), KernelTime: d.float(),
		CPUUsage: pick(d.random, []float64{0, 1, 1, 1, math.NaN(), 0.5}), // mostly the greatest or the least value
		MemUsage: d.float(),
	}
	if d.random.IntN(20) == 0 {
		m.ItemStartTime = d.now.UTC().Format("2006-01-02T15:04:05Z") // a store has to keep this text as sent
	}
	d.add(project, m)
	return m
}

// again adds the last metric a second time, as a repeat.
func (d *data) again(m *monitor.Metric) {
	rec, same := *d.out[len(d.out)-1], *m
	rec.Metric = &same
	d.out = append(d.out, &rec)
}

// tie adds metrics of different series that start in the same nanosecond.
func (d *data) tie(project, session, context string) {
	wanted := int64(-1)
	for i, found := 0, 0; found < 3; i++ {
		m := &monitor.Metric{SessionH: session, ContextH: context, ItemStartTime: clock(d.now), Item: fmt.Sprintf("tied_%d", i),
			Kind: "function", Component: "ties", TotalTime: 1, UserTime: 1, KernelTime: 1, CPUUsage: 1, MemUsage: 1}
		digits := monitor.HashMod(monitor.RecordHash(project, m), 1000)
		if wanted >= 0 && digits != wanted {
			continue
		}
		wanted, found = digits, found+1
		start := d.now
		d.add(project, m)
		d.now = start
	}
}
