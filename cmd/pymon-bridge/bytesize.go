package main

import (
	"fmt"

	"github.com/dustin/go-humanize"
)

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
