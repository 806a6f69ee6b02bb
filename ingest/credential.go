package ingest

import (
	"encoding/base64"
	"strings"
)

// credential returns the token in the value of an Authorization header, "" where there is none: the password of
// Basic, with any user name, or what follows Bearer or Token. The plugin can send only the first.
func credential(authorization string) string {
	scheme, value, _ := strings.Cut(strings.TrimSpace(authorization), " ")
	value = strings.TrimSpace(value)
	switch {
	case strings.EqualFold(scheme, "Basic"):
		return password(value)
	case strings.EqualFold(scheme, "Bearer"), strings.EqualFold(scheme, "Token"):
		return value
	}
	return ""
}

// password returns the password of Basic credentials, which are user:password in base64.
func password(value string) string {
	decoded, err := base64.StdEncoding.DecodeString(value)
	if err != nil {
		return ""
	}
	_, secret, _ := strings.Cut(string(decoded), ":")
	return secret
}
