package api_test

import (
	"os"
	"testing"

	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/gin-gonic/gin"
)

// TestMain teaches the validator of answers the media types that are just texts to it.
func TestMain(m *testing.M) {
	gin.SetMode(gin.ReleaseMode)
	for _, media := range []string{"text/html", "text/css", "application/x-ndjson"} {
		openapi3filter.RegisterBodyDecoder(media, openapi3filter.FileBodyDecoder)
	}
	os.Exit(m.Run())
}
