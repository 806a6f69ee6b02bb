package monitor

import (
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"
)

var pythonVersion = regexp.MustCompile(`^\s*(\d+\.\d+)`)

// Environment names the class of machine of a context in words, such as
// "Linux-x86_64 8x Intel(R) Xeon(R) CPU @ 2.30GHz 32G py3.11". Measurements are compared within one class only.
// Memory is in whole GiB up to 8 and in steps of 4 above; an empty part is "?".
//
// The plugin's context hash cannot serve: it contains the momentary clock frequency, the kernel release and the
// host name, so that real histories show a new hash for every session.
func Environment(c *Context) string {
	count := "?"
	if c.CPUCount > 0 {
		count = strconv.FormatInt(c.CPUCount, 10)
	}
	system, _, _ := strings.Cut(c.SystemInfo, " - ")
	return fmt.Sprintf("%s-%s %sx %s %sG py%s", part(system), part(c.MachineType), count,
		part(c.CPUVendor.String), memory(c.RAMTotal), python(c))
}

// NamedEnvironment is the class of machine where a session's tag `machine` names it.
func NamedEnvironment(name string, c *Context) string {
	return name + " py" + python(c)
}

func part(s string) string {
	if s = strings.TrimSpace(s); s == "" {
		return "?"
	}
	return s
}

func python(c *Context) string {
	if m := pythonVersion.FindStringSubmatch(c.PythonInfo); m != nil {
		return m[1]
	}
	return "?"
}

// memory rounds MiB to the sizes machines are sold in, since the usable size varies with kernel and firmware.
func memory(mib int64) string {
	if mib <= 0 {
		return "?"
	}
	gib := math.Round(float64(mib) / 1024)
	if gib > 8 {
		gib = math.Round(float64(mib)/4096) * 4
	}
	return strconv.FormatFloat(gib, 'f', 0, 64)
}
