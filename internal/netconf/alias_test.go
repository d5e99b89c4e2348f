package netconf

import (
	"strings"
	"testing"
)

func TestAlias(t *testing.T) {
	// printf %s "$(printf 'x%.0s' $(seq 111))" | sha256sum
	const hashOf111x = "#5ba60613dba318e9ed9020301e5dc59c721c19d82862e4d03718708aa75d2bad"
	x := func(n int) string { return strings.Repeat("x", n) }
	tests := []struct {
		name                string
		network, id, ifName string
		want                string
	}{
		{"short", "vms", "0123abcd", "net1", "tap/vms/0123abcd/net1"},
		{"network at the limit", x(110), "id", "net1", "tap/" + x(110) + "/id/net1"},
		{"network beyond", x(111), "id", "net1", "tap/" + hashOf111x + "/id/net1"},
		{"container ID at the limit", "vms", x(110), "net1", "tap/vms/" + x(110) + "/net1"},
		{"container ID beyond", "vms", x(111), "net1", "tap/vms/" + hashOf111x + "/net1"},
		{"both beyond", x(111), x(111), "net1", "tap/" + hashOf111x + "/" + hashOf111x + "/net1"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			conf := &Config{Network: tt.network, ContainerID: tt.id, IfName: tt.ifName}
			if got := conf.Alias(); got != tt.want {
				t.Errorf("Alias\nwant %s\ngot  %s", tt.want, got)
			}
		})
	}
}

func TestAliasFitsTheKernel(t *testing.T) {
	const most = 255 // IFALIASZ less its NUL
	for _, length := range []int{1, 64, 65, 109, 110, 111, 112, 253, 4096} {
		field := strings.Repeat("x", length)
		conf := &Config{Network: field, ContainerID: field, IfName: strings.Repeat("i", 15)}
		if got := len(conf.Alias()); got > most {
			t.Errorf("length of the alias of fields of %d bytes\nwant at most %d\ngot  %d", length, most, got)
		}
	}
}

// No attachment may take another's device for its own: neither through a field
// that runs into the next, nor through a hash, nor through a cut.
func TestAliasTellsAttachmentsApart(t *testing.T) {
	long := strings.Repeat("x", 200)
	attachments := []Config{
		{Network: "a", ContainerID: "b", IfName: "c"},
		{Network: "b", ContainerID: "a", IfName: "c"},
		{Network: "a", ContainerID: "c", IfName: "b"},
		{Network: "ab", ContainerID: "b", IfName: "c"},
		{Network: "a", ContainerID: "bb", IfName: "c"},
		{Network: "a", ContainerID: "b", IfName: "c1"},
		{Network: "a", ContainerID: "b", IfName: "C"},
		{Network: "a.b", ContainerID: "c", IfName: "d"},
		{Network: "a", ContainerID: "b.c", IfName: "d"},
		{Network: "a-b", ContainerID: "c", IfName: "d"},
		{Network: "tap", ContainerID: "a", IfName: "b"},
		{Network: long, ContainerID: "b", IfName: "c"},
		{Network: "b", ContainerID: long, IfName: "c"},
		{Network: long + "y", ContainerID: "b", IfName: "c"},
		{Network: long + "z", ContainerID: "b", IfName: "c"},
		{Network: long[:110], ContainerID: "b", IfName: "c"},
		{Network: long[:111], ContainerID: "b", IfName: "c"},
		{Network: strings.TrimPrefix(aliasField(long), "#"), ContainerID: "b", IfName: "c"}, // named like a hash
	}
	seen := map[string]Config{}
	for _, conf := range attachments {
		alias := conf.Alias()
		if other, taken := seen[alias]; taken {
			t.Errorf("alias %s\nwant one attachment\ngot  %+v and %+v", alias, other, conf)
		}
		seen[alias] = conf
	}
}
