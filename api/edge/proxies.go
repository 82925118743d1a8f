package edge

import (
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// clientAddress returns who sent r: the peer or, if that is a trusted proxy, the
// address nearest to us in X-Forwarded-For that is not one. Each proxy adds its peer
// at the right end, so that what stands left of the first untrusted address is that
// client's own invention. Forwarded (RFC 7239) is ignored: a proxy that does not write
// it hands through a client's.
func clientAddress(r *http.Request, trusted []netip.Prefix) netip.Addr {
	client, ok := parseAddress(r.RemoteAddr)
	if !ok || !isTrusted(client, trusted) {
		return client
	}
	for _, hops := range slices.Backward(r.Header.Values("X-Forwarded-For")) {
		for hops != "" {
			i := strings.LastIndexByte(hops, ',')
			hop, ok := parseAddress(strings.TrimSpace(hops[i+1:]))
			if !ok {
				return client // a trusted proxy that hides its peer stands for it
			}
			if client = hop; !isTrusted(client, trusted) {
				return client
			}
			hops = hops[:max(i, 0)]
		}
	}
	return client
}

func isTrusted(a netip.Addr, trusted []netip.Prefix) bool {
	return slices.ContainsFunc(trusted, func(p netip.Prefix) bool { return p.Contains(a) })
}

// parseAddress reads an address, with a port or without. One IPv4 address has one
// form, and a zone, which says something to its own host only, is left out.
func parseAddress(s string) (netip.Addr, bool) {
	if a, err := netip.ParseAddr(strings.Trim(s, "[]")); err == nil {
		return a.Unmap().WithZone(""), true
	}
	if a, err := netip.ParseAddrPort(s); err == nil {
		return a.Addr().Unmap().WithZone(""), true
	}
	return netip.Addr{}, false
}
