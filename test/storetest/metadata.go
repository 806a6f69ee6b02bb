package storetest

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"pymon-bridge/monitor"
)

func (s *suite) testSessions(t *testing.T) {
	s.checkSessions(t, monitor.SessionQuery{})
	s.checkSessions(t, monitor.SessionQuery{AnyTag: true})
	s.checkSessions(t, monitor.SessionQuery{Project: "nothing"})
	for _, project := range projects {
		s.checkSessions(t, monitor.SessionQuery{Project: project})
	}
	for _, how := range hows {
		s.checkSessions(t, monitor.SessionQuery{ScmRef: &monitor.Match{Field: monitor.FieldScmRef, How: how}})
	}
	for range 40 {
		s.checkSessions(t, s.sessionQuery())
	}
}

func (s *suite) sessionQuery() monitor.SessionQuery {
	like := pick(s.random, s.world.sessions)
	q := monitor.SessionQuery{AnyTag: s.random.IntN(2) == 0}
	if s.random.IntN(3) == 0 {
		q.Project = pick(s.random, projects)
	}
	if s.random.IntN(3) == 0 {
		q.HashPrefix = s.part(like.Session.SessionH, monitor.HasPrefix)
	}
	if s.random.IntN(3) == 0 {
		how := pick(s.random, hows)
		q.ScmRef = &monitor.Match{Field: monitor.FieldScmRef, How: how, Text: s.part(like.Session.ScmRef.String, how)}
	}
	for range s.random.IntN(4) {
		if len(like.Session.Tags) == 0 || s.random.IntN(4) == 0 {
			q.Tags = append(q.Tags, monitor.TagMatch{Name: pick(s.random, []string{"flag", "%", "numpy", ""}), Value: "main"})
			continue
		}
		tag := pick(s.random, like.Session.Tags)
		value := pick(s.random, []string{"", tag.Value.String, "main", "%", "7"})
		q.Tags = append(q.Tags, monitor.TagMatch{Name: tag.Name, Value: value})
	}
	return q
}

// testManyTags asks for very many tags. Sessions have some of them.
func (s *suite) testManyTags(t *testing.T) {
	var others, repeated []monitor.TagMatch
	for i := range 2000 {
		others = append(others, monitor.TagMatch{Name: fmt.Sprintf("no tag %d", i), Value: []string{"", "main"}[i%2]})
		repeated = append(repeated, monitor.TagMatch{Name: "flag"}, monitor.TagMatch{})
	}
	var had []monitor.TagMatch // one session has all of them
	for _, tag := range slices.MaxFunc(s.world.sessions, moreTags).Session.Tags {
		if text := tag.Value.String; text != "" {
			had = append(had, monitor.TagMatch{Name: tag.Name}, monitor.TagMatch{Name: tag.Name, Value: text})
		}
	}
	require.Greater(t, len(had), 6)
	for name, tags := range map[string][]monitor.TagMatch{
		"had":               slices.Repeat(had, 2000/len(had)),
		"one had":           append(slices.Clone(others), had[0]),
		"one with its text": append(slices.Clone(others), had[1]),
		"none had":          others,
		"one not had":       append(slices.Repeat(had, 200), others[0]),
		"repeated":          repeated,
		"empty":             make([]monitor.TagMatch, 3000),
		"contradicting":     {had[1], {Name: had[1].Name, Value: had[1].Value + "?"}},
	} {
		for _, any := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s any %t", name, any), func(t *testing.T) {
				own := suite{store: s.store, world: s.world, random: newRandom()} // the order of these questions is random
				own.compareSessions(t, monitor.SessionQuery{Tags: tags, AnyTag: any})
			})
		}
	}
	var most []monitor.TagMatch // more than the 32,766 values of a query in SQLite
	for i := range 33_000 {
		most = append(most, monitor.TagMatch{Name: fmt.Sprintf("no tag %d", i)})
	}
	n, err := s.store.CountSessions(t.Context(), monitor.SessionQuery{Tags: most})
	require.NoError(t, err)
	require.Zero(t, n)
}

func moreTags(a, b *monitor.Record) int { return len(a.Session.Tags) - len(b.Session.Tags) }

func (s *suite) checkSessions(t *testing.T, q monitor.SessionQuery) {
	t.Helper()
	s.ask(t, fmt.Sprintf("%.200q", fmt.Sprintf("%+v %+v", q, q.ScmRef)), func(t *testing.T) { s.compareSessions(t, q) })
}

func (s *suite) compareSessions(t *testing.T, q monitor.SessionQuery) {
	t.Helper()
	want := []*monitor.Session{}
	for _, rec := range s.world.sessions {
		if hasProject(rec, q.Project) && strings.HasPrefix(rec.Session.SessionH, q.HashPrefix) && scmMatches(rec.Session, q.ScmRef) &&
			tagsMatch(rec.Session, q.Tags, q.AnyTag) {
			want = append(want, rec.Session)
		}
	}
	ask(q, s.store.Sessions, s.store.CountSessions).check(t, s.random, want, nil, sameSession)
}

func hasProject(rec *monitor.Record, project string) bool {
	return project == "" || rec.Project == project
}

func scmMatches(s *monitor.Session, m *monitor.Match) bool {
	return m == nil || !s.ScmRef.Null && compares(s.ScmRef.String, m.How, m.Text)
}

func tagsMatch(s *monitor.Session, tags []monitor.TagMatch, any bool) bool {
	if len(tags) == 0 {
		return true
	}
	matching := 0
	for _, want := range tags {
		has := tag(s, want.Name)
		if !has.Null && has.String != "" && (want.Value == "" || has.String == want.Value) {
			matching++
		}
	}
	return matching == len(tags) || any && matching > 0
}

func sameSession(t *testing.T, want, got *monitor.Session) {
	t.Helper()
	require.Equal(t, *want, *got)
}

func (s *suite) testContexts(t *testing.T) {
	s.checkContexts(t, monitor.ContextQuery{})
	for _, project := range append(projects, "nothing") {
		s.checkContexts(t, monitor.ContextQuery{Project: project})
	}
	for range 30 {
		q := monitor.ContextQuery{HashPrefix: s.part(pick(s.random, s.world.contexts).Context.H, monitor.HasPrefix)}
		if s.random.IntN(3) == 0 {
			q.Project = pick(s.random, projects)
		}
		s.checkContexts(t, q)
	}
}

func (s *suite) checkContexts(t *testing.T, q monitor.ContextQuery) {
	t.Helper()
	want := []*monitor.Context{}
	for _, rec := range s.world.contexts {
		if hasProject(rec, q.Project) && strings.HasPrefix(rec.Context.H, q.HashPrefix) {
			want = append(want, rec.Context)
		}
	}
	s.ask(t, fmt.Sprintf("%.200q", fmt.Sprintf("%+v", q)), func(t *testing.T) {
		ask(q, s.store.Contexts, s.store.CountContexts).check(t, s.random, want, nil, sameContext)
	})
}

func sameContext(t *testing.T, want, got *monitor.Context) {
	t.Helper()
	a, b := *want, *got
	require.Equal(t, math.IsNaN(a.CPUFrequency), math.IsNaN(b.CPUFrequency))
	if math.IsNaN(a.CPUFrequency) {
		a.CPUFrequency, b.CPUFrequency = 0, 0
	}
	require.Equal(t, a, b)
}
