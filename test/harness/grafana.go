package harness

import (
	"fmt"
	"regexp"
	"strings"
	"time"
)

// GrafanaVariable matches a variable in every notation of Grafana, with its name and format.
var GrafanaVariable = regexp.MustCompile(`\$\{([A-Za-z_]\w*)(?::(\w+))?\}|\$([A-Za-z_]\w*)|\[\[(\w+)`)

var specialInPatterns = regexp.MustCompile(`[\\^$*+?.()|[\]{}/]`)

// FillQuery replaces the variables of a dashboard's query as Grafana does. First the frontend replaces the variables of the
// dashboard by their format. Then the backend replaces those of Flux. chosen has the values of each variable, nil for All.
func FillQuery(query, bucket string, from, to time.Time, chosen map[string][]string) string {
	query = GrafanaVariable.ReplaceAllStringFunc(query, func(match string) string {
		m := GrafanaVariable.FindStringSubmatch(match)
		value, format := chosen[m[1]], m[2]
		switch {
		case value == nil:
			return ".*" // Grafana does not format the allValue of a variable
		case format == "raw":
			return strings.Join(value, ",")
		}
		escaped := make([]string, len(value))
		for i, v := range value {
			escaped[i] = specialInPatterns.ReplaceAllString(v, `\$0`)
		}
		if len(escaped) == 1 {
			return escaped[0]
		}
		return "(" + strings.Join(escaped, "|") + ")"
	})
	return strings.NewReplacer("v.timeRangeStart", from.Format(time.RFC3339Nano), "v.timeRangeStop", to.Format(time.RFC3339Nano),
		"v.defaultBucket", fmt.Sprintf("%q", bucket), "v.windowPeriod", "1h0m0s").Replace(query)
}
