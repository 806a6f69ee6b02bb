package turns

import "runtime"

// Processors is how many processors the program may use. A bridge lets more threads than that run at once, since some of them
// wait for the disk. What computes for long uses so many.
var Processors = runtime.GOMAXPROCS(0)
