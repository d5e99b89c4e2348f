package feature

import (
	"net"

	current "github.com/containernetworking/cni/pkg/types/100"

	"tap/internal/netdev"
	"tap/internal/plan"
)

// compareAddresses returns the differences between the addresses that prev has for the interface with an
// index and those of the tap.
func compareAddresses(prev *current.Result, index int, found []net.IPNet) []plan.Difference {
	return compareLayer3(&current.Result{IPs: prev.IPs}, index, 0, found, nil)
}

// compareRoutes is compareAddresses for routes. The addresses are as prev has them.
func compareRoutes(prev *current.Result, index, tap int, routes []netdev.RouteEntry) []plan.Difference {
	var found []net.IPNet
	for _, ip := range prev.IPs {
		found = append(found, ip.Address)
	}
	return compareLayer3(prev, index, tap, found, routes)
}

func compareLayer3(prev *current.Result, index, tap int, addresses []net.IPNet, routes []netdev.RouteEntry) []plan.Difference {
	e := newExpectedLayer3(prev, index, tap)
	for range 2 { // an interrupted dump is repeated
		for _, address := range addresses {
			e.seeAddress(address)
		}
		for _, route := range routes {
			e.seeRoute(route)
		}
	}
	return e.differences()
}
