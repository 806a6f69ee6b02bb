package main

import (
	"bytes"
	"io"
	"testing"
	"time"

	"github.com/alecthomas/kong"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
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

// TestMoments reads times as people write them.
func TestMoments(t *testing.T) {
	at := func(text string) (time.Time, error) {
		var m moment
		err := m.UnmarshalText([]byte(text))
		return m.Time, err
	}
	for text, want := range map[string]string{"2026-01-31T12:00:00+01:00": "2026-01-31T11:00:00Z", "2026-01-31": "2026-01-31T00:00:00Z"} {
		got, err := at(text)
		assert.NoError(t, err)
		assert.Equal(t, want, got.UTC().Format(time.RFC3339), text)
	}
	for text, want := range map[string]time.Duration{"7d": 7 * 24 * time.Hour, "36h": 36 * time.Hour, "0d": 0} {
		before := time.Now()
		got, err := at(text)
		assert.NoError(t, err)
		assert.False(t, got.Before(before.Add(-want)) || got.After(time.Now().Add(-want)), "%s: %s", text, got)
	}
	for _, text := range []string{"", "-3d", "d", "1.5d", "-1h", "yesterday", "2026-02-30", "7", "99999d"} {
		_, err := at(text)
		assert.ErrorContains(t, err, "expected a time such as 2026-01-31T12:00:00Z", text)
	}
}

func TestKeptAges(t *testing.T) {
	for text, want := range map[string]time.Duration{"400d": 400 * 24 * time.Hour, "36h": 36 * time.Hour, "0": 0, "1d": 24 * time.Hour} {
		var a keptAge
		assert.NoError(t, a.UnmarshalText([]byte(text)))
		assert.Equal(t, want, time.Duration(a), text)
	}
	for _, text := range []string{"", "400", "-3d", "1h", "0s", "0d", "yesterday", "2026-01-31", "99999d"} {
		assert.ErrorContains(t, new(keptAge).UnmarshalText([]byte(text)), "expected an age of at least a day, such as 400d", text)
	}
}

// A token may begin with a hyphen. Errors do not show it.
func TestSecretsOnTheCommandLine(t *testing.T) {
	t.Parallel()
	const wants = "--token: expected a value; one that begins with -- needs the form --flag=VALUE"
	for _, c := range []struct {
		args  []string
		token string
		err   string
	}{
		{[]string{"--token", "plain"}, "plain", ""},
		{[]string{"--token", "-2EUY=="}, "-2EUY==", ""},
		{[]string{"--token", "-"}, "-", ""},
		{[]string{"--token=-2EUY=="}, "-2EUY==", ""},
		{[]string{"--token=--EUY=="}, "--EUY==", ""},
		{[]string{"--token="}, "", ""},
		{[]string{"--token", "--EUY=="}, "", wants},
		{[]string{"--token", "--json"}, "", wants},
		{[]string{"--token"}, "", wants},
	} {
		var flags struct {
			Token string `type:"secret"`
			JSON  bool   `name:"json"`
		}
		parser, err := kong.New(&flags, kong.NamedMapper("secret", kong.MapperFunc(readSecret)))
		require.NoError(t, err)
		if _, err = parser.Parse(c.args); c.err != "" {
			assert.EqualError(t, err, c.err, c.args)
			continue
		}
		assert.NoError(t, err, c.args)
		assert.Equal(t, c.token, flags.Token, c.args)
	}
}

// Each flag for a token takes one that begins with a hyphen.
func TestEveryTokenMayBeginWithAHyphen(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{
		{"check", "--token", "-2EUY=="}, {"runs", "--token", "-2EUY=="}, {"run", "--token", "-2EUY=="}, {"import", "--token", "-2EUY=="},
		{"healthcheck", "--token", "-2EUY=="}, {"serve", "--influx-token", "-2EUY=="}, {"influx", "setup", "--influx-token", "-2EUY=="},
	} {
		var log bytes.Buffer
		assert.Equal(t, 2, (&Main{Stdout: io.Discard, Stderr: &log}).Run(t.Context(), append(args, "--none")))
		assert.Contains(t, log.String(), "unknown flag --none", args)
	}
}
