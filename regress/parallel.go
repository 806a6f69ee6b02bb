package regress

import (
	"fmt"
	"iter"
	"runtime"
	"runtime/debug"
	"sync"
	"sync/atomic"

	"pymon-bridge/monitor/turns"
)

// block is how many items a processor takes at once: enough to make taking them cheap, and few enough to end together. Others get the
// processor between two blocks only.
const block = 64

// inParallel calls work for consecutive parts of [0, n) on all processors, and returns when all is done.
func inParallel(n int, work func(from, to int)) {
	each((n+block-1)/block, func(i int) {
		work(i*block, min((i+1)*block, n))
	})
}

// each calls work for each number below n on all processors, and returns when all is done. It panics as work does, on
// the goroutine of its caller, who can recover.
func each(n int, work func(i int)) {
	inTurns(n, func(numbers iter.Seq[int]) {
		for i := range numbers {
			work(i)
		}
	})
}

// inTurns is each for work that has something to reuse: it calls work once on each processor, with the numbers to work on.
func inTurns(n int, work func(numbers iter.Seq[int])) {
	var next atomic.Int64
	var done sync.WaitGroup
	var failed atomic.Pointer[string]
	numbers := func(yield func(int) bool) {
		for i := int(next.Add(1)) - 1; i < n && yield(i); i = int(next.Add(1)) - 1 {
			runtime.Gosched() // else who waits gets a processor after 10 ms, and a post waits several times
		}
	}
	for range min(turns.Processors, n) {
		done.Go(func() {
			defer func() {
				if p := recover(); p != nil {
					trace := fmt.Sprintf("%v\n%s", p, debug.Stack())
					failed.Store(&trace)
				}
			}()
			work(numbers)
		})
	}
	done.Wait()
	if trace := failed.Load(); trace != nil {
		panic(*trace)
	}
}
