package monitor

import (
	"cmp"
	"time"
)

// KeptRuns is a number of commits, and a number of runs of a commit. Of each [RunGroup] the runs of the newest KeptRuns commits stay,
// whatever their age: KeptRuns runs of each commit at most. So the gate never loses its baseline, which counts commits too.
const KeptRuns = 60

// BranchRests is how long a branch, or a selection of tests on it, may be without a run while its project has some. After that it counts
// as merged or left, and keeps no newest runs: the branches of pull requests would stay for ever.
const BranchRests = 90 * 24 * time.Hour

// Retention says which runs go from the file. A run goes as a whole, with its measurements, outcomes, sessions and report. What stays for
// ever is what people decided, and what runs measured over time ([Rollups]).
type Retention struct {
	// Keep is the age from which on runs go. A run is as old as its last session, so that a run with late shards goes at once. 0 means
	// no age.
	Keep time.Duration
	// MaxBytes is the size of the file near which the oldest runs go, whatever their age. 0 means no size.
	MaxBytes int64
	// Dest is where the bridge delivers. What it has not got stays. Empty means that nobody gets the records.
	Dest Destination
	// UpTo is a number of the sequence. A run with a record behind it may still be under way, and stays.
	UpTo uint64
	// Newest is used instead of [KeptRuns] unless it is 0.
	Newest int
}

// BySize says whether the size of the file makes runs go. Without a destination the file is the only copy, so only an age does.
func (r Retention) BySize() bool { return r.MaxBytes > 0 && r.Dest != "" }

// Active says whether any runs go.
func (r Retention) Active() bool { return r.Keep > 0 || r.BySize() }

// MakesRoom says whether a file of the given size in bytes is so large that runs go.
func (r Retention) MakesRoom(bytes int64) bool { return r.BySize() && bytes >= r.MaxBytes/20*19 }

// HasRoom says whether a file of the given size in bytes is small enough, so that no more runs go.
func (r Retention) HasRoom(bytes int64) bool { return !r.BySize() || bytes < r.MaxBytes/10*9 }

// Before returns the time before which runs are too old, zero without an age.
func (r Retention) Before(now time.Time) time.Time {
	if r.Keep <= 0 {
		return time.Time{}
	}
	return now.Add(-r.Keep)
}

// RunGroup is what runs have in common that are compared with each other.
type RunGroup struct {
	Project, Branch, Env string
	Selection            string // why no session is whole, empty where one is. Partial runs are compared with those alike only
}

// NewestRuns finds the newest runs of each group.
type NewestRuns struct {
	most    int
	now     time.Time
	counted map[RunGroup]map[string]int // runs by commit
	latest  map[string]time.Time        // by project, when its last run began
	rests   map[RunGroup]bool           // of any class of machine
}

// NewestRuns returns one that has no run yet.
func (r Retention) NewestRuns(now time.Time) *NewestRuns {
	return &NewestRuns{cmp.Or(r.Newest, KeptRuns), now, map[RunGroup]map[string]int{}, map[string]time.Time{}, map[RunGroup]bool{}}
}

// Add counts a run, in the order from the newest on, and says whether it is among the newest of any of its groups. A run on two classes
// of machine is in two groups. commit is the run itself where no commit is known. began is the start of its last session.
func (n *NewestRuns) Add(groups []RunGroup, commit string, began time.Time) (newest bool) {
	for _, g := range groups {
		if n.latest[g.Project].IsZero() && !began.After(n.now) { // a date in the future ends no branch
			n.latest[g.Project] = began
		}
		anywhere := g
		anywhere.Env = ""
		if _, known := n.rests[anywhere]; !known {
			n.rests[anywhere] = n.latest[g.Project].Sub(began) > BranchRests
		}
		if n.rests[anywhere] {
			continue
		}
		commits := n.counted[g]
		if commits == nil {
			commits = map[string]int{}
			n.counted[g] = commits
		}
		if runs := commits[commit]; runs == 0 && len(commits) < n.most || 0 < runs && runs < n.most {
			commits[commit]++
			newest = true
		}
	}
	return newest
}

// RetentionRound says what a round of retention did. The counts of what stays are of runs that are too old, or have to make room.
type RetentionRound struct {
	Began       time.Time `json:"began,omitzero"`
	Ended       time.Time `json:"ended,omitzero"`
	Runs        int64     `json:"runs"`    // that were removed
	Records     int64     `json:"records"` // of these runs
	Undelivered int       `json:"undelivered"`
	Newest      int       `json:"newest"`    // among the newest of their group
	UnderWay    int       `json:"under_way"` // got something a moment ago
	Mixed       int       `json:"mixed"`     // have a session with the hash of a machine
	// Waits says why nothing went at all, such as a replay under way.
	Waits string `json:"waits,omitempty"`
	// Early says that the round ended before it was done, since somebody waits for the deletion of a project.
	Early bool `json:"early,omitempty"`
	// Full says that the file is still too large.
	Full bool `json:"full,omitempty"`
}
