package influx

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// recorder keeps the bodies of requests, and answers 204.
type recorder struct{ bodies []string }

func (r *recorder) RoundTrip(req *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(req.Body)
	r.bodies = append(r.bodies, string(body))
	return &http.Response{StatusCode: http.StatusNoContent, Body: http.NoBody}, err
}

// The client adds a line break to each record. Another version may not.
func TestOnlyTheClientsLineBreakIsTakenAway(t *testing.T) {
	sent := &recorder{}
	o := newObserver(Config{Transport: sent, Timeout: time.Minute, Now: time.Now, token: new(token)})
	for _, body := range []string{"a batch\n", "a batch", ""} {
		o.begin(t.Context())
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://influx/", strings.NewReader(body))
		require.NoError(t, err)
		resp, err := o.RoundTrip(req)
		answers := o.end()
		require.Len(t, answers, 1)
		if body == "a batch\n" {
			require.NoError(t, err)
			require.NoError(t, resp.Body.Close())
			continue
		}
		require.ErrorContains(t, err, "adds no line break")
		assert.Contains(t, answers[0].message, "adds no line break")
	}
	assert.Equal(t, []string{"a batch"}, sent.bodies)
}
