package api_test

import (
	"os"
	"testing"

	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/gin-gonic/gin"
)

// TestMain registers the media types that the validator of answers checks only as text.
func TestMain(m *testing.M) {
	gin.SetMode(gin.ReleaseMode)
	for _, media := range []string{"text/html", "text/css", "application/x-ndjson"} {
		openapi3filter.RegisterBodyDecoder(media, openapi3filter.FileBodyDecoder)
	}
	os.Exit(m.Run())
}
