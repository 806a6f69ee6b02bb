package monitor

import "time"

// BridgeStatus is what a serving bridge says about itself.
type BridgeStatus struct {
	PID     int       `json:"pid"`
	Version string    `json:"version"`
	URL     string    `json:"url"`
	Since   time.Time `json:"since"`
	Checked time.Time `json:"checked,omitzero"` // when the file last passed its check; zero while it has not
	Health  []Health  `json:"health"`
	// Destination is where the bridge delivers; empty for nowhere.
	Destination Destination `json:"destination"`
	// Retention says which runs went since they were old; nil when none go.
	Retention *RetentionStatus `json:"retention,omitempty"`
}

// RetentionStatus is what a serving bridge says about old runs.
type RetentionStatus struct {
	Keep     time.Duration  `json:"keep"`      // nanoseconds; 0 for no age
	MaxBytes int64          `json:"max_bytes"` // 0 for no size
	Runs     int64          `json:"runs"`      // that went in all
	Records  int64          `json:"records"`
	Last     RetentionRound `json:"last"`
	// Why says why the file has no room, empty when it has.
	Why string `json:"why,omitempty"`
}

// UpgradeState says what became of an upgrade that an operator asked for.
type UpgradeState struct {
	Error   string        `json:"error,omitempty"` // why the bridge goes on as it was
	Version string        `json:"version"`         // of the program that serves now
	Before  string        `json:"before"`          // version of the program before; empty when the bridge was started anew
	Waited  time.Duration `json:"waited"`          // the longest that a client could wait between the two, in nanoseconds
}

// ProjectStatus is what a file has of one project.
type ProjectStatus struct {
	Project  string    `json:"project"`
	LastRun  string    `json:"last_run"`
	Started  time.Time `json:"started"` // start of the last session of the last run
	Tests    int64     `json:"tests"`   // measurements of tests in the last run
	Sessions int64     `json:"sessions"`
	Today    int64     `json:"today"` // sessions that started today
}

// Health is the state of one component, for load balancers and for people.
type Health struct {
	Component string // such as "journal" or "delivery"
	OK        bool
	// Required says that the bridge cannot accept records while this component is not OK.
	Required bool
	// Detail is one line. It says why the component is not OK, or what it is doing.
	Detail string
}

// HealthChecker reports its state at once, without I/O.
type HealthChecker interface {
	Health() Health
}
