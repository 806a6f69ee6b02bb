package main

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestAddressRange(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"10.0.0.5": "10.0.0.5/32", "10.0.0.0/8": "10.0.0.0/8", "::1": "::1/128", "fd00::/8": "fd00::/8",
		"::ffff:10.0.0.5": "10.0.0.5/32", "::ffff:10.0.0.0/104": "10.0.0.0/8", "fe80::1%eth0": "fe80::1/128",
		"proxy.example.org": "", "10.0.0.0/33": "", "10.0.0": "", "": "", "10.0.0.5:80": "", "*": "",
	} {
		var a addressRange
		err := a.UnmarshalText([]byte(text))
		if want == "" {
			assert.ErrorContains(t, err, "expected an address such as 10.0.0.5 or a range such as 10.0.0.0/8", text)
			continue
		}
		assert.NoError(t, err, text)
		assert.Equal(t, want, a.String(), text)
	}
}
