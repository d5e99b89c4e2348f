package bpf

import "encoding/binary"

// instruction is one of the kernel's (RFC 9669, section 3), whose fields have the
// byte order of the machine.
type instruction struct {
	code        uint8
	destination uint8 // register
	source      uint8 // register
	offset      int16
	immediate   int32
}

// Codes, include/uapi/linux/bpf_common.h and bpf.h.
const (
	load32   = 0x61 // BPF_LDX | BPF_MEM | BPF_W: destination = *(u32 *)(source + offset)
	moveImm  = 0xb7 // BPF_ALU64 | BPF_MOV | BPF_K
	jumpIfEq = 0x15 // BPF_JMP | BPF_JEQ | BPF_K: skips offset instructions where destination == immediate
	call     = 0x85 // BPF_JMP | BPF_CALL: the helper whose number is immediate
	exit     = 0x95 // BPF_JMP | BPF_EXIT: returns r0
)

const instructionSize = 8 // bytes

func encode(program []instruction) []byte {
	code := make([]byte, 0, len(program)*instructionSize)
	for _, i := range program {
		code = append(code, i.code, registers(i.destination, i.source))
		code = binary.NativeEndian.AppendUint16(code, uint16(i.offset))
		code = binary.NativeEndian.AppendUint32(code, uint32(i.immediate))
	}
	return code
}

// registers are two fields of four bits, which compilers lay out as they do bytes.
func registers(destination, source uint8) uint8 {
	if binary.NativeEndian.Uint16([]byte{0, 1}) == 1 { // big endian
		return destination<<4 | source
	}
	return source<<4 | destination
}
