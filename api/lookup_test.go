package api_test

import (
	"fmt"
	"log/slog"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pymon-bridge/api"
	"pymon-bridge/httpd"
	"pymon-bridge/monitor"
)

const (
	contextHash = "c1b8b5fbcb1b5ad1a0e9b3a3ac0d5e2f"
	sessionHash = "53525c1ce0b9b5c1d2f0e5a4b7c8d9e0"
)

// bases maps every base path to the project that it reads.
var bases = map[string]string{"": "", "/api/v1": "", "/p/My-team_1.0": "My-team_1.0", "/p/My-team_1.0/api/v1": "My-team_1.0"}

// spellings returns spellings of a path. The path begins with a slash and has no final slash.
func spellings(path string) []string {
	last := strings.LastIndexByte(path, '/')
	return []string{path, path + "/", path + "//", "/" + path, path[:last] + "/" + path[last:],
		strings.ReplaceAll(path, "/", "//") + "//"}
}

// addContext adds a context to the store and to the metadata store.
func (s *server) addContext(project string, v *monitor.Context) {
	s.store.contexts = append(s.store.contexts, owned[*monitor.Context]{project, v})
	s.metadata.contexts = append(s.metadata.contexts, owned[*monitor.Context]{project, v})
}

// addSession adds a session to the store and to the metadata store.
func (s *server) addSession(project string, v *monitor.Session) {
	s.store.sessions = append(s.store.sessions, owned[*monitor.Session]{project, v})
	s.metadata.sessions = append(s.metadata.sessions, owned[*monitor.Session]{project, v})
}

func TestLookup(t *testing.T) {
	for route, answer := range map[string]string{
		"/contexts/" + contextHash: `{"contexts":[`, "/contexts/c1b": `{"contexts":[`,
		"/sessions/" + sessionHash: `{"sessions":[`, "/sessions/5": `{"sessions":[`,
	} {
		for base := range bases {
			s := newServer(t, &fakeStore{})
			for _, path := range spellings(base + route) {
				w := s.do(http.MethodGet, path, "")
				assert.Equal(t, http.StatusNoContent, w.Code, "unknown before the POST: %s", path)
				assert.Empty(t, w.Body.String())
			}
			s.addContext("My-team_1.0", &monitor.Context{H: contextHash})
			s.addSession("My-team_1.0", &monitor.Session{SessionH: sessionHash})
			for _, path := range spellings(base + route) {
				w := s.do(http.MethodGet, path, "")
				require.Equal(t, http.StatusOK, w.Code, path)
				assert.True(t, strings.HasPrefix(w.Body.String(), answer), w.Body)
				assert.Contains(t, w.Body.String(), `"total_page":1`)
			}
		}
	}
}

func TestLookupStaysInItsProject(t *testing.T) {
	s := newServer(t, &fakeStore{})
	s.addContext("a", &monitor.Context{H: contextHash})
	assert.Equal(t, http.StatusOK, s.get(t, "/p/a/contexts/"+contextHash).Code)
	assert.Equal(t, http.StatusNoContent, s.get(t, "/p/b/contexts/"+contextHash).Code)
	assert.Equal(t, http.StatusOK, s.get(t, "/contexts/"+contextHash).Code, "this path reads all projects")
}

func TestLookupStaysInTheProjectOfTheToken(t *testing.T) {
	s := newServer(t, &fakeStore{})
	s.addContext("b", &monitor.Context{H: contextHash})
	s.tokens.all = []monitor.Token{token("a", "a-secret"), token("b", "b-secret")}
	for secret, want := range map[string]int{"b-secret": 200, "a-secret": 204} {
		assert.Equal(t, want, s.get(t, "/contexts/"+contextHash, "Authorization", "Bearer "+secret).Code)
		assert.Equal(t, want, s.get(t, "/contexts/c1", "Authorization", "Bearer "+secret).Code)
	}
}

func TestLookupPrefersTheWholeHash(t *testing.T) {
	s := newServer(t, &fakeStore{})
	s.addContext("default", &monitor.Context{H: contextHash})
	s.addContext("default", &monitor.Context{H: contextHash + "00"})
	for _, path := range []string{"/p/default/contexts/", "/contexts/"} {
		assert.Len(t, decode(t, s.get(t, path+contextHash))["contexts"], 1)
	}
	assert.Len(t, decode(t, s.get(t, "/contexts/"+contextHash[:31]))["contexts"], 2)
	s.api.PageSize = 1
	assert.Len(t, decode(t, s.get(t, "/contexts/c"))["contexts"], 1)
	s.store.FailFn = func(int) error { return monitor.Errorf(monitor.EUnavailable, "the file is being checked") }
	assert.Equal(t, http.StatusOK, s.get(t, "/p/default/contexts/"+contextHash).Code)
	assert.Empty(t, s.log.String(), "a whole hash of one project needs no list")
}

// TestLookupWithoutProjectFindsAllProjects checks that the first accepted context is the first in the answer, because
// pytest-monitor reads only the first. It also checks that a lookup in one project finds only this project.
func TestLookupWithoutProjectFindsAllProjects(t *testing.T) {
	db := openFile(t)
	var records []*monitor.Record
	for i, project := range []string{"b", "c", "a"} {
		n := fmt.Sprint(i + 1)
		records = append(records,
			&monitor.Record{Project: project, Received: time.Now(), Context: &monitor.Context{H: contextHash, CPUCount: int64(i + 1)}},
			&monitor.Record{Project: project, Received: time.Now(), Session: &monitor.Session{SessionH: sessionHash,
				RunDate: "2026-11-22T16:03:0" + n, ScmRef: text(n), Description: "{}"}})
	}
	records = append(records, &monitor.Record{Project: "a", Received: time.Now(), Context: &monitor.Context{H: contextHash + "00"}})
	require.NoError(t, db.Append(t.Context(), records))
	s, _ := mount(&tokens{}, api.Parts{Store: db, Metadata: db, Judge: &fakeJudge{}, Reports: &fakeJudge{}, Drift: db, Printer: printer,
		Log: slog.New(slog.DiscardHandler)})
	for path, want := range map[string][]string{
		"/contexts/" + contextHash: {`"cpu_count":1`, `"cpu_count":3`, `"cpu_count":2`},
		"/sessions/" + sessionHash: {`"scm_ref":"1"`, `"scm_ref":"2"`, `"scm_ref":"3"`},
	} {
		for base, listed := range map[string][]string{"": want, "/api/v1": want, "/p/b/api/v1": want[:1]} {
			assert.Equal(t, listed, elements(s, base+path), base+path)
		}
	}
	assert.Equal(t, []string{`"cpu_count":3`}, elements(s, "/p/a/contexts/"+contextHash))
	assert.Equal(t, []string{`"scm_ref":"3"`}, elements(s, "/p/a/sessions/"+sessionHash))
}

// elements returns one distinguishing member of each element of an answer.
func elements(s *httpd.Server, path string) []string {
	w := (&server{Server: s}).do(http.MethodGet, path, "")
	return regexp.MustCompile(`"cpu_count":\d|"scm_ref":"\d"`).FindAllString(w.Body.String(), -1)
}

// TestLookupFindsAContextThatTheStoreLacks: the metadata store also asks InfluxDB, so it may know more than the store.
func TestLookupFindsAContextThatTheStoreLacks(t *testing.T) {
	s := newServer(t, &fakeStore{})
	s.metadata.contexts = []owned[*monitor.Context]{{"a", &monitor.Context{H: contextHash, CPUCount: 1}}}
	s.store.contexts = []owned[*monitor.Context]{{"b", &monitor.Context{H: contextHash, CPUCount: 2}}}
	assert.Equal(t, []string{`"cpu_count":1`, `"cpu_count":2`}, elements(s.Server, "/contexts/"+contextHash))
}

// TestLookupDoesNotNeedTheStore checks that a context of the metadata store is found while the store fails.
func TestLookupDoesNotNeedTheStore(t *testing.T) {
	s := newServer(t, &fakeStore{})
	s.addContext("default", &monitor.Context{H: contextHash})
	s.store.FailFn = func(int) error { return monitor.Errorf(monitor.EUnavailable, "the file is being checked") }
	w := s.get(t, "/contexts/"+contextHash)
	assert.Equal(t, http.StatusOK, w.Code)
	assert.Contains(t, w.Body.String(), contextHash)
	assert.Contains(t, s.log.String(), "the file is being checked")
}

func TestLookupNeverFailsTheClient(t *testing.T) {
	for _, path := range []string{"/contexts/" + contextHash, "/sessions/" + sessionHash} {
		for base := range bases {
			s := newServer(t, &fakeStore{})
			s.metadata.err = monitor.Errorf(monitor.EUnavailable, "the file is being checked")
			assert.Equal(t, http.StatusNoContent, s.get(t, base+path).Code)
			assert.Contains(t, s.log.String(), "the file is being checked")
		}
	}
}

// TestMetadataStoreAnswersOnlyLookups checks that the metadata store answers the lookups of pytest-monitor, and that the
// store answers all other requests to the same paths.
func TestMetadataStoreAnswersOnlyLookups(t *testing.T) {
	s := newServer(t, &fakeStore{})
	for _, h := range []string{contextHash, contextHash + "0", "a/b"} {
		s.addContext("My-team_1.0", &monitor.Context{H: h})
	}
	s.addSession("My-team_1.0", &monitor.Session{SessionH: sessionHash})
	s.metadata.contexts, s.metadata.sessions = nil, nil
	for base := range bases {
		for _, accept := range []string{"", "*/*"} {
			w := s.do(http.MethodGet, base+"/contexts/"+contextHash, "", "Accept", accept)
			assert.Equal(t, http.StatusNoContent, w.Code, "pytest-monitor asks for a whole hash")
			assert.Equal(t, "Accept", w.Header().Get("Vary"), "with another Accept the store answers")
		}
		for path, want := range map[string]int{
			"/contexts/c1": 2, "/contexts/a%2Fb/": 1, "/contexts/" + contextHash + "?page=1": 2, "/contexts/" + contextHash + "0": 1,
		} {
			assert.Len(t, decode(t, s.get(t, base+path))["contexts"], want, base+path)
		}
		assert.Len(t, decode(t, s.get(t, base+"/sessions/5/"))["sessions"], 1)
		csv := s.get(t, base+"/sessions/"+sessionHash, "Accept", "text/csv")
		assert.Equal(t, "session_h,run_date,scm_ref,tags\r\n"+sessionHash+",,,[]\r\n", csv.Body.String())
		both := s.get(t, base+"/sessions/"+sessionHash, "Accept", "*/*", "Accept", "text/csv")
		assert.Contains(t, both.Body.String(), sessionHash)
	}
}
