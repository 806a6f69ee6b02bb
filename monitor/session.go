package monitor

// Session is one pytest process, as the plugin's `POST /sessions/` sends it (table TEST_SESSIONS).
type Session struct {
	SessionH string // the plugin's MD5 over scm_ref, run_date and the description; any non-empty text is accepted
	RunDate  string // ISO 8601 as sent, in the client's local time; see [ParseTime]
	ScmRef   Text   // commit; empty outside a repository
	// Description is the text of the description as sent: a JSON object, or plain text from clients before 1.4.
	Description string
	// Tags are the members of the description in the order sent; plain text is the one tag "description".
	Tags []Tag

	// Fixed at acceptance.

	Start   Instant // RunDate as an instant; nanoseconds below a microsecond come from the hash
	Run     string  // id of the run the session belongs to: see [RunOf]
	Branch  string  // [TagBranch], else [TagPipelineBranch]
	Build   string  // [TagPipelineBuild]
	Machine string  // [TagMachine]

	Marks
}

// Marks say of a session what its tags do not.
type Marks struct {
	Imported     bool       // it came from a file or from InfluxDB, and not from a running pytest
	StatesOffset bool       // the client stated the offset of its clock from UTC, so that nothing was guessed
	Completion   Completion // whether pytest ran to its end
	Method       string     // how it was measured, such as "m2"; empty for pytest-monitor's way
}

// Completion says whether a session ran everything that it was asked to.
type Completion string

// The completions. Clients that do not say when they end leave it unknown.
const (
	CompletionUnknown Completion = ""
	Complete          Completion = "complete"
	Partial           Completion = "partial" // stopped early, or only some of the suite's tests were asked for
)

// The tags that mean something here.
const (
	TagRun            = "run"               // id of the run; required behind a load balancer, since each replica sees a part
	TagBranch         = "branch"            // the name of the branch
	TagPipelineBranch = "pipeline_branch"   // the branch, or the job, as the plugin finds it in the environment of a CI system
	TagPipelineBuild  = "pipeline_build_no" // the number of the build, found in the same way
	TagMachine        = "machine"           // a name that replaces the computed class of machine
)

// Tag is one name and value of a session's description. Values that were no text are printed the Python way.
type Tag struct {
	Name  string
	Value Text
}

// Tag returns the value of the last tag called name, or "" where there is none or it is null.
func (s *Session) Tag(name string) string {
	for i := len(s.Tags) - 1; i >= 0; i-- {
		if s.Tags[i].Name == name {
			return s.Tags[i].Value.String
		}
	}
	return ""
}

// FixTags sets Branch, Build and Machine from the tags.
func (s *Session) FixTags() {
	s.Branch = s.Tag(TagBranch)
	if s.Branch == "" {
		s.Branch = s.Tag(TagPipelineBranch)
	}
	s.Build = s.Tag(TagPipelineBuild)
	s.Machine = s.Tag(TagMachine)
}
