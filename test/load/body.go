package main

import (
	"crypto/sha1"
	"encoding/hex"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"strconv"
	"strings"
	"time"

	"pymon-bridge/test/harness"
)

// The names of a test. Its number is in all of them.
const (
	component    = "shop"
	variantBegin = "test_total["
)

func variant(test int) string { return variantBegin + strconv.Itoa(test) + ", EUR]" }

func modulePath(test int) string { return "tests.shop.test_checkout_" + strconv.Itoa(test/50) }

func hexOf(text string) string {
	sum := sha1.Sum([]byte(text))
	return hex.EncodeToString(sum[:])
}

// contextBody describes a machine. All have the same hardware.
func (p *process) contextBody() []byte {
	return fmt.Appendf(nil, `{"cpu_count": 8, "cpu_frequency": 2300.0, "cpu_type": "x86_64", "cpu_vendor": "A CPU", "ram_total": 32100, `+
		`"machine_node": "ci-%s", "machine_type": "x86_64", "machine_arch": "64bit", "system_info": "Linux - 6.1.0", `+
		`"python_info": "3.13.1 (main)", "h": %q}`, p.name, p.context)
}

// sessionBody describes a session, with its end if the process ends it.
func (p *process) sessionBody(s *session, ends bool) []byte {
	b := fmt.Appendf(nil, `{"session_h": %q, "run_date": %q, "scm_ref": %q, "description": {"description": "nightly", `+
		`"branch": "main", "run": %q}`, s.hash, s.began.Format(harness.Isoformat), hexOf(s.run), s.run)
	if p.plugin {
		b = append(b, `, "utc_offset": 0, "method": "m2"`...)
	}
	if ends {
		b = fmt.Appendf(b, `, "exit_status": 0, "collected": %d, "deselected": 0, "partial": null`, p.tests)
	}
	return append(b, '}')
}

// appendRow appends the row of a test that ended now. The names and numbers of a test stay the same, but for a little noise.
func (p *process) appendRow(b []byte, s *session, test int, now time.Time) []byte {
	number := p.worker*p.tests + test
	seconds := typical(number) * (1 + 0.02*rand.NormFloat64())
	module := number / 50
	b = fmt.Appendf(b, `{"session_h": "%s", "context_h": "%s", "item_start_time": "%s", "item_path": "%s", `+
		`"item": "test_total", "item_variant": "%s", "item_fs_loc": "tests/shop/test_checkout_%d.py", "kind": "function", `+
		`"component": "`+component+`", "total_time": %v, "user_time": %v, "kernel_time": 0.009999999999999787, "cpu_usage": %v, "mem_usage": %v`,
		s.hash, p.context, now.Add(-time.Duration(seconds*float64(time.Second))).Format(harness.Isoformat), modulePath(number), variant(number), module,
		seconds, seconds*0.7, 0.7+0.01/seconds, 4+seconds)
	if p.plugin {
		b = fmt.Appendf(b, `, "nodeid": "tests/shop/test_checkout_%d.py::test_total[%d-EUR]", "outcome": "passed", "attempts": 1, `+
			`"setup_time": 0.001, "teardown_time": 0.0005, "mem_peak": 120.5, "mem_test": %v`, module, number, 4+seconds)
	}
	return append(b, '}')
}

// testNumber reads the number of a test in its [variant].
func testNumber(variant string) (int, error) {
	number, _, _ := strings.Cut(strings.TrimPrefix(variant, variantBegin), ",")
	return strconv.Atoi(number)
}

// typical returns the usual seconds of a test: 20 to 220 ms.
func typical(number int) float64 {
	h := fnv.New32a()
	_, _ = fmt.Fprint(h, number) // never fails
	return 0.02 + float64(h.Sum32()%1000)/1000*0.2
}
