package httpd

import (
	"net/http"
	"strings"
)

// credential returns the token in the value of an Authorization header, or "". With the scheme Basic the token is the
// password; the user name does not matter. With the schemes Bearer and Token it is the text after the scheme.
// pytest-monitor can send only Basic.
func credential(authorization string) string {
	scheme, value, _ := strings.Cut(strings.TrimSpace(authorization), " ")
	r := http.Request{Header: http.Header{"Authorization": {scheme + " " + strings.TrimSpace(value)}}}
	if _, password, ok := r.BasicAuth(); ok {
		return password
	}
	if strings.EqualFold(scheme, "Bearer") || strings.EqualFold(scheme, "Token") {
		return strings.TrimSpace(value)
	}
	return ""
}
