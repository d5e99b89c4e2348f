// Package bpf makes the two programs between an interface and the tap of its guest,
// and loads them. It knows neither CNI nor netlink.
package bpf

// Of a program for a qdisc's hook (include/uapi/linux/pkt_cls.h, bpf.h).
const (
	actUnspec      = -1 // TC_ACT_UNSPEC: the next filter decides, and where there is none the frame passes
	actShot        = 2  // TC_ACT_SHOT: the frame is dropped
	funcRedirect   = 23 // BPF_FUNC_redirect
	ingressIfindex = 36 // offset in struct __sk_buff: the device that received the frame, 0 for the kernel's own
)

// Redirect is a program that sends every frame out through the device of that index.
func Redirect(to int) (*Program, error) {
	return load("tap_redirect", []instruction{
		{code: moveImm, destination: 1, immediate: int32(to)},
		{code: moveImm, destination: 2, immediate: 0}, // out, and not in
		{code: call, immediate: funcRedirect},         // which answers TC_ACT_REDIRECT, or TC_ACT_SHOT
		{code: exit},
	})
}

// OnlyFrom is a program that drops every frame that the device of that index did not
// receive: those that the kernel makes itself, or forwards from elsewhere.
func OnlyFrom(index int) (*Program, error) {
	return load("tap_only_from", []instruction{
		{code: load32, destination: 2, source: 1, offset: ingressIfindex},
		{code: moveImm, destination: 0, immediate: actUnspec},
		{code: jumpIfEq, destination: 2, immediate: int32(index), offset: 1},
		{code: moveImm, destination: 0, immediate: actShot},
		{code: exit},
	})
}
