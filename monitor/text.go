package monitor

import (
	"fmt"
	"regexp"
	"strings"
)

// Text is a text that a client may send as null. The zero value is the empty text.
type Text struct {
	String string
	Null   bool
}

var projectName = regexp.MustCompile(`^[A-Za-z0-9._-]{1,64}$`)

// DefaultProject is the project of a record that is sent without a project in the path and without a token.
const DefaultProject = "default"

// ValidProject says whether name can be the name of a project: 1 to 64 letters, digits, dots, underscores and hyphens.
// "." and ".." cannot. HTTP clients remove them from paths, so records for /p/../ would arrive in the default project.
func ValidProject(name string) bool {
	return projectName.MatchString(name) && name != "." && name != ".."
}

var address = regexp.MustCompile(`( at 0x)[0-9A-Fa-f]+(>)`)

// StableText replaces the address in every `<… at 0x7f…>` by an ellipsis. These addresses come from the repr of Python
// objects. They are new in every run, so the tests of every run would be new series.
func StableText(s string) string {
	if !strings.Contains(s, " at 0x") {
		return s
	}
	return address.ReplaceAllString(s, "${1}…${2}")
}

// Shorten returns a text of at most max bytes as it is. Of a longer text it returns the beginning, an ellipsis and the
// number of bytes that the whole text has. It is for logs: clients send texts of any length.
func Shorten(s string, max int) string {
	if len(s) <= max {
		return s
	}
	return fmt.Sprintf("%s… (%d bytes)", strings.ToValidUTF8(s[:max], ""), len(s))
}
