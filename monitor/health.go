package monitor

// Health is the state of one component, for readiness and for people.
type Health struct {
	Component string // such as "journal" or "delivery"
	OK        bool
	// Required says that the bridge cannot accept while this component is not OK.
	Required bool
	// Detail says why not, or what goes on; one line.
	Detail string
}

// HealthChecker reports its state at once, without I/O.
type HealthChecker interface {
	Health() Health
}
