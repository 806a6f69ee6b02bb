package monitor

import (
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"
)

var (
	pythonVersion = regexp.MustCompile(`^\s*(\d+\.\d+)`)
	freeThreaded  = regexp.MustCompile(`^[^(\n]*free-threading build`)
)

// Environment names the class of machine of a context in words, for example:
//
//	Linux-x86_64 8x Intel(R) Xeon(R) CPU @ 2.30GHz 32G py3.11
//
// Measurements are compared within one class only. Memory is in whole GiB up to 8 GiB, and in steps of 4 GiB above. An
// empty part is "?".
//
// The plugin's hash of the context is not a class of machine. It contains the momentary clock frequency, the kernel
// release and the host name. In real histories every session has a new hash.
func Environment(c *Context) string {
	count := "?"
	if c.CPUCount > 0 {
		count = strconv.FormatInt(c.CPUCount, 10)
	}
	system, _, _ := strings.Cut(c.SystemInfo, " - ")
	return fmt.Sprintf("%s-%s %sx %s %sG %s", part(system), part(c.MachineType), count,
		part(c.CPUVendor.String), memory(c.RAMTotal), python(c))
}

// MachineClass names the class of machine of a session's measurements in a context. It is [Environment], unless the
// session's tag `machine` names it. If the session has a method of measuring, the method is the last word of the name,
// since measurements by different methods do not compare.
func MachineClass(c *Context, s *Session) string {
	class := c.Env
	if s.Machine != "" {
		class = s.Machine + " " + python(c)
	}
	if s.Method != "" {
		class += " " + s.Method
	}
	return class
}

// pluginMethod is the method of measuring of the project's own plugin.
const pluginMethod = "m2"

// ByPlugin says whether the project's own plugin measured on a class of machine. It measures CPU time to the microsecond, and of
// memory what the test itself added. Other measurements are pytest-monitor's.
func ByPlugin(env string) bool { return strings.HasSuffix(env, " "+pluginMethod) }

func part(s string) string {
	if s = strings.TrimSpace(s); s == "" {
		return "?"
	}
	return s
}

// python names the Python by its sys.version. "py3.11" is CPython, "py3.13t" is CPython's free-threaded build,
// "pypy3.11" is PyPy, and "py?" is unknown.
func python(c *Context) string {
	version := "?"
	info := c.PythonInfo[:min(len(c.PythonInfo), 1000)] // a longer text would keep all writers waiting
	if m := pythonVersion.FindStringSubmatch(info); m != nil {
		version = m[1]
	}
	switch {
	case strings.Contains(info, "[PyPy "):
		return "pypy" + version
	case freeThreaded.MatchString(info):
		return "py" + version + "t"
	}
	return "py" + version
}

// memory rounds MiB to the sizes in which machines are sold, since the usable size varies with kernel and firmware.
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
