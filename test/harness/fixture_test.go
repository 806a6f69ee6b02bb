package harness_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pymon-bridge/test/harness"
)

func TestFixturesAreComplete(t *testing.T) {
	t.Parallel()
	fixtures := harness.Fixtures(t)
	require.Equal(t, 90, len(fixtures), "files in test/testdata/fixtures")
	for _, f := range fixtures {
		assert.NotEmpty(t, f.Client, f.Name)
		require.NotEmpty(t, f.Requests, f.Name)
		for _, r := range f.Requests {
			assert.Contains(t, []int{200, 201, 204}, r.Status, f.Name)
			assert.Contains(t, r.Header.Get("User-Agent"), "python-requests/", f.Name)
		}
	}
}

func TestReplaySendsTheRecordedBytes(t *testing.T) {
	t.Parallel()
	fixture := harness.Fixtures(t)[0]
	var got []harness.Request
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		assert.NoError(t, err)
		got = append(got, harness.Request{Method: r.Method, Path: r.URL.Path, Body: string(body)})
		w.WriteHeader(http.StatusTeapot)
		_, _ = w.Write([]byte("short"))
	}))
	defer server.Close()

	replies := fixture.Replay(t, server.URL)
	require.Len(t, got, len(fixture.Requests))
	for n, r := range fixture.Requests {
		assert.Equal(t, harness.Request{Method: r.Method, Path: r.Path, Body: r.Body}, got[n])
		assert.Equal(t, http.StatusTeapot, replies[n].Status)
		assert.Equal(t, "short", replies[n].Body)
	}
}
