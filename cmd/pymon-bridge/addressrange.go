package main

import (
	"fmt"
	"net/netip"
)

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
