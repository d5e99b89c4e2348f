package measure

import (
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// Usage is processor time since the start of the machine, of all processors together.
type Usage struct {
	all, idle time.Duration
	ours      time.Duration // of this process, and of those that it has waited for
}

// ReadUsage asks the kernel.
func ReadUsage() (Usage, error) {
	file, err := os.Open("/proc/stat")
	if err != nil {
		return Usage{}, fmt.Errorf("read processor times: %w", err)
	}
	defer file.Close()
	// proc(5): user, nice, system, idle, iowait, irq, softirq, steal, in hundredths of a second
	var ticks [8]int64
	var at []any
	for i := range ticks {
		at = append(at, &ticks[i])
	}
	if _, err := fmt.Fscanf(file, "cpu %d %d %d %d %d %d %d %d", at...); err != nil {
		return Usage{}, fmt.Errorf("read processor times: %w", err)
	}
	u := Usage{idle: time.Duration(ticks[3]+ticks[4]) * 10 * time.Millisecond}
	for _, n := range ticks {
		u.all += time.Duration(n) * 10 * time.Millisecond
	}
	for _, who := range []int{unix.RUSAGE_SELF, unix.RUSAGE_CHILDREN} {
		var r unix.Rusage
		if err := unix.Getrusage(who, &r); err != nil {
			return Usage{}, fmt.Errorf("getrusage: %w", err)
		}
		u.ours += time.Duration(r.Utime.Nano() + r.Stime.Nano())
	}
	return u, nil
}

// Others is the percentage of all processor time between two readings that went to others: the
// kernel's own threads, which work for us too, and whoever disturbs the measurement.
func Others(before, after Usage) float64 {
	all, idle, ours := after.all-before.all, after.idle-before.idle, after.ours-before.ours
	if all <= 0 {
		return 0
	}
	return max(0, 100*float64(all-idle-ours)/float64(all))
}
