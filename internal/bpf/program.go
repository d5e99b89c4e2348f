// Package bpf loads the two BPF programs that connect an interface and the tap of its guest. It does
// not depend on CNI or netlink.
package bpf

// Constants for programs of type BPF_PROG_TYPE_SCHED_CLS (include/uapi/linux/pkt_cls.h, bpf.h).
const (
	actUnspec      = -1 // TC_ACT_UNSPEC: the next filter decides; without one the frame passes
	actShot        = 2  // TC_ACT_SHOT: the frame is dropped
	funcRedirect   = 23 // BPF_FUNC_redirect
	ingressIfindex = 36 // offset in struct __sk_buff: the device that received the frame; 0: sent by the kernel itself
)

// LoadRedirect loads a program that redirects every frame to the egress of the device with index to.
func LoadRedirect(to int) (*Program, error) {
	return load("tap_redirect", []instruction{
		{code: moveImm, destination: 1, immediate: int32(to)},
		{code: moveImm, destination: 2, immediate: 0}, // flags: egress, not BPF_F_INGRESS
		{code: call, immediate: funcRedirect},         // returns TC_ACT_REDIRECT or TC_ACT_SHOT
		{code: exit},
	})
}

// LoadOnlyFrom loads a program that drops every frame that the device with the given index did not
// receive: frames that the kernel sends itself or forwards from another device.
func LoadOnlyFrom(index int) (*Program, error) {
	return load("tap_only_from", []instruction{
		{code: load32, destination: 2, source: 1, offset: ingressIfindex},
		{code: moveImm, destination: 0, immediate: actUnspec},
		{code: jumpIfEq, destination: 2, immediate: int32(index), offset: 1},
		{code: moveImm, destination: 0, immediate: actShot},
		{code: exit},
	})
}
