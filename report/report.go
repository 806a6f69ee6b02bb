package report

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"strings"

	"pymon-bridge/monitor"
)

// Format is a way to write a report.
type Format string

// The formats.
const (
	Text     Format = "text"     // for a terminal or the log of a job
	Markdown Format = "markdown" // the comment on a pull request
	JSON     Format = "json"     // the report as it is
	JUnit    Format = "junit"    // XML that Jenkins and GitLab show beside the tests
	GitHub   Format = "github"   // workflow commands: annotations in GitHub Actions
)

// Formats lists every format.
func Formats() []Format { return []Format{Text, Markdown, JSON, JUnit, GitHub} }

// ParseFormat finds a format by its name. Fails with EInvalid, naming all of them.
func ParseFormat(text string) (Format, error) { return parseOne("format", text, Formats()) }

// ContentType returns the media type to send a report of this format with.
func (f Format) ContentType() string {
	switch f {
	case Markdown:
		return "text/markdown; charset=utf-8"
	case JSON:
		return "application/json"
	case JUnit:
		return "application/xml"
	default:
		return "text/plain; charset=utf-8"
	}
}

// Options says how a report is written. The zero value is a good choice.
type Options struct {
	// FailOn is what [Gate] decides by; empty for [FailOnRegression].
	FailOn FailOn
	// All also writes the results that are ok or learning, as far as the report has them.
	All bool
	// ItemVariant leaves in JSON the results of the tests with this name only; empty for all.
	ItemVariant string
	// Colour colours Text by ANSI escapes. Width is how many characters a line of it has, 0 where there is no limit.
	Colour bool
	Width  int
	// Pytest are the words of a command that runs pytest, with which Text tells how to run tests again; empty for pytest alone.
	Pytest []string
	// TokenNote says where the token of that command goes, such as "with the token in PYMON_TOKEN"; empty where it needs none.
	TokenNote string
	// RerunFile is the file with the lines of [Rerun]; empty where there is none.
	RerunFile string
	// BridgeURL is where readers reach the bridge, such as https://pymon.example.org; empty for no links.
	BridgeURL string
	// GrafanaURL is where they reach Grafana with the bridge's dashboards; empty for no links.
	GrafanaURL string
}

// Write writes a report in one piece. Fails with EInvalid for a format that does not exist, else with the error of w.
func Write(w io.Writer, f Format, r *monitor.Report, o Options) error {
	var b bytes.Buffer
	switch f {
	case Text:
		writeText(&b, r, o)
	case Markdown:
		writeMarkdown(&b, r, o)
	case GitHub:
		writeGitHub(&b, r, o)
	case JSON:
		if err := writeJSON(&b, r, o); err != nil {
			return err
		}
	case JUnit:
		if err := writeJUnit(&b, r, o); err != nil {
			return err
		}
	default:
		_, err := ParseFormat(string(f))
		return err
	}
	if _, err := b.WriteTo(w); err != nil {
		return fmt.Errorf("writing the report: %w", err)
	}
	return nil
}

// parseOne finds the one of all that has this text.
func parseOne[T ~string](what, text string, all []T) (T, error) {
	if i := slices.Index(all, T(text)); i >= 0 {
		return all[i], nil
	}
	names := make([]string, len(all))
	for i, one := range all {
		names[i] = string(one)
	}
	return "", monitor.Errorf(monitor.EInvalid, "unknown %s %q: expected one of %s", what, text, strings.Join(names, ", "))
}
