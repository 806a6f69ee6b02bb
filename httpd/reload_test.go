package httpd_test

import (
	"context"
	"net/http"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"

	"pymon-bridge/monitor"
)

func TestReloadUsesANewCertificateAtOnce(t *testing.T) {
	files := newKeyFiles(t)
	files.write(t, "first.example")
	b := newBridge()
	b.CertFile, b.KeyFile = files.cert, files.key
	addr := serve(t, b)
	assert.Equal(t, "first.example", certName(t, addr))
	files.write(t, "second.example")
	b.Reload(t.Context())
	assert.Equal(t, "second.example", certName(t, addr))
}

func TestReloadForgetsARevokedTokenAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := withTokens(newBridge())
		post := func() int {
			return b.do(http.MethodPost, "/metrics/", metricBody, "Authorization", "Bearer old-secret").Code
		}
		assert.Equal(t, http.StatusCreated, post())
		b.TokensFn = func(context.Context) (monitor.TokenList, error) {
			return monitor.TokenList{Valid: []monitor.Token{token("a", "new-secret")}}, nil
		}
		assert.Equal(t, http.StatusCreated, post(), "the bridge reads the tokens about once a second")
		b.Reload(t.Context())
		assert.Equal(t, http.StatusUnauthorized, post())
	})
}
