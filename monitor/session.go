package monitor

import (
	"strings"
	"time"
)

// Session is one pytest process, as the plugin's `POST /sessions/` sends it (table TEST_SESSIONS).
type Session struct {
	SessionH string // the plugin's MD5 of scm_ref, run_date and the description; any non-empty text is accepted
	RunDate  string // ISO 8601 as sent, in the client's local time; see [ParseTime]
	ScmRef   Text   // commit; empty outside a repository
	// Description is the description as sent: a JSON object, or plain text from clients before 1.4.
	Description string
	// Tags are the members of the description in the order sent. A plain text is one tag "description".
	Tags []Tag

	// Decided at acceptance.

	Start   Instant // RunDate as an instant; the digits below a microsecond come from the hash
	Run     string  // id of the run that the session belongs to: see [RunOf]
	Branch  string  // what the session's history belongs to: see [Session.FixTags]
	Build   string  // [TagPipelineBuild]
	Machine string  // [TagMachine]

	Marks
	End
}

// End is what a client says of a session when the session has ended. The first end of a session stays. pytest-monitor
// sends none. A session has ended when its completion is known.
type End struct {
	ExitStatus int64     // of pytest
	Collected  int64     // number of tests that pytest collected
	Deselected int64     // number of tests that pytest was told to leave out
	Reason     string    // why the session is partial, such as "-x"
	Ended      time.Time // arrival of the end; zero when a session is open, or came from elsewhere without it
}

// Marks are facts about a session that its tags do not say.
type Marks struct {
	Imported     bool       // the session was read from a file, and no running pytest sent it to a bridge
	StatesOffset bool       // the client stated the offset of its clock from UTC, so the bridge did not guess it
	Completion   Completion // whether pytest ran to its end
	Method       string     // method of measuring, such as "m2"; empty for pytest-monitor's method
}

// Completion says whether a session ran the whole suite.
type Completion string

// The completions. A client that does not say when it ends leaves the completion unknown.
const (
	CompletionUnknown Completion = ""
	Complete          Completion = "complete"
	Partial           Completion = "partial" // pytest stopped early, or was asked for only some tests of the suite
)

// The tags that the bridge uses.
const (
	TagRun            = "run"               // id of the run; required behind a load balancer, since each replica sees a part
	TagBranch         = "branch"            // name of the branch
	TagPipelineBranch = "pipeline_branch"   // the branch or the job; the plugin reads it from the environment of the CI system
	TagPipelineBuild  = "pipeline_build_no" // number of the build; the plugin reads it in the same way
	TagCI             = "__ci__"            // name of the CI system; the plugin reads it in the same way
	TagMachine        = "machine"           // name that replaces the computed class of machine
	TagDirty          = "dirty"             // not empty where the files were not those of the commit
)

// MaxTags is the largest number of members that the description of a session may have.
const MaxTags = 256

// Tag is a name and a value of a session's description. A value that was not a text is printed as Python prints it.
type Tag struct {
	Name  string
	Value Text
}

// Tag returns the value of the last tag with the name. It returns "" when there is no such tag or its value is null.
func (s *Session) Tag(name string) string {
	for i := len(s.Tags) - 1; i >= 0; i-- {
		if s.Tags[i].Name == name {
			return s.Tags[i].Value.String
		}
	}
	return ""
}

// FixTags sets Branch, Build and Machine from the tags.
//
// The branch is the tag `branch`, else the tag `pipeline_branch`. There the plugin has the name of the job in GitLab and
// CircleCI. A job is no branch, but it has a history of its own, so the branch of its sessions is "job NAME". In Travis
// the plugin has the number of the build, which has no history.
func (s *Session) FixTags() {
	s.Branch = s.Tag(TagBranch)
	if s.Branch == "" {
		s.Branch = s.pipelineBranch()
	}
	s.Build = s.Tag(TagPipelineBuild)
	s.Machine = s.Tag(TagMachine)
}

func (s *Session) pipelineBranch() string {
	name := s.Tag(TagPipelineBranch)
	switch ci := s.Tag(TagCI); {
	case ci == "travisci":
		return ""
	case (ci == "gitlabci" || ci == "circleci") && name != "":
		return jobPrefix + name
	}
	return name
}

// jobPrefix begins the branch of sessions whose branch is a job. No branch of git has a space.
const jobPrefix = "job "

// IsJob says whether a branch is in truth a job, since the CI system tells the plugin no branch.
func IsJob(branch string) bool { return strings.HasPrefix(branch, jobPrefix) }
