package harness

import (
	"fmt"
	"os"
	"strconv"
	"strings"
)

// MemoryOf returns the figures of a process's memory in /proc, in bytes by their name: "VmRSS" is what is resident, "VmHWM" its peak, and
// "RssAnon" the part without mapped files. There are none on another system than Linux, and after the end of the process.
func MemoryOf(pid int) map[string]int64 {
	status, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	memory := map[string]int64{}
	for line := range strings.Lines(string(status)) {
		name, value, _ := strings.Cut(line, ":")
		if size, ok := strings.CutSuffix(strings.TrimSpace(value), " kB"); ok {
			kib, _ := strconv.ParseInt(strings.TrimSpace(size), 10, 64)
			memory[name] = kib << 10
		}
	}
	return memory
}
