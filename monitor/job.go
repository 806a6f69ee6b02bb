package monitor

// JobRun is what a run of a commit measured, by test, or what a job did whose runs are repeats of each other.
type JobRun[T comparable, V any] struct {
	Began int64 // start of the first session, in UTC nanoseconds
	Ended int64 // end of the last test
	Tests map[T]V
}

// After says whether a run that began at an instant did so when another one had ended. Otherwise they ran at once, and none repeats the
// other.
func After(began, ended int64) bool { return began >= ended }

// Repeats says which earlier jobs of a commit, branch and class of machine a run repeats, and so may clear. The others are other jobs,
// such as other shards, also where they have tests of equal ids.
//
// A run repeats no job that had not ended when the run began. It repeats the jobs of which it has most tests, as a job that is retried
// does. Without such a job, it repeats those that it shares tests with, if most of its tests ran before: some of the commit's tests were
// run again to confirm or clear them.
func (r *JobRun[T, V]) Repeats(jobs []*JobRun[T, V]) (again []bool) {
	again = make([]bool, len(jobs))
	some, ranBefore, found := make([]bool, len(jobs)), map[T]bool{}, false
	for i, job := range jobs {
		if !After(r.Began, job.Ended) {
			continue
		}
		shared := 0
		for test := range job.Tests {
			if _, ran := r.Tests[test]; ran {
				shared++
				ranBefore[test] = true
			}
		}
		again[i], some[i] = 2*shared > len(job.Tests), shared > 0
		found = found || again[i]
	}
	if !found && 2*len(ranBefore) > len(r.Tests) {
		return some
	}
	return again
}
