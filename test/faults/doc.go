// Package faults lets every system call of the plugin fail, and kills it at each of
// them: `make faults`. docs/reliability.md says how to read and extend it.
package faults
