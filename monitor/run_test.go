package monitor_test

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"pymon-bridge/monitor"
)

func TestRunOf(t *testing.T) {
	start := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC).UnixNano()
	tests := []struct {
		name   string
		change func(s *monitor.Session, l *monitor.Leader)
		client string
		want   string
	}{
		{"a worker's session", func(*monitor.Session, *monitor.Leader) {}, "10.0.0.1", "first"},
		{"a second later", func(s *monitor.Session, _ *monitor.Leader) { s.Start.UTC += 1e9 }, "10.0.0.1", "first"},
		{"accepted in another order", func(s *monitor.Session, _ *monitor.Leader) { s.Start.UTC -= 1e9 }, "10.0.0.1", "first"},
		{"15 s later", func(s *monitor.Session, _ *monitor.Leader) { s.Start.UTC += 15e9 }, "10.0.0.1", "first"},
		{"more than 15 s later", func(s *monitor.Session, _ *monitor.Leader) { s.Start.UTC += 15e9 + 1 }, "10.0.0.1", "own"},
		{"the leader has a metric", func(_ *monitor.Session, l *monitor.Leader) { l.Measured = true }, "10.0.0.1", "own"},
		{"another commit", func(s *monitor.Session, _ *monitor.Leader) { s.ScmRef.String = "def" }, "10.0.0.1", "own"},
		{"another description", func(s *monitor.Session, _ *monitor.Leader) { s.Description = `{"a": "2"}` }, "10.0.0.1", "own"},
		{"another machine", func(*monitor.Session, *monitor.Leader) {}, "10.0.0.2", "own"},
		{"named", func(s *monitor.Session, _ *monitor.Leader) {
			s.Tags = []monitor.Tag{{Name: "run", Value: monitor.Text{String: "4711"}}}
		}, "10.0.0.2", "4711"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := &monitor.Session{SessionH: "own", ScmRef: monitor.Text{String: "abc"}, Start: monitor.Instant{UTC: start}}
			l := &monitor.Leader{Run: "first", Start: start, ScmRef: monitor.Text{String: "abc"}, Client: "10.0.0.1"}
			tt.change(s, l)
			assert.Equal(t, tt.want, monitor.RunOf(s, tt.client, l))
		})
	}
	assert.Equal(t, "own", monitor.RunOf(&monitor.Session{SessionH: "own"}, "", nil))
}

func TestRunSummaryUnstable(t *testing.T) {
	tests := []struct {
		name    string
		summary monitor.RunSummary
		want    bool
	}{
		{"a project's first runs", monitor.RunSummary{Tests: 100, NewSeries: 100, FirstHour: true}, false},
		{"all ids are new", monitor.RunSummary{Tests: 100, NewSeries: 100}, true},
		{"more than half", monitor.RunSummary{Tests: 80, Modules: 20, NewSeries: 51}, true},
		{"half", monitor.RunSummary{Tests: 80, Modules: 20, NewSeries: 50}, false},
		{"a small new suite", monitor.RunSummary{Tests: 49, NewSeries: 49}, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) { assert.Equal(t, tt.want, tt.summary.Unstable()) })
	}
}

func TestFixTags(t *testing.T) {
	tag := func(name, value string) monitor.Tag {
		return monitor.Tag{Name: name, Value: monitor.Text{String: value}}
	}
	s := &monitor.Session{Tags: []monitor.Tag{tag("pipeline_branch", "job"), tag("pipeline_build_no", "7"), tag("machine", "m")}}
	s.FixTags()
	assert.Equal(t, []string{"job", "7", "m"}, []string{s.Branch, s.Build, s.Machine})
	s.Tags = append(s.Tags, tag("branch", "main"))
	s.FixTags()
	assert.Equal(t, "main", s.Branch)
	(&monitor.Session{Tags: []monitor.Tag{{Name: "branch", Value: monitor.Text{Null: true}}}}).FixTags()
}

func TestError(t *testing.T) {
	err := fmt.Errorf("accepting: %w", monitor.Errorf(monitor.EFull, "no space: %w", fs.ErrInvalid))
	assert.Equal(t, monitor.EFull, monitor.ErrorCode(err))
	assert.ErrorIs(t, err, fs.ErrInvalid)
	assert.EqualError(t, err, "accepting: no space: invalid argument")
	assert.Equal(t, monitor.EInternal, monitor.ErrorCode(errors.New("x")))
	assert.Equal(t, monitor.Code(""), monitor.ErrorCode(nil))
	assert.EqualError(t, &monitor.Error{Message: "invalid", Fields: map[string]string{"b": "2", "a": "1"}}, "invalid; a: 1; b: 2")
}

func TestValidProject(t *testing.T) {
	for name, want := range map[string]bool{".": false, "..": false, "...": true, "a": true, "My.proj_1-x": true, "": false, "a/b": false, "ä": false, "a b": false,
		"0123456789012345678901234567890123456789012345678901234567890123": true, "01234567890123456789012345678901234567890123456789012345678901234": false} {
		assert.Equal(t, want, monitor.ValidProject(name), "%q", name)
	}
}

// The sets of tags are those that pytest-monitor sends.
func TestAJobIsNoBranch(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		tags []string // names and values
		want string
	}{
		"GitLab":                  {[]string{"pipeline_branch", "tests 1/2", "__ci__", "gitlabci"}, "job tests 1/2"},
		"CircleCI":                {[]string{"pipeline_branch", "build", "__ci__", "circleci"}, "job build"},
		"Travis numbers builds":   {[]string{"pipeline_branch", "1234567", "__ci__", "travisci"}, ""},
		"Jenkins":                 {[]string{"pipeline_branch", "main", "__ci__", "jenkinsci"}, "main"},
		"Drone":                   {[]string{"pipeline_branch", "main", "__ci__", "droneci"}, "main"},
		"Bitbucket":               {[]string{"pipeline_branch", "dev", "__ci__", "bitbucketci"}, "dev"},
		"a tag names the branch":  {[]string{"pipeline_branch", "tests 1/2", "__ci__", "gitlabci", "branch", "main"}, "main"},
		"by hand, without a CI":   {[]string{"pipeline_branch", "main"}, "main"},
		"GitLab without a name":   {[]string{"pipeline_branch", "", "__ci__", "gitlabci"}, ""},
		"a CI system without one": {[]string{"__ci__", "gitlabci"}, ""},
	} {
		s := &monitor.Session{}
		for i := 0; i < len(tc.tags); i += 2 {
			s.Tags = append(s.Tags, monitor.Tag{Name: tc.tags[i], Value: monitor.Text{String: tc.tags[i+1]}})
		}
		s.FixTags()
		assert.Equal(t, tc.want, s.Branch, name)
	}
}

func TestRunEndOfSessions(t *testing.T) {
	session := func(completion monitor.Completion, method, why string) *monitor.Session {
		return &monitor.Session{Marks: monitor.Marks{Completion: completion, Method: method}, End: monitor.End{Reason: why}}
	}
	plain, complete := session("", "", ""), session(monitor.Complete, "m2", "")
	crashed, stopped := session("", "m2", ""), session(monitor.Partial, "m2", "-x")
	var many []*monitor.Session
	for _, why := range []string{"a", "b", "a", "c", "d", "e"} {
		many = append(many, session(monitor.Partial, "m2", why))
	}
	for name, tt := range map[string]struct {
		sessions []*monitor.Session
		want     monitor.Completion
		partial  string
		open     int
	}{
		"no session":               {nil, "", "", 0},
		"pytest-monitor":           {[]*monitor.Session{plain, plain}, "", "", 2},
		"complete":                 {[]*monitor.Session{complete, complete}, monitor.Complete, "", 0},
		"one unknown":              {[]*monitor.Session{complete, plain}, "", "", 1},
		"one unknown first":        {[]*monitor.Session{plain, complete}, "", "", 1},
		"one partial":              {[]*monitor.Session{complete, stopped, plain}, monitor.Partial, "-x", 1},
		"a reason counts once":     {[]*monitor.Session{stopped, crashed, stopped}, monitor.Partial, "-x, has not ended", 1},
		"died or is running":       {[]*monitor.Session{complete, crashed}, monitor.Partial, "has not ended", 1},
		"many reasons":             {many, monitor.Partial, "a, b, c, …", 0},
		"partial without a reason": {[]*monitor.Session{session(monitor.Partial, "", "")}, monitor.Partial, "", 0},
	} {
		t.Run(name, func(t *testing.T) {
			var end monitor.RunEnd
			for _, s := range tt.sessions {
				end.Add(s)
			}
			assert.Equal(t, tt.want, end.Completion)
			assert.Equal(t, tt.partial, end.Partial)
			assert.Equal(t, tt.open, end.Open)
			assert.Equal(t, slices.Contains(tt.sessions, plain) || slices.Contains(tt.sessions, complete), end.Whole)
		})
	}
}
