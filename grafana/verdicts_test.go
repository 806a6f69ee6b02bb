package grafana_test

import (
	"fmt"
	"strconv"
	"strings"

	"pymon-bridge/influx"
	"pymon-bridge/monitor"
)

// confirmAfter is the number of runs in which a change is a suspect. Then it is confirmed.
const confirmAfter = 2

// verdicts adds the points of the bridge about each run: the measurements regressions, runs and machines.
func (h *history) verdicts() {
	for n := range h.runs {
		project := project
		if n == runCount {
			project = "billing"
		}
		h.judge(n, project)
	}
}

// judge adds the verdicts on one run.
func (h *history) judge(n int, project string) {
	counts := map[monitor.Status]int{}
	sum := h.total(n)
	for _, t := range h.tests[:sum.tests] {
		for _, metric := range []string{monitor.MetricCPUTime, monitor.MetricMemUsage, monitor.MetricTotalTime} {
			status, ratio := h.verdict(n, t, metric)
			counts[status]++
			if status == monitor.StatusRegression || status == monitor.StatusSuspect || status == monitor.StatusImprovement {
				h.regression(n, project, t, metric, status, ratio)
			}
		}
	}
	suite, offset := monitor.StatusOK, 0.99+0.02*float64(n%3)
	switch {
	case n < 8:
		suite = monitor.StatusLearning
	case n == slowRun:
		suite, offset = monitor.StatusSlowMachine, 1.5
	}
	both := fmt.Sprintf(`tests=%di,total_time=%g,cpu_time=%g,offset_cpu_time=%g,offset_total_time=%g,%s %d`,
		sum.tests, sum.seconds, sum.cpu, offset, offset, h.origin(n), h.judged(n))
	fmt.Fprintf(&h.metrics, `runs,project=%s suite="%s",sessions=2i,baseline_runs=%di,learning=%di,ok=%di,not_judged=0i,suspects=%di,regressions=%di,drifts=0i,accepted=0i,improvements=%di,against="main",%s`+"\n",
		project, suite, n, counts[monitor.StatusLearning], counts[monitor.StatusOK], counts[monitor.StatusSuspect],
		counts[monitor.StatusRegression], counts[monitor.StatusImprovement], both)
	fmt.Fprintf(&h.metrics, `machines,project=%s,env=%s status="%s",%s`+"\n", project, tagText(h.origins[n].Env), suite, both)
}

// verdict returns the status of a test in run number n, and the ratio to its usual value.
func (h *history) verdict(n int, t test, metric string) (monitor.Status, float64) {
	time := metric != monitor.MetricMemUsage
	since, status, ratio := -1, monitor.StatusRegression, 2.3
	switch {
	case n < 8:
		return monitor.StatusLearning, 0
	case t.variant == slowTest && time:
		since = slowSince
	case t.variant == slowTest && n == slowSince+1: // noise in one run
		return monitor.StatusSuspect, 1.1
	case t.variant == fatTest && !time:
		since, ratio = fatSince, 3
	case t.variant == fastTest && time:
		since, status, ratio = fastSince, monitor.StatusImprovement, 0.6
	}
	switch {
	case since < 0 || n < since:
		return monitor.StatusOK, 0
	case n < since+confirmAfter:
		return monitor.StatusSuspect, ratio
	}
	return status, ratio
}

// regression adds a point of the measurement regressions.
func (h *history) regression(n int, project string, t test, metric string, status monitor.Status, ratio float64) {
	baseline, level := t.seconds, monitor.Level("")
	switch metric {
	case monitor.MetricMemUsage:
		baseline = t.memory
	case monitor.MetricCPUTime:
		baseline *= t.cpu
	}
	if status == monitor.StatusRegression {
		level = monitor.LevelCrit
	}
	fmt.Fprintf(&h.metrics, `regressions,project=%s,component=%s,item_path=%s,item=%s,item_variant=%s,kind=function,env=%s,metric=%s `+
		`status="%s",level=%s,baseline=%g,limit=%g,value=%g,delta=%g,ratio=%g,p=1e-06,q=0.0002,n=%di,against="main",last_good=%s,first_bad=%s,item_fs_loc="a.py",%s %d`+"\n",
		project, tagText(t.component), tagText(t.path), tagText(t.item), tagText(t.variant), tagText(h.origins[n].Env), metric,
		status, fieldText(string(level)), baseline, 1.2*baseline, ratio*baseline, (ratio-1)*baseline, ratio, min(n, 30),
		fieldText(digest("commit", 7)), fieldText(digest("commit", 8)), h.origin(n), h.judged(n))
}

// origin returns the fields with the origin of a run.
func (h *history) origin(n int) string {
	o := h.origins[n]
	return fmt.Sprintf(`run=%s,scm_ref=%s,branch=%s,build=%s`, fieldText(o.Run), fieldText(o.ScmRef), fieldText(o.Branch), fieldText(o.Build))
}

// judged returns the time of all points about run number n.
func (h *history) judged(n int) int64 { return h.starts[n].UnixNano() + int64(n) }

// tagText returns a text as a tag in line protocol. EncodeTag leaves only the characters that line protocol escapes.
func tagText(s string) string {
	encoded, _ := influx.EncodeTag(s)
	return strings.NewReplacer(",", `\,`, " ", `\ `, "=", `\=`).Replace(encoded)
}

// fieldText returns a text as a field in line protocol.
func fieldText(s string) string {
	encoded, _ := influx.EncodeTag(s)
	return strconv.Quote(encoded)
}
