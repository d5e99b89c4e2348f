// Package measure compares things that are noisy: it lets them take turns, sums up
// what they cost, says how busy the machine was, and writes tables. It does not know
// what is measured.
package measure
