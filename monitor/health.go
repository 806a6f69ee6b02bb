package monitor

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
