package regress

import (
	"runtime"
	"sync"
	"sync/atomic"
)

// block is how many items a processor takes at once: enough to make taking them cheap, and few enough to end together.
const block = 1024

// inParallel calls work for consecutive parts of [0, n) on all processors, and returns when all is done.
func inParallel(n int, work func(from, to int)) {
	each((n+block-1)/block, func(i int) {
		work(i*block, min((i+1)*block, n))
	})
}

// each calls work for each number below n on all processors, and returns when all is done.
func each(n int, work func(i int)) {
	var next atomic.Int64
	var done sync.WaitGroup
	for range min(runtime.GOMAXPROCS(0), n) {
		done.Go(func() {
			for i := int(next.Add(1)) - 1; i < n; i = int(next.Add(1)) - 1 {
				work(i)
			}
		})
	}
	done.Wait()
}
