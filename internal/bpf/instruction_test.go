package bpf

import (
	"bytes"
	"encoding/binary"
	"testing"
	"unsafe"
)

// A compiler for this machine encodes the same: `r2 = *(u32 *)(r1 + 36)`, `if r2 == 7 goto +1`.
func TestEncode(t *testing.T) {
	code := encode([]instruction{
		{code: load32, destination: 2, source: 1, offset: ingressIfindex},
		{code: jumpIfEq, destination: 2, offset: 1, immediate: 7},
		{code: moveImm, immediate: actUnspec},
	})
	want := []byte{
		0x61, 0x12, 36, 0, 0, 0, 0, 0,
		0x15, 0x02, 1, 0, 7, 0, 0, 0,
		0xb7, 0x00, 0, 0, 0xff, 0xff, 0xff, 0xff,
	}
	if binary.NativeEndian.Uint16([]byte{0, 1}) == 1 {
		want = []byte{
			0x61, 0x21, 0, 36, 0, 0, 0, 0,
			0x15, 0x20, 0, 1, 0, 0, 0, 7,
			0xb7, 0x00, 0, 0, 0xff, 0xff, 0xff, 0xff,
		}
	}
	if !bytes.Equal(code, want) {
		t.Errorf("code\nwant % x\ngot  % x", want, code)
	}
}

// The layout must equal union bpf_attr: the kernel rejects nonzero bytes after the fields that it knows.
func TestLoadAttrLayout(t *testing.T) {
	var attr loadAttr
	for name, field := range map[string]struct{ got, want uintptr }{
		"insns":       {unsafe.Offsetof(attr.instructions), 8},
		"license":     {unsafe.Offsetof(attr.license), 16},
		"log_buf":     {unsafe.Offsetof(attr.log), 32},
		"prog_flags":  {unsafe.Offsetof(attr.flags), 44},
		"prog_name":   {unsafe.Offsetof(attr.name), 48},
		"size of all": {unsafe.Sizeof(attr), 64},
	} {
		if field.got != field.want {
			t.Errorf("offset of %s\nwant %d\ngot  %d", name, field.want, field.got)
		}
	}
}
