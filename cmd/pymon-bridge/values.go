package main

import (
	"errors"
	"fmt"
	"net/netip"
	"reflect"
	"strconv"
	"strings"
	"time"

	"github.com/alecthomas/kong"
	"github.com/dustin/go-humanize"
)

// The types of values of flags that the parser does not know. Each says what was expected.

// addressRange is a range of IP addresses. A person writes one address, such as 10.0.0.5, or a range, such as 10.0.0.0/8.
type addressRange struct{ netip.Prefix }

// UnmarshalText reads an address or a range. An IPv4 address that is written as IPv6 is the IPv4 address.
func (a *addressRange) UnmarshalText(text []byte) error {
	prefix, err := netip.ParsePrefix(string(text))
	if one, addrErr := netip.ParseAddr(string(text)); addrErr == nil {
		prefix, err = netip.PrefixFrom(one.WithZone(""), one.BitLen()), nil
	}
	if in := prefix.Addr(); in.Is4In6() && prefix.Bits() >= 96 {
		prefix = netip.PrefixFrom(in.Unmap(), prefix.Bits()-96)
	}
	if err != nil {
		return fmt.Errorf("expected an address such as 10.0.0.5 or a range such as 10.0.0.0/8, got %q", text)
	}
	a.Prefix = prefix
	return nil
}

// byteSize is a number of bytes. A person writes it with a unit, such as 512MiB or 10GB.
type byteSize int64

// UnmarshalText reads a number with an optional decimal (kB, MB) or binary (KiB, MiB) unit.
func (b *byteSize) UnmarshalText(text []byte) error {
	n, err := humanize.ParseBytes(string(text))
	if err != nil || n > 1<<62 {
		return fmt.Errorf("expected a size such as 512MiB or 10GB, got %q", text)
	}
	*b = byteSize(n)
	return nil
}

// String prints the size with a binary unit.
func (b byteSize) String() string { return humanize.IBytes(uint64(b)) }

// moment is a time that a person gives: RFC 3339, a date, or how long ago, such as 7d or 12h. The zero value is no time.
type moment struct {
	time.Time
	text string // as given
}

// UnmarshalText reads a time.
func (m *moment) UnmarshalText(text []byte) error {
	s := string(text)
	*m = moment{text: s}
	for _, layout := range []string{time.RFC3339, time.DateOnly} { // a date begins at midnight in UTC
		if at, err := time.Parse(layout, s); err == nil {
			m.Time = at
			return nil
		}
	}
	ago, err := parseSpan(s)
	if err != nil || ago < 0 {
		return fmt.Errorf("expected a time such as 2026-01-31T12:00:00Z, a date, or how long ago, such as 7d; got %.40q", s)
	}
	m.Time = time.Now().Add(-ago)
	return nil
}

// parseSpan reads a duration, also in days.
func parseSpan(s string) (time.Duration, error) {
	if days, ok := strings.CutSuffix(s, "d"); ok {
		n, err := strconv.ParseUint(days, 10, 16)
		return time.Duration(n) * 24 * time.Hour, err
	}
	return time.ParseDuration(s)
}

// patience is how long a command waits.
type patience time.Duration

// UnmarshalText reads a duration above zero.
func (p *patience) UnmarshalText(text []byte) error {
	d, err := time.ParseDuration(string(text))
	if err != nil || d <= 0 {
		return fmt.Errorf("expected a duration above zero, such as 90s or 2m; got %.40q", text)
	}
	*p = patience(d)
	return nil
}

// String prints the duration.
func (p patience) String() string { return time.Duration(p).String() }

// keptAge is how old runs or points may become. 0 means for ever.
type keptAge time.Duration

// UnmarshalText reads an age of at least a day.
func (a *keptAge) UnmarshalText(text []byte) error {
	d, err := parseSpan(string(text))
	if string(text) == "0" {
		d, err = 0, nil
	} else if err == nil && d < 24*time.Hour {
		err = strconv.ErrRange
	}
	if err != nil {
		return fmt.Errorf("expected an age of at least a day, such as 400d, or 0 for no limit; got %.40q", text)
	}
	*a = keptAge(d)
	return nil
}

// readSecret reads the value of a flag with the tag `type:"secret"`. One in 64 tokens of InfluxDB begins with a hyphen, which
// the parser's own reader takes for a flag. The error does not show the value, because the value can be a secret.
func readSecret(ctx *kong.DecodeContext, target reflect.Value) error {
	next := ctx.Scan.Pop()
	text, _ := next.Value.(string)
	if next.IsEOL() || next.InferredType() == kong.FlagToken {
		return errors.New("expected a value; one that begins with -- needs the form --flag=VALUE")
	}
	target.SetString(text)
	return nil
}
