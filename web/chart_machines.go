package web

import (
	"strings"
)

// machineChange says from which point of a chart on the machine was another one of the same class, and what is new of it.
type machineChange struct {
	At    int    `json:"at"`
	Run   string `json:"run"`
	Label string `json:"label"`
}

// fewHosts is how often the host of a test may change without being no news: hosted runners have another name in each run.
const fewHosts = 3

// machineChanges returns where the system, the Python or the host changed. points has the latest first, and a chart the oldest.
func machineChanges(points []*point) []machineChange {
	changes, hosts := []machineChange{}, 0
	for i := range points[:max(0, len(points)-1)] {
		if points[i].host != points[i+1].host {
			hosts++
		}
	}
	for i := len(points) - 2; i >= 0; i-- {
		was, is := points[i+1], points[i]
		var news []string
		if version(was.python) != version(is.python) {
			news = append(news, "Python "+version(is.python))
		}
		if was.system != is.system {
			news = append(news, is.system)
		}
		if was.host != is.host && hosts <= fewHosts {
			news = append(news, "host "+is.host)
		}
		if len(news) > 0 && is.python != "" && was.python != "" { // the context of each is known
			changes = append(changes, machineChange{len(points) - 1 - i, is.Run, strings.Join(news, ", ")})
		}
	}
	return changes
}

// version returns the version at the beginning of what Python says of itself.
func version(python string) string {
	first, _, _ := strings.Cut(python, " ")
	return first
}
