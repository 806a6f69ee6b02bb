package httpd

import (
	"net/http"
	"strings"
)

// credential returns the token in the value of an Authorization header, "" where there is none. The token is the
// password of Basic, with any user name, or what follows Bearer or Token. The plugin can send only the first.
func credential(authorization string) string {
	r := http.Request{Header: http.Header{"Authorization": {authorization}}}
	if _, password, ok := r.BasicAuth(); ok {
		return password
	}
	scheme, value, _ := strings.Cut(strings.TrimSpace(authorization), " ")
	if strings.EqualFold(scheme, "Bearer") || strings.EqualFold(scheme, "Token") {
		return strings.TrimSpace(value)
	}
	return ""
}
