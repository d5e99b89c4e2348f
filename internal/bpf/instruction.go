package bpf

import "encoding/binary"

// instruction is a BPF instruction (RFC 9669, section 3). Its encoding has the byte order of the
// machine.
type instruction struct {
	code        uint8
	destination uint8 // register
	source      uint8 // register
	offset      int16
	immediate   int32
}

// Operation codes, include/uapi/linux/bpf_common.h and bpf.h.
const (
	load32   = 0x61 // BPF_LDX | BPF_MEM | BPF_W: destination = *(u32 *)(source + offset)
	moveImm  = 0xb7 // BPF_ALU64 | BPF_MOV | BPF_K
	jumpIfEq = 0x15 // BPF_JMP | BPF_JEQ | BPF_K: skips offset instructions if destination == immediate
	call     = 0x85 // BPF_JMP | BPF_CALL: calls the helper function number immediate
	exit     = 0x95 // BPF_JMP | BPF_EXIT: returns r0
)

const instructionSize = 8 // bytes

// encode returns the program as the kernel expects it.
func encode(program []instruction) []byte {
	code := make([]byte, 0, len(program)*instructionSize)
	for _, i := range program {
		code = append(code, i.code, registers(i.destination, i.source))
		code = binary.NativeEndian.AppendUint16(code, uint16(i.offset))
		code = binary.NativeEndian.AppendUint32(code, uint32(i.immediate))
	}
	return code
}

// registers returns the byte with both register numbers. In C they are bit-fields of 4 bits, whose
// order depends on the byte order of the machine.
func registers(destination, source uint8) uint8 {
	if binary.NativeEndian.Uint16([]byte{0, 1}) == 1 { // big endian
		return destination<<4 | source
	}
	return source<<4 | destination
}
