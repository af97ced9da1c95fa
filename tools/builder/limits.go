package main

import (
	"fmt"
	"runtime/metrics"
	"sync"
	"syscall"
	"time"
)

const (
	interval    = 20 * time.Millisecond
	totalMemory = "/memory/classes/total:bytes"
	returned    = "/memory/classes/heap/released:bytes"
)

// limits ends the process when a root takes too much. Processor time is what counts, so that neither a download nor
// a busy machine fails a build.
type limits struct {
	cpu, wall time.Duration
	bytes     int64

	lock    sync.Mutex
	running bool
	begun   time.Time
	used    time.Duration
}

func (l *limits) start() {
	l.lock.Lock()
	defer l.lock.Unlock()
	l.running, l.begun, l.used = true, time.Now(), processorTime()
}

func (l *limits) stop() {
	l.lock.Lock()
	defer l.lock.Unlock()
	l.running = false
}

func (l *limits) watch(replies *replies) {
	for range time.Tick(interval) {
		l.lock.Lock()
		if exceeded := l.exceeded(); exceeded != "" {
			replies.send(answer{Error: exceeded})
			exit(3)
		}
		l.lock.Unlock()
	}
}

func (l *limits) exceeded() string {
	switch {
	case !l.running:
		return ""
	case processorTime()-l.used > l.cpu:
		return fmt.Sprintf("limit: it takes more than %v of processor time", l.cpu)
	case time.Since(l.begun) > l.wall:
		return fmt.Sprintf("limit: it takes more than %v", l.wall)
	case memory() > l.bytes:
		return fmt.Sprintf("limit: it takes more than %d MB of memory", l.bytes>>20)
	}
	return ""
}

func processorTime() time.Duration {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		return 0
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

// boundMemory has the kernel refuse what is far above the limit: Go maps terabytes in one step, during which nobody
// watches.
func boundMemory(bytes int64) {
	limit := syscall.Rlimit{Cur: uint64(2 * bytes), Max: uint64(2 * bytes)}
	_ = syscall.Setrlimit(syscall.RLIMIT_DATA, &limit) // where it may not be set, limits.watch remains
}

func memory() int64 {
	samples := []metrics.Sample{{Name: totalMemory}, {Name: returned}}
	metrics.Read(samples)
	return int64(samples[0].Value.Uint64() - samples[1].Value.Uint64())
}
